package org.nixwsl.storage.config;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.UUID;
import java.util.regex.Pattern;
import org.immutables.value.Value;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountName;
import org.nixwsl.storage.mount.StorageLayout;

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

  /**
   * The UUID of the disk's file system. With it a boot takes no other disk, mounts the disk itself
   * where WSL has attached it only, and refuses two devices that both carry the UUID (a copy of the
   * disk). Without it none of this is asked.
   */
  Optional<UUID> fileSystemUuid();

  /**
   * How the disk is laid out: a boot takes, and mounts, no other file system than the layout's. One
   * with ZFS is not rendered.
   */
  @Value.Default
  default StorageLayout layout() {
    return StorageLayout.ofDefaults();
  }

  /** Nix's {@code auto-optimise-store}: equal files become hard links. Unset: not mentioned. */
  Optional<Boolean> autoOptimiseStore();

  /** Nix's {@code fsync-store-paths}, from Nix 2.24 on. Unset: not mentioned. */
  Optional<Boolean> fsyncStorePaths();

  /**
   * Nix's {@code min-free}: a build collects garbage when the disk has less than that. Unset: not
   * mentioned.
   */
  Optional<ByteSize> minFree();

  /**
   * Nix's {@code max-free}: such a collection ends when that much is free. Unset: not mentioned.
   */
  Optional<ByteSize> maxFree();

  /**
   * When the store on the disk is compared with its database, as systemd writes times (its {@code
   * OnCalendar}, for example {@code monthly} or {@code Sun 03:00}).
   */
  @Value.Default
  default String verifySchedule() {
    return "monthly";
  }

  /**
   * When garbage is collected on the disk, in the form of {@link #verifySchedule}. Unset: the
   * module switches on no collection.
   */
  Optional<String> gcSchedule();

  /**
   * From which age on, in days, a scheduled collection takes old generations too; at least 1. Only
   * with {@link #gcSchedule}; unset, generations stay.
   */
  OptionalInt gcOlderThanDays();

  /**
   * Directories other than {@code /nix} that are on the shared disk. They are mounted by systemd,
   * in boots from the disk only; none may lie in another. What is in them on the root disk is not
   * copied: {@code docs/nixos-module.md} says how that is done.
   */
  List<DataDirectory> dataDirectories();

  /**
   * How many systems the root disk keeps, 1 to 9999, besides the one from before the move and the
   * one that is in use. Unset: all. Once a week the rest is removed from there, but nothing until
   * the old store was given up inside the instance ({@code nix-storage release-old-store}).
   */
  OptionalInt seedGenerations();

  /**
   * Options of {@code /etc/wsl.conf}, with the values that WSL is to read. The user's own
   * configuration may say otherwise. {@code boot.systemd}, {@code user.default} and {@code
   * automount.mountFsTab} are not to be set here, {@code boot.initTimeout} is 40000 at least, and
   * {@code automount.root} is a path of letters, digits and {@code . _ -}.
   */
  @Value.NaturalOrder
  SortedMap<WslConfOption, String> wslConf();

  /** Refuses a wait that WSL would not sit through, times that are none, and pairs that clash. */
  @Value.Check
  default void check() {
    if (waitSeconds() < 0 || waitSeconds() > 15) {
      throw new IllegalArgumentException("waitSeconds must be from 0 to 15, not " + waitSeconds());
    }
    requireSchedule("verifySchedule", verifySchedule());
    gcSchedule().ifPresent(schedule -> requireSchedule("gcSchedule", schedule));
    if (gcOlderThanDays().isPresent()) {
      if (gcSchedule().isEmpty()) {
        throw new IllegalArgumentException("gcOlderThanDays needs gcSchedule, which is not set");
      }
      if (gcOlderThanDays().getAsInt() < 1) {
        throw new IllegalArgumentException(
            "gcOlderThanDays must be at least 1, not " + gcOlderThanDays().getAsInt());
      }
    }
    if (seedGenerations().isPresent()
        && (seedGenerations().getAsInt() < 1 || seedGenerations().getAsInt() > 9999)) {
      throw new IllegalArgumentException(
          "seedGenerations must be from 1 to 9999, not " + seedGenerations().getAsInt());
    }
    for (int i = 0; i < dataDirectories().size(); i++) {
      for (DataDirectory other : dataDirectories().subList(0, i)) {
        if (dataDirectories().get(i).overlaps(other)) {
          throw new IllegalArgumentException(
              "Data directories lie in each other: " + other + " and " + dataDirectories().get(i));
        }
      }
    }
    wslConf().forEach(NixModuleSettings::requireOption);
    if (minFree().isPresent()
        && maxFree().isPresent()
        && maxFree().get().compareTo(minFree().get()) < 0) {
      throw new IllegalArgumentException(
          "maxFree (" + maxFree().get() + ") is less than minFree (" + minFree().get() + ")");
    }
  }

  private static void requireOption(WslConfOption option, String value) {
    String why =
        switch (option) {
          case BOOT_SYSTEMD -> "NixOS-WSL always has systemd";
          case USER_DEFAULT -> "it follows wsl.defaultUser";
          case AUTOMOUNT_MOUNT_FSTAB -> "it has to be off";
          case BOOT_INIT_TIMEOUT ->
              value.matches("[4-9][0-9]{4}|[1-9][0-9]{5,8}") ? "" : "it is 40000 at least";
          case AUTOMOUNT_ROOT ->
              value.matches("/[A-Za-z0-9._/-]*") ? "" : "systemd would read it otherwise";
          case BOOT_COMMAND ->
              value.contains("mount") && value.contains("/nix") ? "it must not mount /nix" : "";
          default -> "";
        };
    if (!why.isEmpty()) {
      throw new IllegalArgumentException("The module cannot set " + option + ": " + why);
    }
    if (!option.accepts(value)) {
      throw new IllegalArgumentException("WSL does not take '" + value + "' for " + option);
    }
  }

  private static void requireSchedule(String name, String schedule) {
    // The characters of systemd.time(7); systemd itself judges the rest.
    if (!Pattern.matches("[A-Za-z0-9][A-Za-z0-9 :.,*/~+_-]{0,99}", schedule)) {
      throw new IllegalArgumentException(name + " is no time for systemd: '" + schedule + "'");
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
