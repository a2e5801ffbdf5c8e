package org.nixwsl.storage.error;

/** The virtual disk, its file or its file system is not as it has to be. */
public final class DiskException extends StorageSdkException {
  private static final long serialVersionUID = 1L;

  /** With nothing underneath. */
  public DiskException(Problem problem) {
    super(problem, null);
  }

  /** With the failure that caused it. */
  public DiskException(Problem problem, Throwable cause) {
    super(problem, cause);
  }
}
