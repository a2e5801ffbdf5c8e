package org.nixwsl.storage.core.migrate.stage;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.migrate.journal.JournalEntry;
import org.nixwsl.storage.core.migrate.journal.JournalState;
import org.nixwsl.storage.core.platform.InstanceControl;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.BootState;

/**
 * Restarts the instance after the commit, where that was asked for, and proves by what its hook
 * wrote that it runs from the storage. If it does not, the commit is taken back, and the instance
 * goes on with the old store.
 */
public final class RestartStep implements StageStep {
  /** A lease ends with the processes of its instance; the kernel needs a moment for that. */
  private static final Duration LEASE = Duration.ofSeconds(30);

  private final CommitStep commit;

  /** The step; it takes this commit back when the instance does not come up. */
  public RestartStep(CommitStep commit) {
    this.commit = commit;
  }

  @Override
  public Stage stage() {
    return Stage.RESTART;
  }

  /** The reason not to plan a restart that cannot be done from here. */
  public static Optional<Problem> impossible(Machine machine, MigrationRequest request) {
    return request.restart() && control(machine, request).isEmpty()
        ? Optional.of(
            Problem.of(
                ErrorCode.UNSUPPORTED_PLATFORM,
                "The instance cannot be restarted from here: that is done from Windows.",
                "Move without a restart, then stop the instance by hand (wsl --terminate)."))
        : Optional.empty();
  }

  @Override
  public boolean needed(Attempt attempt) {
    return attempt.request().restart() && attempt.state().of(stage()) != JournalState.Progress.DONE;
  }

  /**
   * Whether the instance runs from the directory that this move made. It is started where it does
   * not run: what it would boot from is not known otherwise.
   */
  public static boolean runsFromStorage(Attempt attempt) throws IOException, InterruptedException {
    Optional<InstanceControl> control = control(attempt.machine(), attempt.request());
    if (control.isEmpty()) {
      return false;
    }
    if (!control.get().running(attempt.operation())) {
      start(attempt, control.get(), attempt.operation());
    }
    return fromStorage(attempt, control.get().bootState(attempt.operation()));
  }

  @Override
  public Map<String, String> perform(Attempt attempt, StageProgress progress)
      throws IOException, InterruptedException {
    InstanceControl control =
        control(attempt.machine(), attempt.request())
            .orElseThrow(
                () ->
                    new EnvironmentException(
                        impossible(attempt.machine(), attempt.request()).orElseThrow()));
    Optional<BootState> boot = control.bootState(attempt.operation());
    if (fromStorage(attempt, boot)) {
      return Map.of();
    }
    Optional<Problem> failed = restart(attempt, control);
    if (failed.isPresent()) {
      // The disk may have gone with the virtual machine, or have come too late.
      AttachStep.ensure(attempt);
      failed = restart(attempt, control);
    }
    if (failed.isPresent() && !fromStorage(attempt, lastLook(attempt, control, failed.get()))) {
      throw giveUp(attempt, control, failed.get());
    }
    return Map.of();
  }

  /**
   * What it runs from in the end: a start whose answer was lost may have come to its end all the
   * same, and an id is not taken from under an instance that nothing is known of.
   */
  private static Optional<BootState> lastLook(
      Attempt attempt, InstanceControl control, Problem failed)
      throws IOException, InterruptedException {
    try {
      return control.bootState(attempt.operation());
    } catch (StorageSdkException e) {
      if (e.code() == ErrorCode.CANCELLED) {
        throw e;
      }
      throw new EnvironmentException(
          new Problem(
              ErrorCode.RESTART_FAILED,
              failed.message()
                  + " Whether it runs from the storage now cannot be learned: "
                  + e.getMessage()
                  + " The commit stays.",
              "Look whether the instance can be entered, and resume the move.",
              false,
              StateLeft.RESUMABLE),
          e);
    }
  }

  /** Why it does not run from the storage; empty if it does. */
  private static Optional<Problem> restart(Attempt attempt, InstanceControl control)
      throws IOException, InterruptedException {
    Optional<BootState> boot;
    try {
      stop(attempt, control, attempt.operation());
      start(attempt, control, attempt.operation());
      boot = control.bootState(attempt.operation());
    } catch (StorageSdkException e) {
      if (e.code() == ErrorCode.CANCELLED || e.code() == ErrorCode.STORAGE_BUSY) {
        throw e;
      }
      return Optional.of(e.problem());
    }
    return fromStorage(attempt, boot)
        ? Optional.empty()
        : Optional.of(
            Problem.of(
                ErrorCode.RESTART_FAILED,
                control.instance()
                    + " was restarted and does not run from the storage: "
                    + boot.map(
                            state ->
                                state.decision() == BootState.Decision.DISK
                                    ? "it runs from " + state.source()
                                    : state.reason())
                        .orElse("its system has no hook of the module")
                    + ".",
                "Mend the reason and resume the move."));
  }

  private StorageSdkException giveUp(Attempt attempt, InstanceControl control, Problem reason) {
    Problem problem =
        new Problem(
            ErrorCode.RESTART_FAILED,
            reason.message() + " It goes on with the old store.",
            reason.remedy(),
            false,
            StateLeft.RESUMABLE);
    StorageSdkException failure = new EnvironmentException(problem);
    try {
      Operation.toTheEnd(
          "take the commit back",
          attempt.operation().ticker(),
          operation -> {
            attempt.note(JournalEntry.Kind.UNDO_INTENT, commit.stage(), Map.of());
            commit.undo(attempt, operation);
            stop(attempt, control, operation);
            // Not before: as long as it runs, it may run from the storage.
            attempt.note(JournalEntry.Kind.UNDONE, commit.stage(), Map.of());
            startOnTheOldStore(attempt, control, operation);
          });
      return failure;
    } catch (StorageSdkException e) {
      failure =
          new EnvironmentException(
              new Problem(
                  ErrorCode.RESTART_FAILED,
                  reason.message() + " It could not be brought back to the old store either.",
                  "Attach the disk and roll the move back, or let the instance boot from its root"
                      + " disk as docs/nixos-module.md says.",
                  false,
                  StateLeft.NEEDS_CLEANUP));
      failure.addSuppressed(e);
      return failure;
    }
  }

  /**
   * Where the instance runs from the storage: it boots from its root disk again. The id goes first,
   * while there is an instance to remove it from.
   */
  @Override
  public void undo(Attempt attempt, Operation operation) throws IOException, InterruptedException {
    if (!runsFromStorage(attempt)) {
      return;
    }
    InstanceControl control = control(attempt.machine(), attempt.request()).orElseThrow();
    commit.undo(attempt, operation);
    stop(attempt, control, operation);
    startOnTheOldStore(attempt, control, operation);
  }

  /** Starts it after the id was removed, and proves that it does not run from the storage. */
  private static void startOnTheOldStore(
      Attempt attempt, InstanceControl control, Operation operation)
      throws IOException, InterruptedException {
    start(attempt, control, operation);
    if (fromStorage(attempt, control.bootState(operation))) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.RESTART_FAILED,
              control.instance() + " was restarted and still runs from the storage.",
              "Look at /run/nix-storage/boot.json in it, and roll back again."));
    }
  }

  private static void stop(Attempt attempt, InstanceControl control, Operation operation)
      throws IOException, InterruptedException {
    attempt.change("stop the instance", () -> control.terminate(operation));
    Path lease =
        attempt
            .requireMounted()
            .mountPoint()
            .resolve(".nixwsl/locks")
            .resolve(attempt.request().instance().value());
    if (!operation.await(
        "the lease of " + control.instance(), LEASE, () -> control.leaseIsFree(lease, operation))) {
      throw new ConflictException(
          Problem.of(
                  ErrorCode.STORAGE_BUSY,
                  control.instance()
                      + " was stopped, and its lease "
                      + PathBytes.printable(lease)
                      + " is still held.",
                  "Stop the other instance that uses the directory, and resume the move.")
              .leaving(StateLeft.RESUMABLE)
              .mayGoAway());
    }
  }

  private static void start(Attempt attempt, InstanceControl control, Operation operation)
      throws IOException, InterruptedException {
    attempt.change("start the instance", () -> control.start(operation));
  }

  private static boolean fromStorage(Attempt attempt, Optional<BootState> boot) {
    return boot.filter(state -> state.decision() == BootState.Decision.DISK)
        .flatMap(BootState::storageId)
        .filter(attempt.storageId().toString()::equals)
        .isPresent();
  }

  private static Optional<InstanceControl> control(Machine machine, MigrationRequest request) {
    return machine.instances().control(Machine.distribution(request));
  }
}
