package org.nixwsl.storage.examples.nixwsl;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.config.DataDirectory;
import org.nixwsl.storage.config.NixModuleSettings;
import org.nixwsl.storage.config.WslConfOption;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountName;
import org.nixwsl.storage.mount.StorageLayout;
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
      names = "--layout",
      defaultValue = "ext4",
      paramLabel = "LAYOUT",
      description = "How the disk is laid out: ext4, btrfs, btrfs:LEVEL or partitions.")
  private @Nullable StorageLayout layout;

  @Option(
      names = "--wait",
      defaultValue = "15",
      paramLabel = "SECONDS",
      description = "How long a boot waits for the disk, 0 to 15.")
  private int waitSeconds;

  @Option(
      names = "--auto-optimise-store",
      arity = "1",
      paramLabel = "true|false",
      description = "Nix's setting of that name; not mentioned when not given.")
  private @Nullable Boolean autoOptimiseStore;

  @Option(
      names = "--fsync-store-paths",
      arity = "1",
      paramLabel = "true|false",
      description = "Nix's setting of that name (2.24 or newer); not mentioned when not given.")
  private @Nullable Boolean fsyncStorePaths;

  @Option(
      names = "--min-free",
      paramLabel = "SIZE",
      description = "A build collects garbage when the disk has less than that.")
  private @Nullable ByteSize minFree;

  @Option(
      names = "--max-free",
      paramLabel = "SIZE",
      description = "Such a collection ends when that much is free.")
  private @Nullable ByteSize maxFree;

  @Option(
      names = "--verify-schedule",
      defaultValue = "monthly",
      paramLabel = "TIME",
      description =
          "When the store is verified, as systemd writes times; ${DEFAULT-VALUE} when not given.")
  private String verifySchedule = "";

  @Option(
      names = "--gc-schedule",
      paramLabel = "TIME",
      description = "When garbage is collected on the disk; never by the module when not given.")
  private @Nullable String gcSchedule;

  @Option(
      names = "--gc-older-than",
      paramLabel = "DAYS",
      description = "From which age on --gc-schedule takes old generations too.")
  private @Nullable Integer gcOlderThanDays;

  @Option(
      names = "--data-directory",
      paramLabel = "PATH",
      description = "A directory other than /nix that is on the shared disk; may be repeated.")
  private List<DataDirectory> dataDirectories = List.of();

  @Option(
      names = "--seed-generations",
      paramLabel = "NUMBER",
      description = "How many systems the root disk keeps; all when not given.")
  private @Nullable Integer seedGenerations;

  @Option(
      names = "--wsl-conf",
      paramLabel = "SECTION.KEY=VALUE",
      description = "An option of /etc/wsl.conf; may be repeated.")
  private Map<String, String> wslConf = Map.of();

  ModuleOptions() {}

  /** The settings that were given; those that clash are refused with the code of a bad setting. */
  NixModuleSettings settings() {
    NixModuleSettings.Builder settings = NixModuleSettings.builder();
    if (gcOlderThanDays != null) {
      settings.gcOlderThanDays(gcOlderThanDays);
    }
    if (seedGenerations != null) {
      settings.seedGenerations(seedGenerations);
    }
    settings
        .addAllDataDirectories(dataDirectories)
        .instance(Objects.requireNonNull(instance))
        .storageId(Objects.requireNonNull(storageId))
        .mountName(Objects.requireNonNull(mountName))
        .waitSeconds(waitSeconds)
        .fileSystemUuid(Optional.ofNullable(fileSystemUuid))
        .layout(Objects.requireNonNull(layout))
        .autoOptimiseStore(Optional.ofNullable(autoOptimiseStore))
        .fsyncStorePaths(Optional.ofNullable(fsyncStorePaths))
        .minFree(Optional.ofNullable(minFree))
        .maxFree(Optional.ofNullable(maxFree))
        .verifySchedule(verifySchedule)
        .gcSchedule(Optional.ofNullable(gcSchedule));
    try {
      wslConf.forEach(
          (name, value) -> {
            String[] parts = name.split("\\.", 2);
            settings.putWslConf(WslConfOption.of(parts[0], parts[parts.length - 1]), value);
          });
      return settings.build();
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(e.getMessage() + " [" + ErrorCode.BAD_SETTING + "]", e);
    }
  }
}
