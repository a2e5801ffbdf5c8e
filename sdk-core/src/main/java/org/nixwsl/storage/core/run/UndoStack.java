package org.nixwsl.storage.core.run;

import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * What has to be taken back if a piece of work does not come to its end. Each act pushes its own
 * undoing; {@link #keep} at the end of the work forgets them all; {@link #close} takes back what is
 * left, the last act first. Used in a {@code try} with resources, so that a failing undo is kept as
 * a suppressed exception of the failure that made it necessary. Not thread-safe.
 */
public final class UndoStack implements AutoCloseable {
  private final Ticker ticker;
  private final Deque<Undo> undos = new ArrayDeque<>();
  private boolean failed;

  private record Undo(String what, Operation.Action action) {}

  /** An empty stack whose undoing takes its time from the ticker. */
  public UndoStack(Ticker ticker) {
    this.ticker = ticker;
  }

  /**
   * Remembers how an act is taken back.
   *
   * @param what the undoing in a few words, for people
   * @param action gets an operation of its own, which the caller's cancellation does not reach
   */
  public void push(String what, Operation.Action action) {
    undos.push(new Undo(what, action));
  }

  /** Forgets everything that was pushed: what was done stays. */
  public void keep() {
    undos.clear();
  }

  /** Whether {@link #close} met an undo that failed, so that something was left behind. */
  public boolean failed() {
    return failed;
  }

  /**
   * Takes back what was not kept. An undo that fails does not stop the ones below it; the first
   * failure is thrown at the end and carries the others. A cancellation or interruption waits: a
   * change that is half taken back helps nobody.
   */
  @Override
  public void close() {
    @Nullable RuntimeException first = null;
    while (!undos.isEmpty()) {
      Undo undo = undos.pop();
      try {
        Operation.toTheEnd(undo.what(), ticker, undo.action());
      } catch (RuntimeException e) {
        failed = true;
        if (first == null) {
          first = e;
        } else {
          first.addSuppressed(e);
        }
      }
    }
    if (first != null) {
      throw first;
    }
  }
}
