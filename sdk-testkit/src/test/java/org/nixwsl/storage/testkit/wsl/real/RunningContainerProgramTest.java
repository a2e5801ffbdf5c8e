package org.nixwsl.storage.testkit.wsl.real;

import org.junit.jupiter.api.Tag;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;

@Tag("once")
@Tag("long")
class RunningContainerProgramTest extends RunningPrograms {
  RunningContainerProgramTest() {
    super(SimulatedWsl.withContainers());
  }
}
