package org.nixwsl.storage.linux.tree;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.StorageLayout;

/**
 * What differs from layout to layout where the files are; a plain directory needs none of it.
 * Implementations are thread-safe.
 */
interface InstanceLayout {
  /** Every reason why an instance cannot lie on a storage in this layout; changes nothing. */
  List<Problem> refusals(
      InstanceName instance, Optional<MountedStorage> storage, Operation operation)
      throws IOException, InterruptedException;

  /** Makes the directory of an instance, unless it is there; a plain one is made by the copy. */
  default void make(Path directory, Operation operation) throws IOException, InterruptedException {}

  /** Whether there are snapshots. */
  default boolean snapshots() {
    return false;
  }

  /** Keeps what a directory holds now, read-only, under a name that is free. */
  default void snapshot(Path directory, Path as, Operation operation)
      throws IOException, InterruptedException {
    throw new UnsupportedOperationException("This layout has no snapshots");
  }

  /** The one of a storage. */
  static InstanceLayout of(StorageLayout layout, ProcessRunner processes) {
    if (layout instanceof StorageLayout.Ext4Subdirectories) {
      return (instance, storage, operation) -> List.of();
    }
    if (layout instanceof StorageLayout.BtrfsSubvolumes) {
      return new Subvolumes(processes);
    }
    return layout instanceof StorageLayout.DedicatedPartitions
        ? new DedicatedPartition()
        : new UnsupportedLayout(layout);
  }
}
