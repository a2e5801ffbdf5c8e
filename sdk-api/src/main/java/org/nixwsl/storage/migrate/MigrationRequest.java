package org.nixwsl.storage.migrate;

import java.nio.file.Path;
import java.util.List;
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
  /**
   * The store to move. It is read and never changed. On Windows a path inside the instance, {@code
   * /nix} as a rule.
   */
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
   * the directory above, which lets the next boot with that module take the storage. Without it the
   * configuration is not touched.
   */
  Optional<Path> configDirectory();

  /**
   * The name of the instance as WSL knows it; the name of its directory when not said. On Linux the
   * instance is the one that this runs in.
   */
  Optional<String> distribution();

  /**
   * Whether the instance is switched to its configuration after the module was written: {@code
   * nixos-rebuild switch} inside of it, which builds. Not done when not said. Needs {@link
   * #configDirectory}. A restart of the instance before the commit still boots as before.
   */
  @Value.Default
  default boolean switchSystem() {
    return false;
  }

  /**
   * Whether the instance is restarted after the commit, so that it runs from the storage, which is
   * proven; not done when not said. An instance that does not come up on the storage goes on with
   * the old store, and the call fails with {@code RESTART_FAILED}. Needs {@link #configDirectory},
   * and a platform from which instances can be restarted, which is Windows. Without {@link
   * #switchSystem} the call fails with {@code SWITCH_FAILED} before it copies, unless the instance
   * was switched to the module of this move: switch it by hand, then resume.
   */
  @Value.Default
  default boolean restart() {
    return false;
  }

  /**
   * The program with its arguments that mounts the storage after a restart of Windows, as for
   * {@link org.nixwsl.storage.mount.Persistence#install}: it is installed as a task that runs at
   * each logon, before the old store is frozen. None is installed when not said, where a task of
   * the storage is there already, for a storage that is no VHDX file, and on platforms without such
   * tasks.
   */
  List<String> logonCommand();

  /** Whether the storage is unmounted and detached at the end; it stays mounted when not said. */
  @Value.Default
  default boolean detachAtEnd() {
    return false;
  }

  /** The same move to a storage that has another place by now, such as a disk with a new number. */
  default MigrationRequest movedTo(SharedStorage place) {
    return builder()
        .source(source())
        .instance(instance())
        .storage(place)
        .createDisk(createDisk())
        .threads(threads())
        .configDirectory(configDirectory())
        .distribution(distribution())
        .switchSystem(switchSystem())
        .restart(restart())
        .addAllLogonCommand(logonCommand())
        .detachAtEnd(detachAtEnd())
        .build();
  }

  /** Refuses a thread count that makes no sense, and what cannot be asked for together. */
  @Value.Check
  default void check() {
    if (configDirectory().isEmpty() && (switchSystem() || restart())) {
      throw new IllegalArgumentException("switchSystem and restart need a configDirectory");
    }
    if (restart() && detachAtEnd()) {
      throw new IllegalArgumentException(
          "restart and detachAtEnd exclude each other: the instance runs from the storage then");
    }
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
