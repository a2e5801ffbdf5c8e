package org.nixwsl.storage.config;

import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;
import java.util.regex.Pattern;
import org.immutables.value.Value;
import org.nixwsl.storage.disk.ByteSize;
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

  /**
   * The UUID of the disk's file system. With it a boot takes no other disk, mounts the disk itself
   * where WSL has attached it only, and refuses two devices that both carry the UUID (a copy of the
   * disk). Without it none of this is asked.
   */
  Optional<UUID> fileSystemUuid();

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
    if (minFree().isPresent()
        && maxFree().isPresent()
        && maxFree().get().compareTo(minFree().get()) < 0) {
      throw new IllegalArgumentException(
          "maxFree (" + maxFree().get() + ") is less than minFree (" + minFree().get() + ")");
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
