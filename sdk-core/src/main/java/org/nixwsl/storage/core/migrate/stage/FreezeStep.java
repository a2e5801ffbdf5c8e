package org.nixwsl.storage.core.migrate.stage;

import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import org.nixwsl.storage.core.migrate.journal.JournalState;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.migrate.MigrationRequest;
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

  /**
   * Whether the store stays frozen after the commit: only an instance that is to boot from the copy
   * must not go on with the old store.
   */
  public static boolean outlastsTheCommit(MigrationRequest request) {
    return request.configDirectory().isPresent();
  }

  /**
   * Ends a freeze after the commit where nothing was armed: the old store is what the instance goes
   * on with. The commit stands whatever comes of it.
   */
  public void endAfterCommit(Attempt attempt) {
    if (outlastsTheCommit(attempt.request())
        || attempt.state().of(stage()) == JournalState.Progress.UNTOUCHED) {
      return;
    }
    try {
      Operation.toTheEnd(
          "thaw the store",
          attempt.operation().ticker(),
          operation -> attempt.takeBack(this, operation));
      attempt.say(
          "The old store is in use as before: what is built or switched there from now on is not in"
              + " the copy.");
    } catch (StorageSdkException e) {
      attempt.say("The old store is still frozen: " + e.getMessage());
    }
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
