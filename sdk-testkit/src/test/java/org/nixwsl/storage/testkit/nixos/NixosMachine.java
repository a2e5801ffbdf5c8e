package org.nixwsl.storage.testkit.nixos;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;
import org.nixwsl.storage.testkit.wsl.real.InstanceImage;

/** A simulated WSL with one small NixOS. */
final class NixosMachine {
  private NixosMachine() {}

  /** Makes one, whose instance is called {@code nixos}; skips the test where that cannot be. */
  static SimulatedWsl make() {
    Optional<InstanceImage> base = InstanceImage.ofTheEnvironment();
    assumeTrue(base.isPresent(), "skipped: NIXWSL_TEST_IMAGE is missing; ./dev test sets it");
    List<String> why = SimulatedWsl.containersRefusals(base.get());
    assumeTrue(why.isEmpty(), () -> "skipped: no containers here: " + why);
    SimulatedWsl wsl = SimulatedWsl.withContainers(MiniNixos.image(base.get()));
    wsl.addInstance("nixos");
    return wsl;
  }
}
