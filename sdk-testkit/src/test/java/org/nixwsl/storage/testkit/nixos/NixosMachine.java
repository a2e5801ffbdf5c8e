package org.nixwsl.storage.testkit.nixos;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;
import org.nixwsl.storage.testkit.wsl.real.InstanceImage;

/** A simulated WSL whose instances are a small NixOS. */
final class NixosMachine {
  private NixosMachine() {}

  /** Makes one with these instances; skips the test where that cannot be. */
  static SimulatedWsl make(String... instances) {
    Optional<InstanceImage> base = InstanceImage.ofTheEnvironment();
    assumeTrue(base.isPresent(), "skipped: NIXWSL_TEST_IMAGE is missing; ./dev test sets it");
    List<String> why = SimulatedWsl.containersRefusals(base.get());
    assumeTrue(why.isEmpty(), () -> "skipped: no containers here: " + why);
    SimulatedWsl wsl = SimulatedWsl.withContainers(MiniNixos.image(base.get()));
    for (String instance : instances) {
      wsl.addInstance(instance);
    }
    return wsl;
  }
}
