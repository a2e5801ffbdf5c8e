package org.nixwsl.storage.testkit.layout;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.nixwsl.storage.core.migrate.stage.SideEffects;
import org.nixwsl.storage.core.run.Operation;

/** Ends a move after its change of that name, as a kill does: nothing is changed after. */
final class KillAfter implements SideEffects {
  private final String last;
  private final List<String> made = new ArrayList<>();
  private boolean dead;

  /** The move was killed. */
  static final class Killed extends Error {
    private static final long serialVersionUID = 1L;
  }

  KillAfter(String last) {
    this.last = last;
  }

  /** The changes that were made, in order. */
  List<String> made() {
    return List.copyOf(made);
  }

  @Override
  public <T> T make(String what, Operation.Work<T> change)
      throws IOException, InterruptedException {
    if (dead) {
      throw new Killed();
    }
    T result = change.run();
    made.add(what);
    dead = what.equals(last);
    if (dead) {
      // The kernel closes what a killed process has open.
      if (result instanceof AutoCloseable open) {
        close(open);
      }
      throw new Killed();
    }
    return result;
  }

  private static void close(AutoCloseable open) throws IOException {
    try {
      open.close();
    } catch (IOException | RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }
}
