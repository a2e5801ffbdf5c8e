package org.nixwsl.storage.linux.store;

/**
 * A store path could not be read to its end: an input error, a file of a type that no store path
 * has, a tree too deep, a file that changed while it was read. A finding about that path, not a
 * failure of the operation; the message is the finding's detail.
 */
public final class UnreadableException extends Exception {
  private static final long serialVersionUID = 1L;

  private final boolean gone;

  UnreadableException(String detail) {
    super(detail);
    this.gone = false;
  }

  UnreadableException(String detail, boolean gone, Throwable cause) {
    super(detail, cause);
    this.gone = gone;
  }

  /** Whether a file that was listed was not there any more: perhaps the path is being deleted. */
  public boolean gone() {
    return gone;
  }
}
