package org.nixwsl.storage.core.run;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.RunOptions;

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

  private record Undo(String what, Action action) {}

  /** Takes back one act. */
  @FunctionalInterface
  public interface Action {
    /**
     * Does it.
     *
     * @param operation an operation of its own, which the caller's cancellation does not reach
     */
    void run(Operation operation) throws IOException, InterruptedException;
  }

  /** An empty stack whose undoing takes its time from the ticker. */
  public UndoStack(Ticker ticker) {
    this.ticker = ticker;
  }

  /**
   * Remembers how an act is taken back.
   *
   * @param what the undoing in a few words, for people
   */
  public void push(String what, Action action) {
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
   * failure is thrown at the end and carries the others. Cancellation and interruption wait: a
   * change that is half taken back helps nobody.
   */
  @Override
  public void close() {
    boolean interrupted = Thread.interrupted();
    @Nullable RuntimeException first = null;
    while (!undos.isEmpty()) {
      Undo undo = undos.pop();
      try {
        Operation.run(
            undo.what(),
            RunOptions.ofDefaults(),
            ticker,
            Map.of(),
            operation -> {
              undo.action().run(operation);
              return Boolean.TRUE;
            });
      } catch (RuntimeException e) {
        failed = true;
        if (first == null) {
          first = e;
        } else {
          first.addSuppressed(e);
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    if (first != null) {
      throw first;
    }
  }
}
