package org.nixwsl.storage.core.migrate.stage;

import java.io.IOException;
import java.util.Map;
import java.util.UUID;
import org.nixwsl.storage.core.nixwire.SystemSwitch;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.Stage;

/**
 * Switches the instance to the configuration that has the module by now, where that was asked for.
 * Nothing is armed: until the commit a restart boots as before, through the hook or past it.
 */
public final class SwitchStep implements StageStep {
  private static final String RUNNING_BEFORE = "runningBefore";
  private static final String PROFILE_BEFORE = "profileBefore";
  private static final String PROFILE = "profile";

  /** The id that no move has. */
  private static final UUID NO_MOVE = new UUID(0, 0);

  /** The step. */
  public SwitchStep() {}

  @Override
  public Stage stage() {
    return Stage.SWITCH;
  }

  /**
   * A system that the user switched to since, and that has the hook too, is as good.
   *
   * @throws EnvironmentException {@code SWITCH_FAILED} if no switch was asked for, a restart was,
   *     and the instance would start past the hook
   */
  @Override
  public boolean needed(Attempt attempt) throws IOException, InterruptedException {
    if (attempt.committed()) {
      return false;
    }
    if (!attempt.request().switchSystem()) {
      if (attempt.request().restart()) {
        requireHook(attempt);
      }
      return false;
    }
    return !attempt.state().facts(stage()).containsKey(PROFILE) || !look(attempt).hooked();
  }

  /** A restart past the hook of this move cannot end on the storage. */
  private static void requireHook(Attempt attempt) throws IOException, InterruptedException {
    if (!look(attempt).hooked()) {
      throw new EnvironmentException(
          Problem.of(
                  ErrorCode.SWITCH_FAILED,
                  "The system of "
                      + attempt.request().instance()
                      + " does not have the hook of this move, so that a restart would not end on"
                      + " the storage.",
                  "Switch it to its configuration by hand (nixos-rebuild switch) and resume the"
                      + " move; or roll back, and ask for the switch too (switchSystem).")
              .leaving(StateLeft.RESUMABLE));
    }
  }

  /** The system of before, as the first attempt found it. */
  @Override
  public Map<String, String> intent(Attempt attempt) throws IOException, InterruptedException {
    Map<String, String> facts = attempt.state().facts(stage());
    if (facts.containsKey(PROFILE_BEFORE)) {
      return Map.of();
    }
    SystemSwitch.State before = look(attempt);
    return Map.of(RUNNING_BEFORE, before.running(), PROFILE_BEFORE, before.profile());
  }

  @Override
  public Map<String, String> perform(Attempt attempt, StageProgress progress)
      throws IOException, InterruptedException {
    attempt
        .make(
            "switch the instance",
            () ->
                system(attempt)
                    .toConfiguration(
                        attempt.request().configDirectory().orElseThrow(),
                        attempt.storageId(),
                        attempt.operation()))
        .ifPresent(attempt::say);
    return Map.of(PROFILE, look(attempt).profile());
  }

  @Override
  public void undo(Attempt attempt, Operation operation) throws IOException, InterruptedException {
    Map<String, String> facts = attempt.state().facts(stage());
    String running = facts.get(RUNNING_BEFORE);
    String profile = facts.get(PROFILE_BEFORE);
    if (running == null || profile == null) {
      return;
    }
    attempt
        .make(
            "switch the instance back",
            () ->
                system(attempt)
                    .back(
                        new SystemSwitch.State(running, profile, false),
                        attempt.storageId(),
                        operation))
        .ifPresent(attempt::say);
  }

  /** Throws if the instance has no system that can be switched. Changes nothing. */
  public static void requirePossible(Machine machine, MigrationRequest request, Operation operation)
      throws IOException, InterruptedException {
    system(machine, request).look(NO_MOVE, operation);
  }

  private static SystemSwitch.State look(Attempt attempt) throws IOException, InterruptedException {
    return system(attempt).look(attempt.storageId(), attempt.operation());
  }

  private static SystemSwitch system(Attempt attempt) {
    return system(attempt.machine(), attempt.request());
  }

  private static SystemSwitch system(Machine machine, MigrationRequest request) {
    return new SystemSwitch(machine.instances().shell(Machine.distribution(request)));
  }
}
