package org.nixwsl.storage.core.migrate.stage;

import java.io.IOException;
import org.nixwsl.storage.core.run.Operation;

/**
 * Through which every change goes that a move makes. A test puts a plan of faults in its place: it
 * can end the move before and after each of them.
 */
public interface SideEffects {
  /** Makes each change as it comes. */
  static SideEffects direct() {
    return new SideEffects() {
      @Override
      public <T> T make(String what, Operation.Work<T> change)
          throws IOException, InterruptedException {
        return change.run();
      }
    };
  }

  /** Makes a change; the text tells people which. */
  <T> T make(String what, Operation.Work<T> change) throws IOException, InterruptedException;

  /** A change that has nothing to give back. */
  @FunctionalInterface
  interface Change {
    /** Makes it. */
    void run() throws IOException, InterruptedException;
  }

  /** {@link #make(String, Operation.Work)} of a change that has nothing to give back. */
  default void run(String what, Change change) throws IOException, InterruptedException {
    make(
        what,
        () -> {
          change.run();
          return what;
        });
  }
}
