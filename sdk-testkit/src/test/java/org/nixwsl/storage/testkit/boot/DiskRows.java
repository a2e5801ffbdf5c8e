package org.nixwsl.storage.testkit.boot;

import static org.nixwsl.storage.testkit.boot.BootImage.host;
import static org.nixwsl.storage.testkit.boot.Expected.disk;
import static org.nixwsl.storage.testkit.boot.Expected.rescue;
import static org.nixwsl.storage.testkit.boot.Expected.unarmed;

import java.nio.file.Files;

/** What is on the disk, and what the root disk asks for. */
final class DiskRows {
  private static final String NOTHING = ":";

  private final BootMachine machine;
  private final BootTable table;

  DiskRows(BootMachine machine, BootTable table) {
    this.machine = machine;
    this.table = table;
  }

  void common() throws Exception {
    Expected disk = disk("second");
    atBoot("B4 B11", "disk there at boot", NOTHING, NOTHING, disk);
    atBoot("B5", "not armed", "rm /etc/nix-storage.armed", NOTHING, unarmed());
    atBoot(
        "B5",
        "forced rescue",
        "touch /etc/nix-storage.force-rescue",
        NOTHING,
        rescue("force-rescue exists"));
    profile("B1", "seed older than the disk", "third", "seed older than disk");
  }

  void damaged() throws Exception {
    onDisk("wrong id", "echo other > main/.nix-storage-id", "wrong disk");
    onDisk("id file cut short", "truncate -s 10 main/.nix-storage-id", "wrong disk");
    onDisk("id file missing", "rm main/.nix-storage-id", ".nix-storage-id is missing");
    onDisk("database missing", "rm main/var/nix/db/db.sqlite", "has no Nix database");
    onDisk(
        "profile dangling",
        "ln -sfn /nix/store/gone main/var/nix/profiles/system",
        "is not a system");
    profile("", "systemd on the disk broken", "broken", "systemd does not run");
    onDisk("directory of the instance missing", "mv main other", "is not a directory");
  }

  void fullAndReadOnly() throws Exception {
    String fill = "dd if=/dev/zero of=fill bs=64k status=none 2> /dev/null || true; sync";
    atBoot("", "full", NOTHING, fill, disk("second"));
    Instance instance = machine.instance(machine.mounted());
    instance.settled();
    host(
        "bash",
        "-c",
        "for size in 64k 1k; do dd if=/dev/zero of=$0/fill-$size bs=$size status=none; done; sync -f $0",
        machine.mountPoint().toString());
    instance.restart();
    instance.settled();
    // Nix cannot open its database without a block to spare: room has to be made by hand first.
    Files.delete(machine.mountPoint().resolve("fill-1k"));
    Expected full = disk("second").finding("epoch-not-written");
    table.row(machine, "B7", "full to the last block", instance, full);
    machine.clear();

    String device = machine.attach();
    machine.mount(device, "ro");
    table.row(machine, "", "read-only", machine.instance(device), rescue("is not writable"));
    machine.clear();
  }

  private void onDisk(String name, String change, String reason) throws Exception {
    atBoot("", name, NOTHING, change, rescue(reason));
  }

  private void profile(String about, String name, String system, String reason) throws Exception {
    String change = "ln -sfn " + machine.system(system) + " main/var/nix/profiles/system";
    atBoot(about, name, NOTHING, change, rescue(reason));
  }

  private void atBoot(String about, String name, String root, String disk, Expected expected)
      throws Exception {
    String device = machine.attach();
    machine.onDisk(device, disk);
    machine.mount(device, "rw");
    table.row(machine, about, name, machine.instance(device, root), expected);
    machine.clear();
  }
}
