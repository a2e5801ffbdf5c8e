package org.nixwsl.storage.error;

import java.io.Serializable;
import java.util.Objects;

/**
 * What is known about a failure, in the words that are shown to people.
 *
 * @param code the stable name of the condition
 * @param message what failed, on what, and why; one or two sentences
 * @param remedy what the user can do about it; one or two sentences
 * @param retryable whether the same call may succeed later without anything being repaired
 * @param stateLeft what the failed call left behind
 */
public record Problem(
    ErrorCode code, String message, String remedy, boolean retryable, StateLeft stateLeft)
    implements Serializable {
  /** Checks that nothing is missing. */
  public Problem {
    Objects.requireNonNull(code, "code");
    Objects.requireNonNull(message, "message");
    Objects.requireNonNull(remedy, "remedy");
    Objects.requireNonNull(stateLeft, "stateLeft");
  }

  /** A problem that a repetition does not cure and that left nothing changed. */
  public static Problem of(ErrorCode code, String message, String remedy) {
    return new Problem(code, message, remedy, false, StateLeft.NOTHING_CHANGED);
  }

  /** The same problem with another state left behind. */
  public Problem leaving(StateLeft state) {
    return new Problem(code, message, remedy, retryable, state);
  }

  /** The same problem, marked as one that may go away by itself. */
  public Problem mayGoAway() {
    return new Problem(code, message, remedy, true, stateLeft);
  }
}
