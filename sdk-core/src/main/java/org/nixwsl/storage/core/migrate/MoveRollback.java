package org.nixwsl.storage.core.migrate;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.migrate.journal.JournalEntry;
import org.nixwsl.storage.core.migrate.journal.JournalState.Progress;
import org.nixwsl.storage.core.migrate.stage.AttachStep;
import org.nixwsl.storage.core.migrate.stage.Attempt;
import org.nixwsl.storage.core.migrate.stage.CommitStep;
import org.nixwsl.storage.core.migrate.stage.Machine;
import org.nixwsl.storage.core.migrate.stage.RestartStep;
import org.nixwsl.storage.core.migrate.stage.SideEffects;
import org.nixwsl.storage.core.migrate.stage.StageStep;
import org.nixwsl.storage.core.platform.Stillness;
import org.nixwsl.storage.core.platform.StorageTree;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.UndoStack;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.migrate.BroughtBack;
import org.nixwsl.storage.migrate.RollbackReport;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.store.NixStore;

/**
 * Takes a move back, from wherever it is: first looks whether anything would be lost, and brings
 * that into the old store.
 */
final class MoveRollback {
  private final Attempt attempt;
  private final StorageTree tree;
  private final Stillness stillness;
  private final SideEffects effects;
  private final Optional<UUID> discard;

  private final Machine machine;

  /** Whether the instance runs from what this move made, so that it is restarted. */
  private boolean restarted;

  /** What the store on the storage is, if it has to be brought back. */
  private Optional<String> toBringBack = Optional.empty();

  /** What it is, if the old store has all of it. */
  private Optional<String> nothingToBring = Optional.empty();

  /** What it was at the last look; empty if it was not looked at, or may go. */
  private Optional<String> seen = Optional.empty();

  /** Leads to the old store; empty before it is looked for, and where there is no way. */
  private Optional<BringBack> wayBack = Optional.empty();

  MoveRollback(Attempt attempt, Machine machine, Optional<UUID> discard) {
    this.attempt = attempt;
    this.machine = machine;
    this.tree = machine.tree();
    this.stillness = machine.stillness();
    this.effects = machine.effects();
    this.discard = discard;
  }

  RollbackReport rollBack() throws IOException, InterruptedException {
    try (UndoStack still = new UndoStack(attempt.operation().ticker())) {
      return rollBack(still);
    }
  }

  /**
   * Takes it back.
   *
   * @param still undoes the freeze of a store that an instance runs from; forgotten when that
   *     instance was stopped
   */
  private RollbackReport rollBack(UndoStack still) throws IOException, InterruptedException {
    Operation operation = attempt.operation();
    try {
      operation.runStage(
          Stage.PREFLIGHT,
          progress -> {
            AttachStep.mountToUndo(attempt);
            restarted = armed() && RestartStep.runsFromStorage(attempt);
            if (restarted && !discards()) {
              freeze(still);
            }
            requireNothingIsLost();
          });
      attempt.note(
          JournalEntry.Kind.UNDO_INTENT,
          Stage.PREFLIGHT,
          nothingToBring.map(BringBack::nothingToBring).orElse(Map.of()));
      bringBack();
    } finally {
      wayBack.ifPresent(BringBack::close);
    }
    Optional<BroughtBack> broughtBack =
        discards() ? Optional.empty() : BringBack.done(attempt.state());
    boolean diskBefore = attempt.diskFile().filter(Files::exists).isPresent();
    List<Stage> undone = new ArrayList<>();
    List<String> notes = new ArrayList<>();
    for (int i = MoveRun.STEPS.size() - 1; i >= 0; i--) {
      StageStep step = MoveRun.STEPS.get(i);
      boolean mountedToUndo = step.stage() == Stage.ATTACH && AttachStep.mountedToUndo(attempt);
      if (attempt.state().of(step.stage()) == Progress.UNTOUCHED && !mountedToUndo) {
        if (step.stage() == Stage.RESTART && restarted) {
          // By somebody else's restart, of which the journal has no word: the machine shows it.
          operation.runStage(step.stage(), progress -> step.undo(attempt, operation));
          undone.add(step.stage());
          still.keep();
          requireNothingCameSince();
        }
        continue;
      }
      if (step.stage() != Stage.DISK && step.stage() != Stage.ATTACH && !step.undoable(attempt)) {
        throw notOurs(step.stage());
      }
      if (step.stage() == Stage.DISK && !step.undoable(attempt)) {
        notes.add(
            attempt.diskFile().map(PathBytes::printable).orElse("")
                + " stays: something is on it, or it was not made by this move.");
      }
      operation.runStage(step.stage(), progress -> attempt.takeBack(step, operation));
      undone.add(step.stage());
      if (step.stage() == Stage.RESTART) {
        still.keep(); // it ended with the instance
        requireNothingCameSince();
      } else if (step.stage() == Stage.COMMIT && restarted) {
        // The instance has let go of the directory; another one may have it too.
        requireUnused(attempt.look().orElseThrow());
      }
    }
    attempt.note(JournalEntry.Kind.UNDONE, Stage.PREFLIGHT, Map.of());
    notes.addAll(attempt.notes());
    return new RollbackReport(
        attempt.request().instance(),
        undone,
        attempt.trash(),
        diskBefore && attempt.diskFile().filter(Files::exists).isEmpty(),
        broughtBack,
        notes);
  }

  /** What an earlier call began and this one does not go on with leaves nothing behind. */
  private void bringBack() throws IOException, InterruptedException {
    if (wayBack.isEmpty()) {
      return;
    }
    if (toBringBack.isEmpty() || !BringBack.underWay(attempt.state())) {
      wayBack.get().drop();
    }
    if (toBringBack.isPresent()) {
      wayBack.get().run(toBringBack.get());
    }
  }

  /**
   * A store that cannot be made to stand still is written to until its instance is stopped. Asked
   * while the commit is not taken back, so that the next call looks for what came.
   */
  private void requireNothingCameSince() throws IOException, InterruptedException {
    if (restarted && seen.isPresent() && !seen.get().equals(fingerprint())) {
      throw BringBack.changed(
          attempt,
          "after the last look at it and before the instance was stopped, which runs from its old"
              + " store again");
    }
  }

  private void requireNothingIsLost() throws IOException, InterruptedException {
    Optional<StorageTree.Facts> facts = attempt.look();
    if (facts.isEmpty()) {
      return;
    }
    if (!restarted) {
      requireUnused(facts.get());
    }
    if (!mayHaveBeenUsed(facts.get())) {
      return;
    }
    wayBack = BringBack.of(attempt, machine, restarted);
    boolean there = true;
    if (!restarted) {
      there = tree.there(attempt.request().source().database());
    } else if (wayBack.isPresent()) {
      there = wayBack.get().oldStoreIsThere();
    }
    if (!there) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.NOT_A_STORE,
              "The store that was moved is not in "
                  + PathBytes.printable(attempt.request().source().directory())
                  + " any more, so that nothing can be gone back to.",
              "Restore it first."));
    }
    if (!discards()) {
      lookWhatToBringBack();
    }
  }

  /**
   * Whether an instance may have written to the storage. What a directory looks like does not tell:
   * a copy that was killed right after its commit looks unfinished, and boots all the same. Neither
   * does the id alone: a rollback of before may have removed it and gone no further, with the
   * instance still running from the storage.
   */
  private boolean mayHaveBeenUsed(StorageTree.Facts facts) throws IOException {
    Progress commit = attempt.state().of(Stage.COMMIT);
    boolean neverWritten =
        commit == Progress.BEGUN
            && !restarted
            && !attempt.state().rollingBack()
            && facts.storageId().filter(attempt.storageId()::equals).isEmpty();
    return commit != Progress.UNTOUCHED && !neverWritten && tree.there(onStorage().database());
  }

  private void lookWhatToBringBack() throws IOException, InterruptedException {
    String now = fingerprint();
    seen = Optional.of(now);
    boolean seenTo = BringBack.isDone(attempt.state(), now);
    boolean changed = !seenTo && !CommitStep.committedFingerprint(attempt).equals(Optional.of(now));
    // What an instance does with the old store after it was restarted on it is its own affair.
    boolean mayLack = seenTo ? restarted : armed();
    if (wayBack.isEmpty()) {
      // Without a way, an old store that is hidden cannot be asked what it lacks.
      if (changed || (mayLack && !restarted && lacks(attempt.request().source()))) {
        throw cannotBeBroughtBack(changed);
      }
      return;
    }
    if (!changed && !(mayLack && wayBack.get().lacks())) {
      nothingToBring = Optional.of(now);
      return;
    }
    wayBack.get().requirePossible();
    toBringBack = Optional.of(now);
  }

  private boolean lacks(NixStore old) throws IOException, InterruptedException {
    return machine.host().lacking(onStorage(), old, attempt.operation()).paths() > 0;
  }

  private ConflictException cannotBeBroughtBack(boolean changed) {
    return new ConflictException(
        Problem.of(
            ErrorCode.CHANGED_SINCE_COMMIT,
            "The store of "
                + attempt.request().instance()
                + (changed
                    ? " on the storage has changed since it was committed: paths, profiles or roots"
                        + " differ from what was moved."
                    : " on the storage has store paths that the old store has lost since it was"
                        + " committed.")
                + " They are not brought back from inside the machine that runs on its /nix.",
            "Roll back from Windows, which brings them back. " + BringBack.orLetGo(attempt)));
  }

  /** Whether the caller said that the changes since the commit may go, of this move. */
  private boolean discards() {
    return discard.filter(attempt.storageId()::equals).isPresent();
  }

  /** Whether a boot may have taken the storage by now. */
  private boolean armed() {
    return attempt.request().configDirectory().isPresent()
        && attempt.state().of(Stage.COMMIT) != Progress.UNTOUCHED;
  }

  /** What the instance that runs from the storage writes after the look would be lost. */
  private void freeze(UndoStack still) throws IOException, InterruptedException {
    NixStore running = attempt.request().source();
    if (!stillness.available(running)) {
      return;
    }
    String token =
        effects.make(
            "freeze the store on the storage", () -> stillness.begin(running, attempt.operation()));
    still.push(
        "thaw the store on the storage",
        operation -> stillness.end(Optional.of(token), running, operation));
  }

  private void requireUnused(StorageTree.Facts facts) {
    if (!facts.users().isEmpty()) {
      throw new ConflictException(
          Problem.of(
                  ErrorCode.STORAGE_BUSY,
                  "The directory of "
                      + attempt.request().instance()
                      + " on the storage is in use: "
                      + String.join(", ", facts.users())
                      + ".",
                  "Stop the instance (wsl --terminate), so that it boots from its root disk, and"
                      + " call again.")
              .mayGoAway());
    }
  }

  private String fingerprint() throws IOException, InterruptedException {
    return tree.fingerprint(onStorage(), attempt.operation());
  }

  /** The store that the move made. */
  private NixStore onStorage() {
    MountedStorage mounted = attempt.mounted().orElseThrow();
    return NixStore.ofNixDirectory(mounted.instanceDirectory(attempt.request().instance()));
  }

  private ConflictException notOurs(Stage stage) {
    return new ConflictException(
        Problem.of(
            ErrorCode.TARGET_NOT_EMPTY,
            "The stage "
                + stage
                + " is not taken back: the directory of "
                + attempt.request().instance()
                + " on the storage holds what the move did not put there.",
            "Look at it, move away what does not belong there, and call again."));
  }
}
