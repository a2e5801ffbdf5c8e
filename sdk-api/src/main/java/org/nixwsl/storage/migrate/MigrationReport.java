package org.nixwsl.storage.migrate;

import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.store.CopyReport;

/**
 * A finished migration: every store path was read back from the target and has the hash that the
 * database gives.
 *
 * @param instance the instance
 * @param storageId the id in {@code .nix-storage-id}, new for each migration
 * @param storage where the storage was mounted
 * @param copy what was copied and proven
 * @param stages how long each stage took, in order
 * @param diskFileSize the length of the VHDX file afterwards; empty for a directory, and where a
 *     note in the copy's report says that it could not be read
 */
public record MigrationReport(
    InstanceName instance,
    UUID storageId,
    MountedStorage storage,
    CopyReport copy,
    List<StageTime> stages,
    Optional<ByteSize> diskFileSize) {
  /** Copies the list. */
  public MigrationReport {
    stages = List.copyOf(stages);
  }

  /**
   * How long the old store stood still for the last part of the copy, from the freeze to the
   * commit, as far as this call did it; empty where no store had to be frozen.
   */
  public Optional<Duration> downtime() {
    return sum(Stage.FREEZE, EnumSet.of(Stage.FREEZE, Stage.STATE, Stage.PROVE, Stage.COMMIT));
  }

  /** How long the restart of the instance took; empty where it was not restarted by this call. */
  public Optional<Duration> restartTime() {
    return sum(Stage.RESTART, EnumSet.of(Stage.RESTART));
  }

  /** The time of these stages, if one of them was run. */
  private Optional<Duration> sum(Stage needed, Set<Stage> wanted) {
    return stages.stream().noneMatch(time -> time.stage() == needed)
        ? Optional.empty()
        : stages.stream()
            .filter(time -> wanted.contains(time.stage()))
            .map(StageTime::duration)
            .reduce(Duration::plus);
  }

  /**
   * How long a stage took.
   *
   * @param stage the stage
   * @param duration wall-clock time
   */
  public record StageTime(Stage stage, Duration duration) {}
}
