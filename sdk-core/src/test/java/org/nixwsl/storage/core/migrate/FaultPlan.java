package org.nixwsl.storage.core.migrate;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.nixwsl.storage.core.migrate.stage.SideEffects;
import org.nixwsl.storage.core.run.Operation;

/**
 * Counts the changes of a move, and can end it at any of them as kill -9 does: what comes after is
 * refused, whoever asks for it.
 */
final class FaultPlan implements SideEffects {
  /** Where to end it. */
  record Point(int change, boolean after) {}

  /** The process was killed. */
  static final class Killed extends Error {
    private static final long serialVersionUID = 1L;

    Killed(String what) {
      super(what, null, false, false);
    }
  }

  private final List<String> made = new ArrayList<>();
  private Point point = new Point(-1, false);
  private boolean dead;

  /** From here on another process works, which lives until that point. */
  void killAt(int change, boolean after) {
    made.clear();
    dead = false;
    point = new Point(change, after);
  }

  /** From here on another process works, to its end. */
  void killNever() {
    killAt(-1, false);
  }

  /** What was changed since. */
  List<String> made() {
    return List.copyOf(made);
  }

  @Override
  public <T> T make(String what, Operation.Work<T> change)
      throws IOException, InterruptedException {
    boolean here = made.size() == point.change();
    if (dead || (here && !point.after())) {
      throw killed(what);
    }
    made.add(what);
    T result = change.run();
    if (here) {
      throw killed(what);
    }
    return result;
  }

  private Killed killed(String what) {
    dead = true;
    return new Killed(what);
  }
}
