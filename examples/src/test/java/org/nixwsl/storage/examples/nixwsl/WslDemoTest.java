package org.nixwsl.storage.examples.nixwsl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;
import org.nixwsl.storage.testkit.wsl.real.InstanceImage;

/** {@code nixwsl demo --wsl}, which looks at what it did itself. */
@Tag("once")
@Tag("long")
class WslDemoTest {
  @Test
  void twoInstancesRunFromOneDiskAndOneIsTakenBack() {
    Optional<InstanceImage> image = InstanceImage.ofTheEnvironment();
    assumeTrue(image.isPresent(), "skipped: NIXWSL_TEST_IMAGE is missing; ./dev test sets it");
    List<String> why = SimulatedWsl.containersRefusals(image.orElseThrow());
    assumeTrue(why.isEmpty(), () -> "skipped: no containers here: " + why);
    Cli demo = Cli.run("demo", "--wsl", "--json");
    assertThat(demo.exitCode()).as(demo.out() + demo.err()).isZero();
    assertThat(demo.json()).containsEntry("proven", true);
    assertThat(demo.json().get("steps"))
        .asInstanceOf(InstanceOfAssertFactories.LIST)
        .extracting(step -> ((Map<?, ?>) step).get("result"))
        .anySatisfy(
            result ->
                assertThat(String.valueOf(result))
                    .isEqualTo("unarmed: /etc/nix-storage.armed is absent"));
  }
}
