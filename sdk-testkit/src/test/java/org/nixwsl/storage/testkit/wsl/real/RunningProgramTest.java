package org.nixwsl.storage.testkit.wsl.real;

import org.junit.jupiter.api.Tag;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;

@Tag("once")
class RunningProgramTest extends RunningPrograms {
  RunningProgramTest() {
    super(SimulatedWsl.withRealDisks());
  }
}
