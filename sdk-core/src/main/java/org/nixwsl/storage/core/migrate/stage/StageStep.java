package org.nixwsl.storage.core.migrate.stage;

import java.io.IOException;
import java.util.Map;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.migrate.Stage;

/**
 * One stage of a move. It may have been begun before, by a process that was killed at any moment:
 * each method looks at the machine first, and takes from the journal only what the machine does not
 * show. Has no state of its own; that is in the {@link Attempt}.
 */
public interface StageStep {
  /** Which stage it is. */
  Stage stage();

  /** Whether there is something to do, by what the machine shows. Changes nothing. */
  boolean needed(Attempt attempt) throws IOException, InterruptedException;

  /**
   * What has to be known later if the process ends in the middle of {@link #perform}: it is in the
   * journal before that is called. Changes nothing.
   */
  default Map<String, String> intent(Attempt attempt) throws IOException, InterruptedException {
    return Map.of();
  }

  /**
   * Does it, from whatever an earlier attempt left.
   *
   * @return what has to be known later; it is in the journal with the fact that it is done
   */
  Map<String, String> perform(Attempt attempt, StageProgress progress)
      throws IOException, InterruptedException;

  /** Looks whether it is done; throws if not. Changes nothing. */
  default void confirm(Attempt attempt) throws IOException, InterruptedException {}

  /** Whether it can be taken back without losing anything. Changes nothing. */
  default boolean undoable(Attempt attempt) throws IOException, InterruptedException {
    return true;
  }

  /**
   * Takes back what is there of it, whoever did it and however far that came; nothing where nothing
   * is. The caller's cancellation does not reach the operation that it gets.
   */
  void undo(Attempt attempt, Operation operation) throws IOException, InterruptedException;
}
