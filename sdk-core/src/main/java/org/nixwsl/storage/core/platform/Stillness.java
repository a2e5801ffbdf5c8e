package org.nixwsl.storage.core.platform;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.store.NixStore;

/**
 * Makes the store that is moved stand still from the last look at it to the commit. All of what a
 * migration needs of a freeze. Thread-safe.
 */
public interface Stillness {
  /**
   * No way to do it: the store has to stand still by itself, and it is looked at whether it did.
   */
  static Stillness none() {
    return new Stillness() {
      @Override
      public boolean available(NixStore store) {
        return false;
      }

      @Override
      public String begin(NixStore store, Operation operation) {
        throw new IllegalStateException("No store can be made to stand still here");
      }

      @Override
      public void keep(String token, Path mark, Operation operation) {
        throw new IllegalStateException("No store was made to stand still here");
      }

      @Override
      public void end(Optional<String> token, NixStore store, Operation operation) {
        // Nothing was begun.
      }
    };
  }

  /**
   * Whether the store is one that can be made to stand still here: one that an instance runs on.
   */
  boolean available(NixStore store) throws IOException;

  /**
   * Begins. What an earlier process left of a freeze of the same store is ended first: it is not
   * known what happened under it.
   *
   * @return names the freeze, for {@link #keep} and {@link #end}; one word
   */
  String begin(NixStore store, Operation operation) throws IOException, InterruptedException;

  /**
   * Proves that the freeze is in force without a break since it began, and lets it stay when this
   * process ends after the commit. If it ends before, the freeze ends too. Called right before the
   * commit.
   *
   * @param mark the file that the commit makes
   * @throws org.nixwsl.storage.error.ConflictException if it is not: then there must be no commit
   */
  void keep(String token, Path mark, Operation operation) throws IOException, InterruptedException;

  /**
   * Ends a freeze, kept or not, whoever began it; does nothing where there is none.
   *
   * @param token the freeze; empty for whatever a process left that was killed before it could say
   */
  void end(Optional<String> token, NixStore store, Operation operation)
      throws IOException, InterruptedException;
}
