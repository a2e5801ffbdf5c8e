package org.nixwsl.storage.core.migrate.stage;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.nixwsl.storage.core.migrate.journal.JournalState;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.MountName;
import org.nixwsl.storage.mount.Persistence;
import org.nixwsl.storage.mount.StorageLocation;

/**
 * Installs the task that attaches the disk at each logon, before anything relies on the disk: where
 * that was asked for, the storage is a file, and the platform has such tasks.
 */
public final class PersistStep implements StageStep {
  private static final String TASK_BEFORE = "taskBefore";

  /** A platform without such tasks, no program for them, and no user to have one. */
  private static final Set<ErrorCode> NONE_HERE =
      Set.of(ErrorCode.UNSUPPORTED_PLATFORM, ErrorCode.TOOL_MISSING, ErrorCode.ACCESS_DENIED);

  /** The step. */
  public PersistStep() {}

  @Override
  public Stage stage() {
    return Stage.PERSIST;
  }

  /** Whether a task was asked for, of a storage that can have one. */
  public static boolean wanted(MigrationRequest request) {
    return !request.logonCommand().isEmpty()
        && request.storage().location() instanceof StorageLocation.VhdxFile;
  }

  /**
   * Why no task can be installed here, whenever it is tried; empty if one can.
   *
   * @throws StorageSdkException if that cannot be told now
   */
  public static Optional<Problem> missing(Machine machine, MigrationRequest request) {
    try {
      machine.mounter().persistence().query(request.storage().mountName());
      return Optional.empty();
    } catch (StorageSdkException e) {
      if (NONE_HERE.contains(e.code())) {
        return Optional.of(e.problem());
      }
      throw e;
    }
  }

  /** What people are told where none is installed. */
  public static String leftOut(Problem missing) {
    return "No task will attach the disk after a restart of Windows: " + missing.message();
  }

  @Override
  public boolean needed(Attempt attempt) throws IOException, InterruptedException {
    if (!wanted(attempt.request()) || attempt.committed()) {
      return false;
    }
    Optional<Problem> missing = missing(attempt.machine(), attempt.request());
    missing.ifPresent(problem -> attempt.say(leftOut(problem)));
    return missing.isEmpty();
  }

  /** A task that the move of another instance installed is no task of before. */
  @Override
  public Map<String, String> intent(Attempt attempt) throws IOException, InterruptedException {
    String known = attempt.state().facts(stage()).get(TASK_BEFORE);
    if (known != null) {
      return Map.of();
    }
    boolean before =
        task(attempt).isPresent()
            && attempt.others().stream().noneMatch(PersistStep::installedByMove);
    return Map.of(TASK_BEFORE, Boolean.toString(before));
  }

  @Override
  public Map<String, String> perform(Attempt attempt, StageProgress progress)
      throws IOException, InterruptedException {
    if (task(attempt).isEmpty()) {
      List<String> command = attempt.request().logonCommand();
      attempt.change("install the task", () -> tasks(attempt).install(mountName(attempt), command));
    }
    return Map.of();
  }

  @Override
  public void confirm(Attempt attempt) {
    if (task(attempt).isEmpty()) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.NOT_FOUND,
              "The task that mounts "
                  + mountName(attempt)
                  + " at each logon was installed and is not there, or is switched off.",
              "Look for it in the task scheduler, and call again."));
    }
  }

  /** Only what a move installed, and what no other instance of the storage needs. */
  @Override
  public void undo(Attempt attempt, Operation operation) throws IOException, InterruptedException {
    String before = attempt.state().facts(stage()).get(TASK_BEFORE);
    if (!"false".equals(before)) {
      return;
    }
    if (attempt.othersRelyOnStorage()) {
      attempt.say("The task that mounts the storage stays: another instance was moved to it.");
      return;
    }
    attempt.change("remove the task", () -> tasks(attempt).remove(mountName(attempt)));
  }

  private static boolean installedByMove(JournalState other) {
    return "false".equals(other.facts(Stage.PERSIST).get(TASK_BEFORE));
  }

  /** The task, if it does what it is for. */
  private static Optional<Persistence.Task> task(Attempt attempt) {
    return tasks(attempt)
        .query(mountName(attempt))
        .filter(Persistence.Task::enabled)
        .filter(Persistence.Task::asUser);
  }

  private static Persistence tasks(Attempt attempt) {
    return attempt.machine().mounter().persistence();
  }

  private static MountName mountName(Attempt attempt) {
    return attempt.storage().mountName();
  }
}
