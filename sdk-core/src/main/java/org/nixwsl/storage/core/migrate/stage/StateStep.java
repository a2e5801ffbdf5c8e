package org.nixwsl.storage.core.migrate.stage;

import java.io.IOException;
import java.util.Map;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.migrate.Stage;

/** Copies what came since the warm copy, then profiles, roots and logs, and the database last. */
public final class StateStep implements StageStep {
  /** The fingerprint of the source before it was copied the last time. */
  static final String FINGERPRINT = "fingerprint";

  /** The step. */
  public StateStep() {}

  @Override
  public Stage stage() {
    return Stage.STATE;
  }

  @Override
  public boolean needed(Attempt attempt) throws IOException, InterruptedException {
    return !attempt.committed();
  }

  @Override
  public Map<String, String> perform(Attempt attempt, StageProgress progress)
      throws IOException, InterruptedException {
    // Before the copy: whatever changes from here on is seen at the commit.
    String fingerprint =
        attempt.machine().tree().fingerprint(attempt.request().source(), attempt.operation());
    attempt.found(FINGERPRINT, fingerprint);
    attempt.keepRoom(progress);
    attempt.change("copy the state", () -> attempt.session().copyState(progress));
    return Map.of(FINGERPRINT, fingerprint);
  }

  /** It lies in the directory that the copy made, and goes with it. */
  @Override
  public void undo(Attempt attempt, Operation operation) {}
}
