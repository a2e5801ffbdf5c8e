package org.nixwsl.storage.migrate;

import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.mount.InstanceName;

/**
 * How far the move of one instance is, from its journal and from what the machine shows. Where the
 * two differ, the machine is right.
 *
 * @param instance the instance
 * @param phase where it stands
 * @param begun when the move began; empty without a journal
 * @param storageId the id that the move gives or gave; without a journal the one that was seen on
 *     the storage
 * @param storageSeen whether the storage is mounted, so that what is said of it was seen and not
 *     only read in the journal
 * @param inUse whether an instance was seen to run from the directory, or to hold its lease
 * @param stages what the journal says of each stage that was begun, in their order
 * @param broughtBack what a rollback that is not at its end has brought into the old store; empty
 *     if it has not come to that, or there was nothing
 * @param failure why the last call ended, if it did with an error; for people
 * @param notes what else to know, for people
 */
public record MigrationStatus(
    InstanceName instance,
    Phase phase,
    Optional<Instant> begun,
    Optional<UUID> storageId,
    boolean storageSeen,
    boolean inUse,
    List<StageState> stages,
    Optional<BroughtBack> broughtBack,
    Optional<Failure> failure,
    List<String> notes) {
  /** Copies the lists. */
  public MigrationStatus {
    stages = List.copyOf(stages);
    notes = List.copyOf(notes);
  }

  /** Where a move stands. New constants may come in a minor release. */
  public enum Phase {
    /** There is no move of this instance to this storage. */
    NONE,
    /** A call is working on it, or on another move to the same storage. */
    RUNNING,
    /** Begun and not at its end: resume it or roll it back. The old store is in use. */
    UNFINISHED,
    /**
     * The commit was begun, and whether it happened is written on the storage, which is not
     * mounted.
     */
    COMMIT_NOT_KNOWN,
    /** The id is written: the directory on the storage is the instance's store. */
    COMMITTED,
    /** A rollback was begun and is not at its end: roll back again. */
    ROLLING_BACK,
    /** It was taken back. */
    ROLLED_BACK
  }

  /**
   * A stage.
   *
   * @param stage the stage
   * @param progress how far it is
   */
  public record StageState(Stage stage, Progress progress) {}

  /** How far a stage is. */
  public enum Progress {
    /** Begun: it may have changed something, or all. */
    BEGUN,
    /** Done and confirmed. */
    DONE,
    /** Being taken back. */
    UNDOING
  }

  /**
   * An error that a call ended with.
   *
   * @param at when
   * @param stage in which stage
   * @param code its code
   * @param message what it said
   */
  public record Failure(Instant at, Stage stage, ErrorCode code, String message) {}
}
