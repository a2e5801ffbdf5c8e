package org.nixwsl.storage.testkit.wsl;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.platform.InstanceControl;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.testkit.wsl.model.WslMachine;
import org.nixwsl.storage.windows.WindowsPlatform;
import org.nixwsl.storage.windows.wsl.WslRunner;

/** Instances of the simulated WSL, stopped and started as a move does it. */
class InstanceControlTest {
  @RegisterExtension final SimulatedWsl wsl = new SimulatedWsl();

  @Test
  void stopsAndStartsOneInstanceAndLeavesTheOthers(@TempDir Path notes) {
    wsl.addInstance("main");
    wsl.addInstance("peer");
    ProcessRunner processes = new ProcessRunner();
    InstanceControl control =
        new WindowsPlatform(
                WslRunner.ofProgram(processes, wsl.executable().toString()), notes, Map.of())
            .instances(processes, Ticker.system())
            .control("Main")
            .orElseThrow();
    Operation.quiet(
        "restart",
        operation -> {
          assertThat(control.running(operation)).isFalse();
          control.terminate(operation);
          control.start(operation);
          assertThat(control.running(operation)).isTrue();
          assertThat(control.bootState(operation)).as("it has no hook").isEmpty();
          wsl.change(machine -> machine.start("peer"));
          control.terminate(operation);
          assertThat(control.running(operation)).isFalse();
          boolean peer = wsl.ask(machine -> runs(machine, "peer"));
          assertThat(peer).isTrue();
          return true;
        });
  }

  private static boolean runs(WslMachine machine, String name) {
    return machine.instances().stream()
        .anyMatch(row -> row.name().equals(name) && row.state().equals("Running"));
  }
}
