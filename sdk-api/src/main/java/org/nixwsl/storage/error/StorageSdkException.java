package org.nixwsl.storage.error;

import org.jspecify.annotations.Nullable;

/**
 * The root of all conditions that the SDK reports. Wrong arguments stay {@link
 * IllegalArgumentException}, wrong order of calls {@link IllegalStateException}: those are bugs of
 * the caller, these are conditions of the machine, of the disk or of the data.
 *
 * <p>{@link #getMessage()} is the message, the remedy, the state left behind and the code, ready to
 * be shown; the parts are available one by one.
 */
public sealed class StorageSdkException extends RuntimeException
    permits CommandException,
        ConflictException,
        DiskException,
        EnvironmentException,
        IntegrityException,
        OperationCancelledException {
  private static final long serialVersionUID = 1L;

  private final Problem problem;

  StorageSdkException(Problem problem, @Nullable Throwable cause) {
    super(
        problem.message()
            + " "
            + problem.remedy()
            + " "
            + problem.stateLeft().sentence()
            + " ["
            + problem.code()
            + "]",
        cause);
    this.problem = problem;
  }

  /** Everything known about the failure, as one value. */
  public Problem problem() {
    return problem;
  }

  /** The stable name of the condition. */
  public ErrorCode code() {
    return problem.code();
  }

  /** What the user can do about it. */
  public String remedy() {
    return problem.remedy();
  }

  /** Whether the same call may succeed later without anything being repaired. */
  public boolean retryable() {
    return problem.retryable();
  }

  /** What the failed call left behind. */
  public StateLeft stateLeft() {
    return problem.stateLeft();
  }
}
