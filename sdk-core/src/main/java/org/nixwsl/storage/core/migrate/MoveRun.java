package org.nixwsl.storage.core.migrate;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.migrate.journal.JournalEntry;
import org.nixwsl.storage.core.migrate.journal.JournalState;
import org.nixwsl.storage.core.migrate.stage.AttachStep;
import org.nixwsl.storage.core.migrate.stage.Attempt;
import org.nixwsl.storage.core.migrate.stage.CommitStep;
import org.nixwsl.storage.core.migrate.stage.ConfigStep;
import org.nixwsl.storage.core.migrate.stage.CopyStep;
import org.nixwsl.storage.core.migrate.stage.DiskStep;
import org.nixwsl.storage.core.migrate.stage.FreezeStep;
import org.nixwsl.storage.core.migrate.stage.HostVolume;
import org.nixwsl.storage.core.migrate.stage.Machine;
import org.nixwsl.storage.core.migrate.stage.PersistStep;
import org.nixwsl.storage.core.migrate.stage.ProveStep;
import org.nixwsl.storage.core.migrate.stage.RestartStep;
import org.nixwsl.storage.core.migrate.stage.SideEffects;
import org.nixwsl.storage.core.migrate.stage.StageStep;
import org.nixwsl.storage.core.migrate.stage.StateStep;
import org.nixwsl.storage.core.migrate.stage.SwitchStep;
import org.nixwsl.storage.core.platform.StorageTree;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.core.run.UndoStack;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.migrate.MigrationReport;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.StorageLocation;
import org.nixwsl.storage.store.CopyReport;

/**
 * Brings a move to its end, from wherever it is. When that fails, what this attempt attached is
 * detached, and a disk that it made is deleted as long as nothing is on it; what was copied stays.
 */
final class MoveRun {
  private static final FreezeStep FREEZE = new FreezeStep();
  private static final CommitStep COMMIT = new CommitStep();

  /** In the order in which they are done; taken back in the other one. */
  static final List<StageStep> STEPS =
      List.of(
          new DiskStep(),
          new AttachStep(),
          new ConfigStep(),
          new SwitchStep(),
          new CopyStep(),
          new PersistStep(),
          FREEZE,
          new StateStep(),
          new ProveStep(),
          COMMIT,
          new RestartStep(COMMIT));

  private final Attempt attempt;
  private final StageTimes stages;
  private final WslMounter mounter;
  private final StorageTree tree;
  private final SideEffects effects;
  private final boolean detachAtEnd;
  private final UndoStack undo;
  private Optional<Stage> under = Optional.empty();

  MoveRun(Attempt attempt, StageTimes stages, Machine machine, boolean detachAtEnd) {
    this.attempt = attempt;
    this.stages = stages;
    this.mounter = machine.mounter();
    this.tree = machine.tree();
    this.effects = machine.effects();
    this.detachAtEnd = detachAtEnd;
    this.undo = new UndoStack(machine.ticker());
  }

  /** Runs the stages that are not done. */
  MigrationReport move() throws IOException, InterruptedException {
    for (StageStep step : STEPS) {
      under = Optional.of(step.stage());
      if (step.needed(attempt)) {
        prepareUndo(step);
        run(step);
      }
      if (step.stage() == Stage.ATTACH) {
        reopen();
      } else if (step.stage() == Stage.COMMIT) {
        settle();
      }
    }
    return report();
  }

  /**
   * Takes a commit back whose old store went on before the instance was restarted, so that the
   * stages before it are done again. One whose undoing was cut short with the id still there is
   * tried once more.
   */
  private void reopen() throws IOException, InterruptedException {
    if (attempt.committed()) {
      undo.keep(); // the instance may rely on the storage by now
      if (wentOn()) {
        attempt.takeBack(COMMIT, attempt.operation());
      }
    }
  }

  private boolean wentOn() throws IOException, InterruptedException {
    if (!attempt.request().restart()
        || attempt.state().of(Stage.RESTART) == JournalState.Progress.DONE
        || RestartStep.runsFromStorage(attempt)) {
      return false;
    }
    String now = tree.fingerprint(attempt.request().source(), attempt.operation());
    return !CommitStep.committedFingerprint(attempt).equals(Optional.of(now));
  }

  /** The move is committed: from here on nothing is taken back by a failure. */
  private void settle() throws IOException, InterruptedException {
    undo.keep();
    if (attempt.report().isEmpty()) {
      CommitStep.tidy(attempt);
      if (attempt.state().of(Stage.COMMIT) != JournalState.Progress.DONE) {
        attempt.note(JournalEntry.Kind.FACT, Stage.COMMIT, Map.of());
      }
    }
    FREEZE.endAfterCommit(attempt);
  }

  /** An error of a disk names neither the disk nor what was done: that is said here. */
  private void run(StageStep step) {
    Map<String, String> unused =
        attempt
            .operation()
            .translating(
                "stage "
                    + step.stage()
                    + " of the move to the storage "
                    + MovePlace.words(attempt.request().storage()),
                () -> stages.run(step.stage(), progress -> perform(step, progress)));
  }

  private Map<String, String> perform(StageStep step, StageProgress progress)
      throws IOException, InterruptedException {
    attempt.note(JournalEntry.Kind.INTENT, step.stage(), step.intent(attempt));
    Map<String, String> facts = step.perform(attempt, progress);
    step.confirm(attempt);
    attempt.note(JournalEntry.Kind.FACT, step.stage(), facts);
    return facts;
  }

  /** Pushed before the stage, as it may do half of its work and fail. */
  private void prepareUndo(StageStep step) {
    if (step.stage() == Stage.DISK) {
      undo.push("delete the disk that was made", op -> takeBackIfUndoable(step, op));
    } else if (step.stage() == Stage.ATTACH) {
      undo.push(
          "detach the storage",
          op -> {
            takeBackIfUndoable(step, op);
            if (attempt.state().of(Stage.ATTACH) != JournalState.Progress.UNTOUCHED) {
              step.undo(attempt, op);
            }
          });
    } else if (step.stage() == Stage.FREEZE || step.stage() == Stage.COMMIT) {
      undo.push(
          "take back " + step.stage(),
          op -> {
            if (!attempt.committed()) {
              attempt.takeBack(step, op);
            }
          });
    }
  }

  private void takeBackIfUndoable(StageStep step, Operation undoing)
      throws IOException, InterruptedException {
    if (step.undoable(attempt)) {
      attempt.takeBack(step, undoing);
    }
  }

  private MigrationReport report() throws IOException, InterruptedException {
    CopyReport report =
        attempt
            .report()
            .or(
                () ->
                    ProveStep.reported(attempt.state())
                        .map(r -> Failures.withNote(r, "An earlier call copied and proved it.")))
            .orElseThrow(() -> new IllegalStateException("committed without a proof"));
    for (String note : attempt.notes()) {
      report = Failures.withNote(report, note);
    }
    boolean attached =
        !(attempt.request().storage().location() instanceof StorageLocation.MountedDirectory);
    if (detachAtEnd && attached) {
      report = detach(report);
    }
    Optional<ByteSize> fileSize = Optional.empty();
    try {
      Optional<Path> file = attempt.diskFile();
      fileSize =
          file.isPresent() ? Optional.of(ByteSize.ofBytes(Files.size(file.get()))) : fileSize;
    } catch (IOException e) {
      report = Failures.withNote(report, "The length of the disk's file is not known: " + e);
    }
    return new MigrationReport(
        attempt.request().instance(),
        attempt.storageId(),
        attempt.mounted().orElseThrow(),
        report,
        stages.times(),
        fileSize);
  }

  /** The move is done: nothing that goes wrong here may look as if it were not. */
  private CopyReport detach(CopyReport report) throws IOException, InterruptedException {
    try {
      stages.run(
          Stage.DETACH,
          progress -> {
            effects.run(
                "detach the storage at the end",
                () -> mounter.unmount(attempt.request().storage(), RunOptions.ofDefaults()));
            return progress;
          });
      return report;
    } catch (StorageSdkException e) {
      return Failures.withNote(report, "The storage is still attached: " + e.getMessage());
    }
  }

  /**
   * A disk that this move made and that was not taken back, because formatting it was cut short. It
   * is not deleted: somebody may have come and filled it.
   */
  private Optional<Path> spoiltDisk() {
    boolean made = attempt.state().of(Stage.DISK) != JournalState.Progress.UNTOUCHED;
    return made && AttachStep.formatting(attempt)
        ? attempt.diskFile().filter(Files::exists)
        : Optional.empty();
  }

  /** Writes down why, takes back what has to be, and gives the error with what is left then. */
  StorageSdkException failed(StorageSdkException failure) {
    StorageSdkException e =
        HostVolume.explained(failure, under.orElse(Stage.PREFLIGHT), attempt)
            .map(problem -> Failures.saying(failure, problem))
            .orElse(failure);
    try {
      note(e);
    } catch (IOException | StorageSdkException writing) {
      e.addSuppressed(writing);
    } catch (InterruptedException writing) {
      Thread.currentThread().interrupt();
    }
    attempt.close();
    try {
      undo.close();
    } catch (RuntimeException undoing) {
      e.addSuppressed(undoing);
    }
    Optional<Path> spoilt = spoiltDisk();
    StateLeft left = e.stateLeft() == StateLeft.UNKNOWN ? e.stateLeft() : StateLeft.NOTHING_CHANGED;
    if (undo.failed() || spoilt.isPresent() || e.stateLeft() == StateLeft.NEEDS_CLEANUP) {
      left = StateLeft.NEEDS_CLEANUP;
    } else if (!attempt.state().untouched()) {
      left = StateLeft.RESUMABLE;
    }
    return Failures.leaving(e, left, spoilt);
  }

  private void note(StorageSdkException e) throws IOException, InterruptedException {
    attempt.note(
        JournalEntry.Kind.FAILED,
        under.orElse(Stage.PREFLIGHT),
        Map.of("code", e.code().name(), "message", e.problem().message()));
  }
}
