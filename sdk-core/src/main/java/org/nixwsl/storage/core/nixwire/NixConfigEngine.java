package org.nixwsl.storage.core.nixwire;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.config.BootControl;
import org.nixwsl.storage.config.ConfigChange;
import org.nixwsl.storage.config.ConfigCheck;
import org.nixwsl.storage.config.NixModuleSettings;
import org.nixwsl.storage.config.WslConfigSettings;
import org.nixwsl.storage.core.nixconf.BootCommands;
import org.nixwsl.storage.core.nixconf.NixModuleRenderer;
import org.nixwsl.storage.core.platform.InstanceShell;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.core.wslconf.WslConfigText;

/**
 * Writes NixOS configurations. The text of the module is {@link NixModuleRenderer}'s, the user's
 * file {@link ModuleText}'s, what happens to files {@link ConfigWire}'s. Thread-safe.
 */
public final class NixConfigEngine implements NixConfigWriter {
  private final NixModuleRenderer renderer = new NixModuleRenderer();
  private final NixTools tools;
  private final Ticker ticker;
  private final Function<Optional<String>, InstanceShell> instances;

  /**
   * A writer that finds Nix on this machine.
   *
   * @param instances the way into an instance, or into this one where there is no name
   */
  public NixConfigEngine(
      ProcessRunner processes, Ticker ticker, Function<Optional<String>, InstanceShell> instances) {
    this(NixTools.ofThisMachine(processes), ticker, instances);
  }

  NixConfigEngine(
      NixTools tools, Ticker ticker, Function<Optional<String>, InstanceShell> instances) {
    this.tools = tools;
    this.ticker = ticker;
    this.instances = instances;
  }

  @Override
  public String render(NixModuleSettings settings) {
    return renderer.render(settings);
  }

  @Override
  public ConfigChange write(Path directory, NixModuleSettings settings, RunOptions options) {
    byte[] module = renderer.render(settings).getBytes(StandardCharsets.UTF_8);
    return run(
        "write the configuration", options, operation -> wire(directory, operation).write(module));
  }

  @Override
  public ConfigCheck validate(Path directory, RunOptions options) {
    return run(
        "look at the configuration",
        options,
        operation -> new ConfigValidation(ConfigDirectory.of(directory), tools, operation).run());
  }

  @Override
  public ConfigChange remove(Path directory, RunOptions options) {
    return run(
        "take the module out of the configuration",
        options,
        operation -> wire(directory, operation).remove());
  }

  @Override
  public BootControl bootControl() {
    return new BootCommands(instances.apply(Optional.empty()), ticker);
  }

  @Override
  public BootControl bootControl(String distribution) {
    return new BootCommands(instances.apply(Optional.of(distribution)), ticker);
  }

  @Override
  public byte[] mergeWslConfig(byte[] present, WslConfigSettings settings) {
    return WslConfigText.merge(present, settings);
  }

  private ConfigWire wire(Path directory, Operation operation) throws IOException {
    return new ConfigWire(ConfigDirectory.of(directory), tools, ticker, operation);
  }

  private <T> T run(String what, RunOptions options, Operation.Body<T> body) {
    return Operation.run(what, options, ticker, Map.of(), body);
  }
}
