package org.nixwsl.storage.examples.nixwsl;

import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.config.NixModuleSettings;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountName;
import picocli.CommandLine.Option;

/** The options that say what is in the NixOS module. */
final class ModuleOptions {
  @Option(
      names = "--instance",
      required = true,
      paramLabel = "NAME",
      description = "The name of its directory on the shared storage.")
  private @Nullable InstanceName instance;

  @Option(
      names = "--storage-id",
      required = true,
      paramLabel = "UUID",
      description = "What migrate run printed, and .nix-storage-id holds.")
  private @Nullable UUID storageId;

  @Option(
      names = "--mount-name",
      defaultValue = "nixstorage",
      paramLabel = "NAME",
      description = "The name it is mounted under; ${DEFAULT-VALUE} when not given.")
  private @Nullable MountName mountName;

  @Option(
      names = "--fs-uuid",
      paramLabel = "UUID",
      description = "The UUID of the disk's file system, by which a boot mounts it if WSL has not.")
  private @Nullable UUID fileSystemUuid;

  @Option(
      names = "--wait",
      defaultValue = "15",
      paramLabel = "SECONDS",
      description = "How long a boot waits for the disk, 0 to 15.")
  private int waitSeconds;

  ModuleOptions() {}

  /** The settings that were given. */
  NixModuleSettings settings() {
    return NixModuleSettings.builder()
        .instance(Objects.requireNonNull(instance))
        .storageId(Objects.requireNonNull(storageId))
        .mountName(Objects.requireNonNull(mountName))
        .waitSeconds(waitSeconds)
        .fileSystemUuid(Optional.ofNullable(fileSystemUuid))
        .build();
  }
}
