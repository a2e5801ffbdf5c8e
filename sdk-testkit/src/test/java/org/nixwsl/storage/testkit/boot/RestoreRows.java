package org.nixwsl.storage.testkit.boot;

import static org.nixwsl.storage.testkit.boot.Expected.disk;
import static org.nixwsl.storage.testkit.boot.Expected.rescue;

import java.nio.file.Path;

/** A side that was restored from a backup, and a root disk without room. */
final class RestoreRows {
  private static final String RESEED = "/run/current-system/bin/nix-storage reseed";
  private static final String FILL =
      "for size in 64k 1k; do dd if=/dev/zero of=/fill-$size bs=$size status=none 2> /dev/null || true;"
          + " done; sync -f /";
  private static final String LINKS = "readlink /sbin/init /etc/static";
  private static final String ROOM = "rm /fill-* && sync -f / && systemctl reset-failed";

  private final BootMachine machine;
  private final BootTable table;

  RestoreRows(BootMachine machine, BootTable table) {
    this.machine = machine;
    this.table = table;
  }

  void disks() throws Exception {
    String device = machine.mounted();
    Instance instance = machine.instance(device);
    instance.settled();
    instance.terminate();
    machine.unmount();
    Path backup = machine.backup(device);
    machine.mount(device, "rw");
    instance.start();
    instance.settled();
    instance.rebuild("third", "switch");
    instance.restart();
    table.row(machine, "B1", "before the disk is restored", instance, disk("third"));
    instance.terminate();
    machine.unmount();
    machine.restore(backup, device);
    machine.mount(device, "rw");
    instance.start();
    Expected restored = disk("second").finding("disk-restored");
    table.row(machine, "B7", "disk restored", instance, restored);
    instance.restart();
    table.row(machine, "B7", "disk restored, next boot", instance, disk("second"));
    machine.clear();
  }

  void roots() throws Exception {
    String device = machine.mounted();
    Instance instance = machine.instance(device);
    instance.settled();
    instance.terminate();
    Path backup = machine.backup(instance.root());
    instance.start();
    instance.settled();
    instance.terminate();
    machine.restore(backup, instance.root());
    instance.start();
    Expected restored = disk("second").finding("root-restored");
    table.row(machine, "B7", "root restored", instance, restored);
    instance.restart();
    table.row(machine, "B7", "root restored, next boot", instance, disk("second"));
    instance.rebuild("third", "switch");
    instance.restart();
    table.row(machine, "B1", "before the root is restored", instance, disk("third"));
    instance.terminate();
    machine.restore(backup, instance.root());
    instance.start();
    Expected older =
        rescue("seed older than disk after the root disk was restored").finding("root-restored");
    table.row(machine, "B1 B7", "root restored to before a switch", instance, older);
    instance.inside(RESEED);
    instance.restart();
    table.row(
        machine, "B7", "the same after reseed", instance, disk("third").finding("root-restored"));
    machine.clear();
  }

  void fullRoots() throws Exception {
    Expected full = rescue("the root disk is full");
    Instance instance = machine.instance(machine.mounted(), FILL);
    withRoom("root disk full at the first boot", instance, full);
    instance.restart();
    table.row(machine, "", "root disk no longer full", instance, disk("second"));
    instance.inside(FILL);
    String before = instance.inside(LINKS);
    boolean ends = instance.run(Instance.rebuilding("third", "switch")).getExitCode() != 0;
    table.expect("B1", "switch with a full root disk", "fails", ends ? "fails" : "done", "");
    boolean same = instance.inside(LINKS).equals(before);
    table.expect(
        "B1", "the links of the root disk are then", "the same", same ? "the same" : "moved", "");
    instance.restart();
    withRoom("switch with a full root disk, next boot", instance, full);
    instance.restart();
    table.row(machine, "B1", "the same, with room", instance, rescue("seed older than disk"));
    instance.inside(RESEED);
    instance.restart();
    table.row(machine, "B1", "the same, after reseed", instance, disk("third"));
    machine.clear();
  }

  /** Makes room as soon as the instance is up: without it Nix cannot be asked. */
  private void withRoom(String name, Instance instance, Expected expected) throws Exception {
    instance.settled();
    instance.inside(ROOM);
    table.row(machine, "B1", name, instance, expected);
  }
}
