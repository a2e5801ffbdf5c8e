package org.nixwsl.storage.linux.tree;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountedStorage;

/** An instance alone on its partition, in a plain directory. */
final class DedicatedPartition implements InstanceLayout {
  /** Whatever else lies there belongs to somebody, and would share the partition's fate. */
  @Override
  public List<Problem> refusals(
      InstanceName instance, Optional<MountedStorage> storage, Operation operation)
      throws IOException {
    if (storage.isEmpty()) {
      return List.of();
    }
    Set<String> others = new TreeSet<>(LinuxStorageTree.strangers(storage.get()));
    others.addAll(LinuxStorageTree.owned(storage.get()));
    others.remove(instance.value());
    return others.isEmpty()
        ? List.of()
        : List.of(
            Problem.of(
                ErrorCode.TARGET_NOT_EMPTY,
                "The partition mounted at "
                    + PathBytes.printable(storage.get().mountPoint())
                    + " is to hold "
                    + instance
                    + " alone, and has "
                    + String.join(", ", others)
                    + " already.",
                "Give this instance a partition of its own, or use the layout ext4, in which"
                    + " instances share one."));
  }
}
