package org.nixwsl.storage.mount;

import java.nio.file.Path;
import java.util.Optional;
import java.util.UUID;
import org.immutables.value.Value;

/** The one place that all instances share. */
@Value.Immutable
@ValueStyle
public interface SharedStorage {
  /** Where it is. */
  StorageLocation location();

  /** The name under which it is mounted; {@code nixstorage} when not said. */
  @Value.Default
  default MountName mountName() {
    return MountName.of("nixstorage");
  }

  /**
   * The UUID of its file system, which is its identity: device letters and names prove nothing.
   * When given, a disk with another one is refused and a blank disk is formatted with it; when not,
   * a blank disk gets a random one. A move to a physical disk needs it.
   */
  Optional<UUID> fileSystemUuid();

  /** How the instances lie on it; one ext4 with a directory for each when not said. */
  @Value.Default
  default StorageLayout layout() {
    return StorageLayout.ofDefaults();
  }

  /** The same storage, known by this UUID. */
  default SharedStorage knownBy(UUID uuid) {
    return builder()
        .location(location())
        .mountName(mountName())
        .layout(layout())
        .fileSystemUuid(uuid)
        .build();
  }

  /** Refuses partitions where there are none. */
  @Value.Check
  default void check() {
    boolean partition =
        location() instanceof StorageLocation.PhysicalDisk disk && disk.partition().isPresent();
    if (layout() instanceof StorageLayout.DedicatedPartitions && !partition) {
      throw new IllegalArgumentException(
          "The layout DedicatedPartitions needs a PhysicalDisk with a partition, not "
              + location());
    }
  }

  /** A VHDX file with everything else as by default. */
  static SharedStorage onVhdx(Path file) {
    return builder().location(new StorageLocation.VhdxFile(file)).build();
  }

  /** A directory of a mounted file system. */
  static SharedStorage inDirectory(Path directory) {
    return builder().location(new StorageLocation.MountedDirectory(directory)).build();
  }

  /** Starts with the defaults; the location has to be given. */
  static Builder builder() {
    return new Builder();
  }

  /** Builds a {@link SharedStorage}. Not thread-safe; each part is set once. */
  final class Builder extends ImmutableSharedStorage.Builder {
    Builder() {}
  }
}
