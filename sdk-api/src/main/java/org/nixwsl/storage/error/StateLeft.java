package org.nixwsl.storage.error;

/** What a failed call left behind. */
public enum StateLeft {
  /** Everything is as it was before the call. */
  NOTHING_CHANGED("Nothing was changed."),
  /** Part of the work is done and kept; the same call goes on from there. */
  RESUMABLE("What was done so far is kept; call again to go on."),
  /** Something is left that the message names and the user has to remove or detach. */
  NEEDS_CLEANUP("Something was left behind; see the message."),
  /** It is not known how far the work came; the message says what to look at. */
  UNKNOWN("The state is not known.");

  private final String sentence;

  StateLeft(String sentence) {
    this.sentence = sentence;
  }

  /** The state as a sentence for people. */
  public String sentence() {
    return sentence;
  }
}
