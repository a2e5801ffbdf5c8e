package org.nixwsl.storage.core.migrate;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.error.CommandException;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.IntegrityException;
import org.nixwsl.storage.error.OperationCancelledException;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.store.CopyReport;

/** How a migration fails: the right type of error, with the state that it leaves. */
final class Failures {
  private Failures() {}

  /** Throws if there is a refusal: its own error when there is one, a list when there are more. */
  static void refuse(List<Problem> refusals) {
    if (refusals.size() == 1) {
      throw errorOf(refusals.get(0));
    }
    if (!refusals.isEmpty()) {
      throw new ConflictException(
          Problem.of(
              ErrorCode.PLAN_REFUSED,
              "The store cannot be moved, for "
                  + refusals.size()
                  + " reasons: "
                  + refusals.stream()
                      .map(p -> p.message() + " [" + p.code() + "]")
                      .collect(Collectors.joining(" ")),
              refusals.stream().map(Problem::remedy).distinct().collect(Collectors.joining(" "))));
    }
  }

  /** The error of the kind that a problem with such a code is thrown as. */
  static StorageSdkException errorOf(Problem problem) {
    return switch (problem.code()) {
      case NOT_A_VHDX,
          VHDX_UNSUPPORTED,
          VHDX_CORRUPT,
          VHDX_DIRTY,
          VHDX_IN_USE,
          VHDX_BAD_GEOMETRY,
          WRONG_STORAGE,
          DISK_NOT_BLANK,
          NOT_MOUNTED ->
          new DiskException(problem);
      case ALREADY_EXISTS,
          STORAGE_BUSY,
          STORE_IN_USE,
          STORE_CHANGED,
          TARGET_NOT_EMPTY,
          TARGET_INSIDE_SOURCE,
          MOVE_RUNNING,
          MOVE_NOT_FOUND,
          MOVE_UNFINISHED,
          OTHER_OWNER,
          CHANGED_SINCE_COMMIT,
          PLAN_REFUSED ->
          new ConflictException(problem);
      default -> new EnvironmentException(problem);
    };
  }

  /** A report that says one thing more. */
  static CopyReport withNote(CopyReport report, String note) {
    List<String> notes = new ArrayList<>(report.notes());
    notes.add(note);
    return new CopyReport(
        report.paths(),
        report.files(),
        report.inodes(),
        report.bytes(),
        report.duration(),
        report.reread(),
        report.findings(),
        report.leftOut(),
        notes);
  }

  /**
   * The same error, saying that the whole migration leaves another state than the step that failed.
   * What was suppressed while cleaning up goes along.
   *
   * @param spoiltDisk a file that was left behind and is of no use
   */
  static StorageSdkException leaving(
      StorageSdkException e, StateLeft state, Optional<Path> spoiltDisk) {
    if (e.stateLeft() == state && spoiltDisk.isEmpty()) {
      return e;
    }
    Problem problem =
        spoiltDisk
            .map(file -> naming(e.problem(), PathBytes.printable(file)))
            .orElse(e.problem())
            .leaving(state);
    return saying(e, problem);
  }

  /** An error of the same type, with all that this type has besides, that says something else. */
  static StorageSdkException saying(StorageSdkException e, Problem problem) {
    StorageSdkException same;
    if (e instanceof IntegrityException integrity) {
      same = new IntegrityException(problem, integrity.findings());
    } else if (e instanceof CommandException command) {
      same = new CommandException(problem, command.command(), command.exitCode(), command.output());
    } else if (e instanceof OperationCancelledException) {
      return new OperationCancelledException(problem, e);
    } else if (e instanceof DiskException) {
      return new DiskException(problem, e);
    } else if (e instanceof ConflictException) {
      return new ConflictException(problem, e);
    } else {
      return new EnvironmentException(problem, e);
    }
    same.addSuppressed(e);
    return same;
  }

  private static Problem naming(Problem problem, String file) {
    return new Problem(
        problem.code(),
        problem.message() + " The disk " + file + " was made and not formatted to the end.",
        problem.remedy() + " Delete " + file + " before that.",
        problem.retryable(),
        problem.stateLeft());
  }
}
