package org.nixwsl.storage.config;

import java.util.UUID;
import org.immutables.value.Value;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountName;

/** What the generated NixOS module has to know. */
@Value.Immutable
@ValueStyle
public interface NixModuleSettings {
  /** The instance whose directory is bound on {@code /nix}. */
  InstanceName instance();

  /** The name under which WSL mounts the disk. */
  @Value.Default
  default MountName mountName() {
    return MountName.of("nixstorage");
  }

  /**
   * The id that the directory must carry: {@link
   * org.nixwsl.storage.migrate.MigrationReport#storageId}.
   */
  UUID storageId();

  /**
   * How long a boot waits for the disk, in seconds, from 0 to 15. WSL itself gives up on a boot
   * after its own limit, so that more would do harm.
   */
  @Value.Default
  default int waitSeconds() {
    return 15;
  }

  /** Refuses a wait that WSL would not sit through. */
  @Value.Check
  default void check() {
    if (waitSeconds() < 0 || waitSeconds() > 15) {
      throw new IllegalArgumentException("waitSeconds must be from 0 to 15, not " + waitSeconds());
    }
  }

  /** Starts with the defaults; instance and storage id have to be given. */
  static Builder builder() {
    return new Builder();
  }

  /** Builds {@link NixModuleSettings}. Not thread-safe; each part is set once. */
  final class Builder extends ImmutableNixModuleSettings.Builder {
    Builder() {}
  }
}
