package org.nixwsl.storage.testkit.freeze;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.guest.GuestFreezer;
import org.nixwsl.storage.core.platform.StoreFreezer.Found;
import org.nixwsl.storage.core.platform.StoreFreezer.Options;
import org.nixwsl.storage.core.platform.StoreFreezer.Thaw;
import org.nixwsl.storage.core.platform.StoreFreezer.Token;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.testkit.container.NixContainer;

/**
 * The script of a freeze killed before and after each of its steps, once alone and once with the
 * undo that systemd runs then. {@code FreezeTest} has the short form of this.
 */
@Tag("once")
@Tag("long")
class FreezeCrashTest {
  private static final Options PATIENT =
      new Options(Duration.ofSeconds(20), Duration.ofMinutes(5), Duration.ofMinutes(5), List.of());

  @Test
  void whereverTheScriptIsKilledAThawMakesTheMachineAsItWas(@TempDir Path directory)
      throws Exception {
    Optional<String> why = NixContainer.whyUnavailable();
    assumeTrue(why.isEmpty(), why.orElse(""));
    try (FreezeMachine machine = new FreezeMachine(directory);
        GuestFreezer caller = machine.caller()) {
      machine.killScriptAt(List.of(), false);
      Token undisturbed = Operation.quiet("freeze", op -> caller.begin(PATIENT, op)).token();
      Operation.quiet("thaw", op -> caller.thaw(undisturbed, op));
      int steps = Integer.parseInt(machine.steps().strip());
      assertThat(steps).isGreaterThan(15);

      List<String> killed = new ArrayList<>();
      for (int step = 1; step <= steps; step++) {
        for (boolean after : new boolean[] {false, true}) {
          for (List<Integer> at : List.of(List.of(step), List.of(step, step + 1, step + 2))) {
            machine.killScriptAt(at, after);
            freezeAndThaw(caller);
            String what = at + (after ? " after " : " before ") + machine.steps();
            killed.add(what);
            machine.killNothing();
            leftIsThawed(caller);
            assertThat(machine.isThawed()).as(what + machine.facts()).isTrue();
          }
        }
      }
      assertThat(killed).allMatch(what -> what.contains(": "), "was killed");
    }
  }

  /** Either may fail, as the script is killed under them. */
  private static void freezeAndThaw(GuestFreezer caller) {
    try {
      Token token = Operation.quiet("freeze", op -> caller.begin(PATIENT, op)).token();
      Operation.quiet("thaw", op -> caller.thaw(token, op));
    } catch (StorageSdkException killed) {
      assertThat(killed.getMessage()).isNotBlank();
    }
  }

  private static void leftIsThawed(GuestFreezer caller) {
    Optional<Found> left = Operation.quiet("find", caller::find);
    if (left.isPresent()) {
      Thaw thaw = Operation.quiet("thaw", op -> caller.thaw(left.get().token(), op));
      assertThat(thaw).isNotEqualTo(Thaw.OTHER_BOOT);
    }
  }
}
