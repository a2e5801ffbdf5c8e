package org.nixwsl.storage.mount;

import java.nio.file.Path;
import java.util.Optional;
import java.util.UUID;

/**
 * A shared storage that was just seen mounted. It is a fact of that moment, not a handle: nothing
 * has to be closed, and nothing keeps it mounted.
 *
 * @param mountPoint where it is; the instances' directories are directly below
 * @param device the block device, such as {@code /dev/sdc}; a name that changes between attachments
 * @param fileSystemUuid the UUID that the device carries; empty for a directory whose device shows
 *     none
 * @param fileSystemType the type in the mount table, such as {@code ext4}
 */
public record MountedStorage(
    Path mountPoint, String device, Optional<UUID> fileSystemUuid, String fileSystemType) {
  /** The directory that holds an instance's {@code store/} and {@code var/}. */
  public Path instanceDirectory(InstanceName instance) {
    return mountPoint.resolve(instance.value());
  }
}
