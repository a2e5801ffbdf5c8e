package org.nixwsl.storage.testkit.boot;

import static org.nixwsl.storage.testkit.boot.BootImage.host;
import static org.nixwsl.storage.testkit.boot.BootImage.resource;
import static org.nixwsl.storage.testkit.boot.Expected.disk;
import static org.nixwsl.storage.testkit.boot.Expected.rescue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.core.run.Operation;

/**
 * Instances that are killed before each program that a script of ours or of the activation would
 * start: in a boot (hook, shim, activation) and in a switch (copy, profile, activation). What only
 * reads does not count. Each kill has a new root disk and a new shared disk.
 */
final class KillRows {
  /** More than there are: an end that is never reached must not go on for ever. */
  private static final int MOST_STEPS = 150;

  private final BootMachine machine;
  private final BootTable table;
  private final Path steps;

  KillRows(BootMachine machine, BootTable table) {
    this.machine = machine;
    this.table = table;
    steps = machine.share().resolve(".steps");
  }

  void inABoot() throws Exception {
    for (int step = 1; step < MOST_STEPS; step++) {
      String device = machine.mounted();
      stopAt(step);
      Instance instance = machine.instance(device);
      Optional<String> reached =
          reached("systemctl is-system-running | grep -qx running", instance);
      goOn();
      if (reached.isEmpty()) {
        table.row(machine, "", "not killed in its boot: no more steps", instance, disk("second"));
        machine.clear();
        table.expect("B3", "steps of a boot", "over 30", step > 30 ? "over 30" : "" + step, "");
        return;
      }
      instance.restart();
      table.row(machine, "B1 B3 B7", "boot, killed at " + reached.get(), instance, disk("second"));
      machine.clear();
    }
    throw new AssertionError("a boot has more than " + MOST_STEPS + " steps");
  }

  void inASwitch() throws Exception {
    boolean copied = false;
    for (int step = 1; step < MOST_STEPS; step++) {
      Instance instance = machine.instance(machine.mounted());
      instance.settled();
      stopAt(step);
      instance.inside(
          "nix-env -p /nix/var/nix/profiles/system --set $third; export BASH_ENV=/mnt/wsl/.steps/step.sh;"
              + " { $third/bin/switch-to-configuration switch; touch /run/switched; } > /dev/null 2>&1 &");
      Optional<String> reached = reached("[ -e /run/switched ]", instance);
      goOn();
      instance.restart();
      // Until the copy is whole, the disk has a system that the root disk lacks.
      Expected expected =
          copied || reached.isEmpty() ? disk("third") : rescue("seed older than disk");
      String name = reached.map(at -> "killed at " + at).orElse("not killed: no more steps");
      table.row(machine, "B1 B3 B10", "switch, " + name, instance, expected);
      if (reached.isEmpty()) {
        machine.clear();
        table.expect("B1", "steps of a switch", "over 20", step > 20 ? "over 20" : "" + step, "");
        return;
      }
      if (expected.decision().equals("rescue")) {
        instance.inside("/run/current-system/bin/nix-storage reseed");
        instance.restart();
        table.row(machine, "B1", "the same, after reseed", instance, disk("third"));
      }
      copied |= reached.get().contains("nix --extra-experimental-features nix-command copy");
      machine.clear();
    }
    throw new AssertionError("a switch has more than " + MOST_STEPS + " steps");
  }

  /** Moments that no script can name: in the middle of Nix's copy, or of writing its database. */
  void atAnyMoment() throws Exception {
    for (String moment : List.of("0.05", "0.2", "0.5", "1")) {
      Instance instance = machine.instance(machine.mounted());
      instance.settled();
      instance.inside(
          "(setsid $third/bin/switch-to-configuration test > /dev/null 2>&1 &); sleep " + moment);
      instance.restart();
      table.row(machine, "B1", "killed " + moment + " s into a test", instance, disk("second"));
      machine.clear();
    }
  }

  private void stopAt(int step) throws Exception {
    Files.createDirectories(steps);
    Files.writeString(steps.resolve("step.sh"), resource("step.sh"));
    Files.writeString(steps.resolve("count"), "0\n");
    Files.deleteIfExists(steps.resolve("reached"));
    Files.deleteIfExists(steps.resolve("never"));
    host("mkfifo", steps.resolve("never").toString());
    Files.writeString(steps.resolve("stop-at"), step + "\n");
  }

  private void goOn() throws Exception {
    Files.delete(steps.resolve("stop-at"));
  }

  /** The step before which it stands, or nothing when it came to the end. */
  private Optional<String> reached(String end, Instance instance) throws Exception {
    Path reached = steps.resolve("reached");
    boolean came =
        Operation.quiet(
            "wait for a step",
            operation ->
                operation.await(
                    "a step or the end",
                    Duration.ofSeconds(60),
                    () -> Files.exists(reached) || ended(end, instance)));
    if (!came) {
      throw new AssertionError("neither a step nor the end within a minute");
    }
    return Files.exists(reached)
        ? Optional.of(Files.readString(steps.resolve("step")).strip())
        : Optional.empty();
  }

  private static boolean ended(String end, Instance instance) {
    try {
      return instance.run(end).getExitCode() == 0;
    } catch (Exception e) {
      return false; // The container may not have started yet.
    }
  }
}
