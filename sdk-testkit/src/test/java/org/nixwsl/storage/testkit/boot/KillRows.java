package org.nixwsl.storage.testkit.boot;

import static org.nixwsl.storage.testkit.boot.Expected.disk;

import java.util.List;

/** Instances that are killed while they change things. */
final class KillRows {
  private final BootMachine machine;
  private final BootTable table;

  KillRows(BootMachine machine, BootTable table) {
    this.machine = machine;
    this.table = table;
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
}
