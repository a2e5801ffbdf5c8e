package org.nixwsl.storage.core.migrate;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.config.BootControl;
import org.nixwsl.storage.config.ConfigChange;
import org.nixwsl.storage.config.ConfigChange.FileChange;
import org.nixwsl.storage.config.ConfigChange.ImportState;
import org.nixwsl.storage.config.ConfigCheck;
import org.nixwsl.storage.config.NixModuleSettings;
import org.nixwsl.storage.config.WslConfigSettings;

/** A configuration that only remembers which module it has. */
final class FakeConfig implements NixConfigWriter {
  Optional<UUID> module = Optional.empty();

  @Override
  public String render(NixModuleSettings settings) {
    throw new AssertionError("not used");
  }

  @Override
  public ConfigChange write(Path directory, NixModuleSettings settings, RunOptions options) {
    module = Optional.of(settings.storageId());
    return change(directory, FileChange.CREATED, ImportState.ADDED);
  }

  @Override
  public ConfigCheck validate(Path directory, RunOptions options) {
    throw new AssertionError("not used");
  }

  @Override
  public ConfigChange remove(Path directory, RunOptions options) {
    module = Optional.empty();
    return change(directory, FileChange.REMOVED, ImportState.REMOVED);
  }

  @Override
  public byte[] mergeWslConfig(byte[] present, WslConfigSettings settings) {
    throw new AssertionError("not used");
  }

  @Override
  public BootControl bootControl() {
    throw new AssertionError("not used");
  }

  @Override
  public BootControl bootControl(String distribution) {
    throw new AssertionError("not used");
  }

  private static ConfigChange change(Path directory, FileChange change, ImportState state) {
    return new ConfigChange(
        directory.resolve(MODULE_FILE), change, state, Optional.empty(), List.of());
  }
}
