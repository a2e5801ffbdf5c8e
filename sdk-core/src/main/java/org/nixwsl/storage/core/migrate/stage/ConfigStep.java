package org.nixwsl.storage.core.migrate.stage;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.config.ConfigChange;
import org.nixwsl.storage.config.NixModuleSettings;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.migrate.Stage;

/**
 * Writes the NixOS module and its import where a configuration was named. Nothing is switched or
 * built: that is a stage of its own, or what the user has to do for it is in the report.
 */
public final class ConfigStep implements StageStep {
  private static final String MODULE_BEFORE = "moduleBefore";

  /** The step. */
  public ConfigStep() {}

  @Override
  public Stage stage() {
    return Stage.CONFIG;
  }

  @Override
  public boolean needed(Attempt attempt) {
    return attempt.request().configDirectory().isPresent();
  }

  @Override
  public Map<String, String> intent(Attempt attempt) throws IOException {
    Path module = directory(attempt).resolve(NixConfigWriter.MODULE_FILE);
    boolean before = attempt.machine().tree().there(module);
    return Map.of(
        MODULE_BEFORE,
        attempt.state().facts(stage()).getOrDefault(MODULE_BEFORE, Boolean.toString(before)));
  }

  @Override
  public Map<String, String> perform(Attempt attempt, StageProgress progress)
      throws IOException, InterruptedException {
    NixModuleSettings settings =
        NixModuleSettings.builder()
            .instance(attempt.request().instance())
            .mountName(attempt.storage().mountName())
            .storageId(attempt.storageId())
            .layout(attempt.storage().layout())
            .fileSystemUuid(attempt.requireMounted().fileSystemUuid())
            .build();
    ConfigChange change =
        attempt.make(
            "write the module",
            () -> attempt.machine().config().write(directory(attempt), settings, attempt.silent()));
    change.toDo().forEach(line -> attempt.say("to do: " + line));
    attempt.say(
        "The module is in "
            + PathBytes.printable(change.module())
            + (attempt.request().switchSystem()
                ? "."
                : ". It is in force after nixos-rebuild boot."));
    return Map.of("import", change.importState().name());
  }

  @Override
  public void undo(Attempt attempt, Operation operation) throws IOException, InterruptedException {
    if (!needed(attempt) || !attempt.machine().tree().there(directory(attempt))) {
      return;
    }
    if (Boolean.parseBoolean(attempt.state().facts(stage()).get(MODULE_BEFORE))) {
      attempt.say("The module was there before the move, and stays.");
      return;
    }
    ConfigChange change =
        attempt.make(
            "remove the module",
            () -> attempt.machine().config().remove(directory(attempt), attempt.silent()));
    change.toDo().forEach(line -> attempt.say("to do: " + line));
  }

  private static Path directory(Attempt attempt) {
    return attempt.request().configDirectory().orElseThrow().toAbsolutePath();
  }
}
