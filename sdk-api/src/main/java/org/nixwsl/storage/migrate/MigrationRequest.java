package org.nixwsl.storage.migrate;

import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import org.immutables.value.Value;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.store.NixStore;

/** The move of one store to the shared storage. */
@Value.Immutable
@ValueStyle
public interface MigrationRequest {
  /** The store to move. It is read and never changed. */
  NixStore source();

  /** The name of its directory on the shared storage. */
  InstanceName instance();

  /** The shared storage. */
  SharedStorage storage();

  /**
   * The disk to create when the storage is a VHDX file that is not there. Without it: a refusal.
   */
  Optional<DiskSpec> createDisk();

  /** How many threads copy and read; chosen by the SDK when not said. From 1 to 1024. */
  OptionalInt threads();

  /**
   * Where {@code configuration.nix} or {@code flake.nix} of the instance is, such as {@code
   * /etc/nixos}. With it the NixOS module is written there and imported, as by {@link
   * org.nixwsl.storage.NixConfigWriter#write}, and the commit writes {@code nix-storage.armed} into
   * the directory above, which lets the next boot with that module take the storage. Nothing is
   * switched or built. Without it the configuration is not touched.
   */
  Optional<Path> configDirectory();

  /** Whether the storage is unmounted and detached at the end; it stays mounted when not said. */
  @Value.Default
  default boolean detachAtEnd() {
    return false;
  }

  /** Refuses a thread count that makes no sense. */
  @Value.Check
  default void check() {
    if (threads().isPresent() && (threads().getAsInt() < 1 || threads().getAsInt() > 1024)) {
      throw new IllegalArgumentException(
          "threads must be from 1 to 1024, not " + threads().getAsInt());
    }
  }

  /** Starts with the defaults; source, instance and storage have to be given. */
  static Builder builder() {
    return new Builder();
  }

  /** Builds a {@link MigrationRequest}. Not thread-safe; each part is set once. */
  final class Builder extends ImmutableMigrationRequest.Builder {
    Builder() {}
  }
}
