package org.nixwsl.storage.core.migrate.stage;

import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.migrate.Stage;

/**
 * Makes the store stand still, where that can be done. What an earlier attempt froze is not
 * believed: it is frozen anew.
 */
public final class FreezeStep implements StageStep {
  /** Names the freeze, in the journal and in an attempt. */
  static final String TOKEN = "token";

  /** The step. */
  public FreezeStep() {}

  @Override
  public Stage stage() {
    return Stage.FREEZE;
  }

  @Override
  public boolean needed(Attempt attempt) throws IOException, InterruptedException {
    return attempt.machine().stillness().available(attempt.request().source())
        && !attempt.committed();
  }

  @Override
  public Map<String, String> perform(Attempt attempt, StageProgress progress)
      throws IOException, InterruptedException {
    String token =
        attempt.make(
            "freeze the store",
            () ->
                attempt
                    .machine()
                    .stillness()
                    .begin(attempt.request().source(), attempt.operation()));
    attempt.found(TOKEN, token);
    return Map.of(TOKEN, token);
  }

  @Override
  public void undo(Attempt attempt, Operation operation) throws IOException, InterruptedException {
    if (!attempt.machine().stillness().available(attempt.request().source())) {
      return;
    }
    Optional<String> token =
        attempt
            .found(TOKEN)
            .or(() -> Optional.ofNullable(attempt.state().facts(stage()).get(TOKEN)));
    attempt.change(
        "thaw the store",
        () -> attempt.machine().stillness().end(token, attempt.request().source(), operation));
  }
}
