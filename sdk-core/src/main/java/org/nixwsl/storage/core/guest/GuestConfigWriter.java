package org.nixwsl.storage.core.guest;

import java.nio.file.Path;
import java.util.Map;
import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.config.BootControl;
import org.nixwsl.storage.config.ConfigChange;
import org.nixwsl.storage.config.ConfigCheck;
import org.nixwsl.storage.config.NixModuleSettings;
import org.nixwsl.storage.config.WslConfigSettings;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;

/** Configurations where they are, through a guest; what needs no files is done here. */
final class GuestConfigWriter implements NixConfigWriter {
  private final GuestWorkplace place;
  private final NixConfigWriter here;
  private final Ticker ticker;

  GuestConfigWriter(GuestWorkplace place, NixConfigWriter here, Ticker ticker) {
    this.place = place;
    this.here = here;
    this.ticker = ticker;
  }

  @Override
  public ConfigChange write(Path directory, NixModuleSettings settings, RunOptions options) {
    return ModuleWire.change(
        call(
            "write the configuration",
            ModuleWire.WRITE,
            ModuleWire.write(directory, settings),
            options));
  }

  @Override
  public ConfigCheck validate(Path directory, RunOptions options) {
    return ModuleWire.check(
        call(
            "look at the configuration",
            ModuleWire.VALIDATE,
            ModuleWire.directory(directory),
            options));
  }

  @Override
  public ConfigChange remove(Path directory, RunOptions options) {
    return ModuleWire.change(
        call(
            "take the module out of the configuration",
            ModuleWire.REMOVE,
            ModuleWire.directory(directory),
            options));
  }

  /** Each of the three does nothing where it is done already. */
  private Map<String, Object> call(
      String what, String name, Map<String, Object> arguments, RunOptions options) {
    return Operation.run(
        what, options, ticker, Map.of(), operation -> place.repeatable(name, arguments, operation));
  }

  @Override
  public String render(NixModuleSettings settings) {
    return here.render(settings);
  }

  @Override
  public BootControl bootControl() {
    return here.bootControl();
  }

  @Override
  public BootControl bootControl(String distribution) {
    return here.bootControl(distribution);
  }

  @Override
  public byte[] mergeWslConfig(byte[] present, WslConfigSettings settings) {
    return here.mergeWslConfig(present, settings);
  }
}
