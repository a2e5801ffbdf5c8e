package org.nixwsl.storage.error;

/**
 * The caller cancelled, or the calling thread was interrupted. No new change was started after
 * that.
 */
public final class OperationCancelledException extends StorageSdkException {
  private static final long serialVersionUID = 1L;

  /** With nothing underneath. */
  public OperationCancelledException(Problem problem) {
    super(problem, null);
  }

  /** With the failure that caused it. */
  public OperationCancelledException(Problem problem, Throwable cause) {
    super(problem, cause);
  }
}
