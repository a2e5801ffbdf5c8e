package org.nixwsl.storage.testkit.boot;

import static org.nixwsl.storage.testkit.boot.BootImage.host;
import static org.nixwsl.storage.testkit.boot.Expected.disk;
import static org.nixwsl.storage.testkit.boot.Expected.rescue;
import static org.nixwsl.storage.testkit.boot.Expected.unarmed;
import static org.nixwsl.storage.testkit.boot.Instance.node;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;

/** When the disk comes and where it is mounted, and who else uses it. */
final class ShareRows {
  /** {@code initTimeout} of the module: so long WSL waits for PID 1 and systemd. */
  private static final Duration WSL_WAITS = Duration.ofSeconds(40);

  private final BootMachine machine;
  private final BootTable table;

  ShareRows(BootMachine machine, BootTable table) {
    this.machine = machine;
    this.table = table;
  }

  void late() throws Exception {
    Instant start = Instant.now();
    table.row(machine, "B8", "never there", machine.instance(""), rescue("nothing is mounted"));
    boolean inTime = Duration.between(start, Instant.now()).compareTo(WSL_WAITS) < 0;
    table.expect("B8", "never there: up before WSL gives up", "yes", inTime ? "yes" : "no", "");
    machine.clear();

    String device = machine.attach();
    Instance instance = machine.instance("");
    host("sleep", "5");
    instance.inside(node(device));
    machine.mount(device, "rw");
    table.row(machine, "B8", "5 s late", instance, disk("second"));
    machine.clear();

    // Stopped long before the hook would mount the disk itself.
    device = machine.attach();
    instance = machine.instance(device);
    instance.terminate();
    machine.mount(device, "rw");
    instance.start();
    table.row(machine, "B8", "terminated during the wait, then there", instance, disk("second"));
    machine.clear();
  }

  void elsewhere() throws Exception {
    String device = machine.attach();
    table.row(machine, "B9", "attached but not mounted", machine.instance(device), disk("second"));
    machine.clear();

    device = machine.attach();
    Path elsewhere = Files.createDirectories(machine.share().resolve("elsewhere"));
    host("mount", device, elsewhere.toString());
    table.row(machine, "B9", "mounted elsewhere", machine.instance(device), disk("second"));
    machine.clear();

    device = machine.attach();
    String copy = machine.attach();
    machine.mount(device, "rw");
    table.row(
        machine,
        "B9",
        "second device with the same UUID",
        machine.instance(device, node(copy)),
        rescue("2 devices carry the UUID"));
    machine.clear();

    device = machine.attach();
    copy = machine.attach();
    table.row(
        machine,
        "B9",
        "the same, neither of them mounted",
        machine.instance(device, node(copy)),
        rescue("2 devices carry the UUID"));
    machine.clear();
  }

  void lease() throws Exception {
    String device = machine.mounted();
    Instance holder = machine.instance(device);
    table.row(machine, "", "first of two instances", holder, disk("second"));
    Instance other = machine.instance(device);
    Expected busy = rescue("in use by another instance");
    table.row(machine, "B6", "lease held by another instance", other, busy);
    other.powerOff();
    table.expect("B6", "the other powers off: the disk is", "mounted", mount(), "share guard");
    table.row(machine, "", "the first, after the other's shutdown", holder, disk("second"));
    machine.clear();
  }

  void owners() throws Exception {
    String device = machine.mounted();
    Instance former = machine.instance(device);
    former.settled();
    former.terminate();
    Instance clone = machine.instance(device);
    Expected foreign = rescue("belongs to the instance");
    table.row(machine, "B6", "another owner", clone, foreign);
    clone.inside("/run/current-system/bin/nix-storage adopt");
    clone.restart();
    Expected adopted = disk("second").finding("root-restored");
    table.row(machine, "B6 B7", "another owner, after adopt", clone, adopted);
    clone.terminate();
    former.start();
    table.row(machine, "B6", "the former owner, after adopt", former, foreign);
    machine.clear();
  }

  /** Without any guard one instance's shutdown takes the disk from all: the rows must show that. */
  void shutdowns() throws Exception {
    String device = machine.mounted();
    Instance peer = machine.instance(device, "rm /etc/nix-storage.armed");
    table.row(machine, "", "a peer that does not use the disk", peer, unarmed());
    peer.powerOff();
    table.expect(
        "", "peer shutdown with the propagation hazard", "mounted", mount(), "share guard");
    machine.clear();

    device = machine.mounted();
    peer = machine.instance(device, "rm /etc/nix-storage.armed");
    peer.settled();
    withoutGuard(peer);
    peer.powerOff();
    table.expect("", "the same without the share guard", "gone", mount(), "the hazard is real");
    machine.clear();

    device = machine.mounted();
    Instance main = machine.instance(device);
    table.row(machine, "", "two at a time, each its own: main", main, disk("second"));
    // As if the peer's root disk had been switched to the module for its own directory.
    peer =
        machine.instance(
            device,
            "nix-env -p /nix/var/nix/profiles/system --set $peer > /dev/null 2>&1; $peer/activate");
    Expected own = disk("peer").inDirectory("peer");
    table.row(machine, "", "two at a time, each its own: peer", peer, own);
    table.row(machine, "", "main, beside the peer", main, disk("second"));
    withoutGuard(peer);
    peer.powerOff();
    table.expect(
        "B6", "the peer powers off without guard: the disk is", "mounted", mount(), "lease");
    table.row(machine, "", "main, after the peer's shutdown", main, disk("second"));
    machine.clear();
  }

  private static void withoutGuard(Instance instance) throws Exception {
    String unit = "/run/systemd/system/nix-storage-share-guard.service.d";
    instance.inside(
        "mkdir -p "
            + unit
            + "; printf '[Service]\\nExecStop=\\n' > "
            + unit
            + "/none.conf; systemctl daemon-reload");
  }

  private String mount() throws Exception {
    return machine.mounts().contains("/mnt/wsl/nixstorage") ? "mounted" : "gone";
  }
}
