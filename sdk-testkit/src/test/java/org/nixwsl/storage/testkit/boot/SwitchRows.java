package org.nixwsl.storage.testkit.boot;

import static org.nixwsl.storage.testkit.boot.Expected.disk;
import static org.nixwsl.storage.testkit.boot.Expected.rescue;
import static org.nixwsl.storage.testkit.boot.Expected.unarmed;

/** Switches, with real copies into the seed: what a rescue boot then has, and what the disk. */
final class SwitchRows {
  private static final String FORCE = "touch /etc/nix-storage.force-rescue";
  private static final String UNFORCE = "rm /etc/nix-storage.force-rescue";

  private final BootMachine machine;
  private final BootTable table;

  SwitchRows(BootMachine machine, BootTable table) {
    this.machine = machine;
    this.table = table;
  }

  void common() throws Exception {
    Instance instance = machine.instance(machine.mounted());
    instance.settled();
    instance.rebuild("third", "switch");
    instance.restart();
    table.row(machine, "B1", "after switch", instance, disk("third"));
    instance.inside(command("verify-seed") + "; " + FORCE);
    instance.restart();
    Expected forced = rescue("force-rescue exists");
    table.row(machine, "B10", "rescue after switch", instance, forced.running("third"));
    instance.inside(UNFORCE + "; " + command("disarm"));
    instance.restart();
    table.row(machine, "B5", "after disarm", instance, unarmed().running("third"));
    machine.clear();
  }

  void actions() throws Exception {
    Expected forced = rescue("force-rescue exists");
    Instance instance = machine.instance(machine.mounted());
    instance.settled();
    instance.rebuild("third", "test");
    pins(instance, "test", "third");
    instance.restart();
    table.row(machine, "B1", "after test", instance, disk("second"));
    instance.rebuild("third", "test");
    instance.inside(FORCE);
    instance.restart();
    table.row(machine, "B2", "rescue after test", instance, forced);
    instance.inside(UNFORCE);
    instance.restart();
    table.row(machine, "", "after test and rescue", instance, disk("second"));
    instance.rebuild("third", "boot");
    pins(instance, "boot", "second");
    instance.restart();
    table.row(machine, "B1", "after boot", instance, disk("third"));
    pins(instance, "boot and a boot", "third");
    instance.inside(
        "nix-env -p /nix/var/nix/profiles/system --rollback;"
            + " /nix/var/nix/profiles/system/bin/switch-to-configuration switch");
    instance.restart();
    table.row(machine, "B1", "after rollback", instance, disk("second"));
    instance.inside(command("verify-seed") + "; " + FORCE);
    instance.restart();
    table.row(machine, "", "rescue after rollback", instance, forced.running("second"));
    // The pins keep what the next boots need, also from a collection on the root disk itself.
    instance.inside("rm /nix/var/nix/gcroots/{second,broken,old,peer}; nix-collect-garbage -d");
    instance.restart();
    table.row(machine, "B2", "rescue after garbage collection", instance, forced.running("second"));
    instance.inside(UNFORCE);
    instance.restart();
    table.row(machine, "B2", "disk after garbage collection", instance, disk("second"));
    String premove = "nix-store --store /run/test-root --check-validity $first";
    boolean kept = instance.run(onRootDisk(premove)).getExitCode() == 0;
    table.expect("B2", "the system of before the move is", "kept", kept ? "kept" : "gone", "");
    rot(instance);
    machine.clear();
  }

  /** B10: a seed that has rotted is seen before it is needed. */
  private void rot(Instance instance) throws Exception {
    instance.inside(onRootDisk("echo rot >> /run/test-root$second/activate"));
    int status = instance.run(command("verify-seed")).getExitCode();
    table.expect("B10", "verify-seed of a rotten seed", "fails", status == 0 ? "ok" : "fails", "");
  }

  void rescues() throws Exception {
    Instance instance = machine.instance(machine.mounted());
    instance.settled();
    instance.inside("nix-env -p /nix/var/nix/profiles/system --set $third");
    instance.restart();
    Expected older = rescue("seed older than disk");
    table.row(machine, "B1", "profile switched by hand, first boot", instance, older);
    instance.restart();
    table.row(machine, "B1", "profile switched by hand, second boot", instance, older);
    instance.rebuild("second", "switch");
    table.row(
        machine,
        "B3",
        "switch during rescue",
        instance,
        older.running("second").startedByTheShimOf("first"));
    instance.restart();
    table.row(machine, "B3", "switch during rescue, next boot", instance, older.running("second"));
    instance.inside(command("reseed"));
    instance.restart();
    table.row(machine, "B1", "after reseed", instance, disk("third"));
    machine.clear();
  }

  void oldGeneration() throws Exception {
    Instance instance = machine.instance(machine.mounted());
    instance.settled();
    instance.rebuild("old", "switch");
    instance.restart();
    Expected past = rescue("led past the hook").finding("hook-bypassed");
    table.row(
        machine,
        "B3 B4",
        "generation without the module, first boot",
        instance,
        past.startedByTheShimOf("old"));
    instance.restart();
    Expected older = rescue("is older than the nix-storage module");
    table.row(machine, "B4", "generation without the module, next boot", instance, older);
    machine.clear();
  }

  void twentyBoots() throws Exception {
    Instance instance = machine.instance(machine.mounted());
    for (int boot = 1; boot <= 20; boot++) {
      table.row(machine, "B7", "boot " + boot + " of 20", instance, disk("second"));
      instance.restart();
    }
    machine.clear();
  }

  /** Which system the root disk pins as the one that its links name. */
  private void pins(Instance instance, String after, String system) throws Exception {
    String link = "readlink /run/test-root/nix/var/nix/gcroots/nix-storage-current";
    String pinned = instance.inside(onRootDisk(link)).strip();
    String got = pinned.substring(pinned.lastIndexOf('-') + 1);
    table.expect("B2", "pinned on the root disk after " + after, system, got, "");
  }

  /** A script that sees the root disk, with its own /nix, at /run/test-root. */
  static String onRootDisk(String script) {
    return "mkdir -p /run/test-root; mount --bind --make-private / /run/test-root; "
        + script
        + "; status=$?; umount /run/test-root; exit $status";
  }

  private static String command(String name) {
    return "/run/current-system/bin/nix-storage " + name;
  }
}
