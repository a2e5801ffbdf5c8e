package org.nixwsl.storage.examples.nixwsl;

import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.mount.MountName;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLayout;
import org.nixwsl.storage.mount.StorageLocation;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Option;

/** The options that name the shared storage. */
final class StorageOptions {
  @ArgGroup(multiplicity = "1")
  private @Nullable Where where;

  @Option(
      names = "--mount-name",
      defaultValue = "nixstorage",
      paramLabel = "NAME",
      description = "The name it is mounted under; nixstorage when not given.")
  private @Nullable MountName mountName;

  @Option(
      names = "--uuid",
      paramLabel = "UUID",
      description = "The UUID that its file system must have, or gets.")
  private @Nullable UUID uuid;

  @Option(
      names = "--layout",
      defaultValue = "ext4",
      paramLabel = "LAYOUT",
      description =
          "How instances lie on it: ext4 (a directory for each), btrfs (a compressed subvolume for"
              + " each; btrfs:LEVEL sets zstd's level), partitions (one of a physical disk for"
              + " each) or zfs (refused). ext4 when not given.")
  private @Nullable StorageLayout layout;

  StorageOptions() {}

  private static final class Where {
    @Option(names = "--disk", paramLabel = "FILE", description = "A VHDX file.")
    private @Nullable Path disk;

    @Option(
        names = "--directory",
        paramLabel = "DIR",
        description = "A directory of a mounted file system, instead of a disk.")
    private @Nullable Path directory;

    @Option(
        names = "--physical-disk",
        paramLabel = "DISK",
        description =
            "A physical disk of Windows, such as \\\\.\\PHYSICALDRIVE1, or a partition of it:"
                + " \\\\.\\PHYSICALDRIVE1:2. Needs administrator rights.")
    private @Nullable String physicalDisk;

    private Where() {}

    private StorageLocation location() {
      if (physicalDisk != null) {
        String[] parts = physicalDisk.split(":", 2);
        Optional<Integer> partition =
            parts.length == 2 ? Optional.of(Integer.valueOf(parts[1])) : Optional.empty();
        return new StorageLocation.PhysicalDisk(parts[0], partition);
      }
      return disk != null
          ? new StorageLocation.VhdxFile(disk)
          : new StorageLocation.MountedDirectory(Objects.requireNonNull(directory));
    }
  }

  /** Whether it is a file of Windows, which a restart detaches and a task can attach again. */
  boolean isFile() {
    return Objects.requireNonNull(where).disk != null;
  }

  /** The storage that was named. */
  SharedStorage storage() {
    return SharedStorage.builder()
        .location(Objects.requireNonNull(where).location())
        .mountName(Objects.requireNonNull(mountName))
        .fileSystemUuid(Optional.ofNullable(uuid))
        .layout(Objects.requireNonNull(layout))
        .build();
  }
}
