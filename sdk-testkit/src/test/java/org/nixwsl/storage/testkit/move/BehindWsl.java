package org.nixwsl.storage.testkit.move;

import java.nio.file.Path;
import java.util.Map;
import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.migrate.MigrationEngine;
import org.nixwsl.storage.core.migrate.stage.Machine;
import org.nixwsl.storage.core.migrate.stage.SideEffects;
import org.nixwsl.storage.core.nixwire.NixConfigEngine;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.core.vhdx.VhdxEngine;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;
import org.nixwsl.storage.windows.WindowsPlatform;
import org.nixwsl.storage.windows.wsl.WslRunner;

/** The SDK as on Windows, with a simulated WSL in the place of the real one. */
public final class BehindWsl {
  private final ProcessRunner processes = new ProcessRunner();
  private final Ticker ticker = Ticker.system();
  private final WindowsPlatform windows;

  /**
   * The SDK of one process.
   *
   * @param environment what it sees of the environment
   */
  public BehindWsl(SimulatedWsl wsl, Map<String, String> environment) {
    this.windows =
        new WindowsPlatform(
            WslRunner.ofProgram(processes, wsl.executable().toString()),
            notes(wsl).resolve("nixwsl"),
            environment);
  }

  /** The directory of a user's programs for what they note. */
  static Path notes(SimulatedWsl wsl) {
    return wsl.folder().resolve("local");
  }

  /** Attaches and mounts. */
  public WslMounter mounter() {
    return windows.mounter(processes, ticker);
  }

  /** Moves. It remembers nothing but what is in files. */
  public MigrationEngine engine() {
    return engine(SideEffects.direct());
  }

  /** The same, with changes that go through a test's hands. */
  public MigrationEngine engine(SideEffects effects) {
    WslMounter mounter = mounter();
    NixConfigWriter config =
        new NixConfigEngine(processes, ticker, name -> windows.instanceShell(name, processes));
    return new MigrationEngine(
        distribution ->
            new Machine(
                new VhdxEngine(),
                mounter,
                windows.workplace(distribution, config, processes, ticker),
                windows.instances(processes, ticker),
                ticker,
                effects),
        windows.notes(),
        ticker);
  }
}
