package org.nixwsl.storage.error;

/**
 * The machine lacks something: a right, a program, room, a suitable file system. Mend the machine
 * and call again.
 */
public final class EnvironmentException extends StorageSdkException {
  private static final long serialVersionUID = 1L;

  /** With nothing underneath. */
  public EnvironmentException(Problem problem) {
    super(problem, null);
  }

  /** With the failure that caused it. */
  public EnvironmentException(Problem problem, Throwable cause) {
    super(problem, cause);
  }
}
