package org.nixwsl.storage.error;

/**
 * Someone or something else stands in the way: a file that exists, a store in use, another store in
 * the target.
 */
public final class ConflictException extends StorageSdkException {
  private static final long serialVersionUID = 1L;

  /** With nothing underneath. */
  public ConflictException(Problem problem) {
    super(problem, null);
  }

  /** With the failure that caused it. */
  public ConflictException(Problem problem, Throwable cause) {
    super(problem, cause);
  }
}
