package org.nixwsl.storage.core.platform;

import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.StoreVerifier;
import org.nixwsl.storage.store.NixStore;

/**
 * Where the files of one instance are, for the time of one operation: all parts work there, as one
 * caller. Where that is another place than this process, a program is started there when it is
 * needed first, and ended by {@link #close}; whoever opened the workplace closes it. Calls belong
 * to one thread.
 */
public interface Workplace extends AutoCloseable {
  /** Measures and copies stores. */
  StoreHost host();

  /** Verifies stores. */
  StoreVerifier verifier();

  /** What lies on a storage beside the stores. */
  StorageTree tree();

  /**
   * Makes the store of the instance stand still. What it began ends with the workplace, unless it
   * was kept.
   */
  Stillness stillness();

  /** The configuration of NixOS there. */
  NixConfigWriter config();

  /**
   * The same place beneath what is mounted on its directories, such as a store that is hidden by
   * the one that was bound over it. Nobody else sees this view. The caller closes it when it is
   * used no more, as it keeps mounted what was mounted; it ends with the workplace at the latest.
   * Empty where there is none.
   */
  default Optional<Beneath> beneath() {
    return Optional.empty();
  }

  /**
   * A view of the file system of the root directory alone; other mounts are seen where they always
   * are.
   *
   * @param host copies there
   * @param tree looks there
   * @param root where the root directory is
   * @param end gives the view up
   */
  record Beneath(StoreHost host, StorageTree tree, Path root, Runnable end)
      implements AutoCloseable {
    @Override
    public void close() {
      end.run();
    }

    /** Where a store of the root directory's file system is seen. */
    public NixStore store(NixStore store) {
      Path directory = store.directory();
      return NixStore.ofNixDirectory(
          root.resolve(Objects.requireNonNull(directory.getRoot()).relativize(directory)));
    }
  }

  /** Ends what runs there, and its locks. Idempotent. */
  @Override
  void close();

  /**
   * A workplace that is this process's own.
   *
   * @param host measures and copies
   * @param verifier verifies
   * @param tree what lies on a storage
   * @param stillness freezes
   * @param config writes configurations
   */
  record Here(
      StoreHost host,
      StoreVerifier verifier,
      StorageTree tree,
      Stillness stillness,
      NixConfigWriter config)
      implements Workplace {
    /** Nothing runs anywhere else. */
    @Override
    public void close() {}
  }
}
