package org.nixwsl.storage.linux.freeze;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import org.nixwsl.storage.core.io.Caller;
import org.nixwsl.storage.core.platform.Stillness;
import org.nixwsl.storage.core.platform.StoreFreezer;
import org.nixwsl.storage.core.platform.StoreFreezer.Found;
import org.nixwsl.storage.core.platform.StoreFreezer.Options;
import org.nixwsl.storage.core.platform.StoreFreezer.Token;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.store.NixStore;

/**
 * What a migration needs of a freeze: of the store that this machine runs on, where systemd runs
 * it. Thread-safe.
 */
public final class LinuxStillness implements Stillness {
  private static final Path NIX = Path.of("/nix");

  private final StoreFreezer freezer;

  /** By this freezer, which has to be thread-safe. */
  public LinuxStillness(StoreFreezer freezer) {
    this.freezer = freezer;
  }

  @Override
  public boolean available(NixStore store) throws IOException {
    try {
      FileFacts nix = FileFacts.of(NIX);
      FileFacts source = FileFacts.of(store.directory());
      return nix.directory()
          && nix.device() == source.device()
          && nix.inode() == source.inode()
          && Systemd.runs()
          && Caller.isRoot();
    } catch (NoSuchFileException notThere) {
      return false;
    }
  }

  @Override
  public String begin(NixStore store, Operation operation)
      throws IOException, InterruptedException {
    // One that somebody relies on is left alone: then the beginning refuses and names it.
    Optional<Found> left = freezer.find(operation).filter(Found::orphaned);
    if (left.isPresent()) {
      freezer.thaw(left.get().token(), operation);
    }
    return freezer.begin(Options.ofDefaults(), operation).token().text();
  }

  @Override
  public void keep(String token, Path mark, Operation operation)
      throws IOException, InterruptedException {
    freezer.hold(Token.parse(token), Optional.of(mark), operation);
  }

  @Override
  public void end(Optional<String> token, NixStore store, Operation operation)
      throws IOException, InterruptedException {
    Optional<Found> found = freezer.find(operation);
    if (found.isEmpty()) {
      return;
    }
    String there = found.get().token().text();
    if (token.isPresent() ? token.get().equals(there) : found.get().orphaned()) {
      freezer.thaw(found.get().token(), operation);
    }
  }
}
