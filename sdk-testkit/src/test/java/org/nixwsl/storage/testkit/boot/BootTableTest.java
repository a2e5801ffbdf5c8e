package org.nixwsl.storage.testkit.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static org.nixwsl.storage.testkit.boot.BootMachine.facts;
import static org.nixwsl.storage.testkit.boot.BootMachine.host;
import static org.nixwsl.storage.testkit.boot.BootMachine.inside;
import static org.nixwsl.storage.testkit.boot.BootMachine.node;
import static org.nixwsl.storage.testkit.boot.BootMachine.restart;
import static org.nixwsl.storage.testkit.boot.BootMachine.terminate;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.testkit.container.NixContainer;
import org.nixwsl.storage.testkit.nix.NixProgram;

/**
 * What an instance boots from, decided by a real systemd behind our hook: one row for each state of
 * disk and instance. {@code ./dev test boot} prints the table of all rows.
 */
@Tag("once")
class BootTableTest {
  private static final String NOTHING = ":";
  private static final String DISK = "disk";
  private static final String RESCUE = "rescue";

  private final List<String> table = new ArrayList<>();
  private final List<String> deviations = new ArrayList<>();

  /** A few rows for the normal run: one of each kind. */
  @Test
  void theRightSystemBootsInTheCommonRows() throws Exception {
    run(false);
  }

  @Test
  @Tag("long")
  void theRightSystemBootsInEveryRow() throws Exception {
    run(true);
  }

  private void run(boolean all) throws Exception {
    var why = NixContainer.whyUnavailable();
    assumeTrue(why.isEmpty(), why.orElse(""));
    assumeTrue(NixProgram.installed(), "skipped: nix-store is missing");
    assumeTrue("root".equals(System.getProperty("user.name")), "skipped: root is missing");
    try (BootMachine machine = new BootMachine()) {
      atBoot(machine, "disk there at boot", NOTHING, NOTHING, DISK, "is bound on /nix");
      atBoot(machine, "not armed", "rm /etc/nix-storage.armed", NOTHING, "unarmed", "is absent");
      atBoot(
          machine,
          "forced rescue",
          "touch /etc/nix-storage.force-rescue",
          NOTHING,
          RESCUE,
          "force-rescue exists");
      atBoot(
          machine,
          "seed older than the disk",
          NOTHING,
          "ln -sfn \"$(. " + machine.systems() + "; echo $third)\" main/var/nix/profiles/system",
          RESCUE,
          "seed older than disk");
      twoInstances(machine);
      switches(machine);
      if (all) {
        damaged(machine);
        late(machine);
        identities(machine);
        restored(machine);
        interrupted(machine);
        oldGeneration(machine);
        twentyBoots(machine);
      }
    } finally {
      System.out.printf("%-44s %-8s %-8s %s%n", "row", "expected", "got", "reason");
      table.forEach(System.out::println);
    }
    assertThat(deviations).isEmpty();
  }

  private void damaged(BootMachine machine) throws Exception {
    atBoot(machine, "wrong id", NOTHING, "echo other > main/.nix-storage-id", RESCUE, "wrong disk");
    atBoot(
        machine,
        "id file cut short",
        NOTHING,
        "truncate -s 10 main/.nix-storage-id",
        RESCUE,
        "wrong disk");
    atBoot(
        machine,
        "id file missing",
        NOTHING,
        "rm main/.nix-storage-id",
        RESCUE,
        ".nix-storage-id is missing");
    atBoot(
        machine,
        "database missing",
        NOTHING,
        "rm main/var/nix/db/db.sqlite",
        RESCUE,
        "has no Nix database");
    atBoot(
        machine,
        "profile dangling",
        NOTHING,
        "ln -sfn /nix/store/gone main/var/nix/profiles/system",
        RESCUE,
        "is not a system");
    atBoot(
        machine,
        "systemd on the disk broken",
        NOTHING,
        "ln -sfn \"$(. " + machine.systems() + "; echo $broken)\" main/var/nix/profiles/system",
        RESCUE,
        "systemd does not run");
    atBoot(
        machine,
        "full",
        NOTHING,
        "dd if=/dev/zero of=fill bs=64k status=none 2> /dev/null || true; sync",
        DISK,
        "is bound on /nix");
    String device = machine.attach();
    machine.mount(device, "rw");
    NixContainer instance = machine.instance(device, NOTHING);
    facts(instance);
    host(
        "bash",
        "-c",
        "for size in 64k 1k; do dd if=/dev/zero of=$0/fill-$size bs=$size status=none; done; sync -f $0",
        machine.mountPoint().toString());
    restart(instance);
    row(machine, "full to the last block", instance, DISK, "is bound on /nix");
    machine.clear();

    device = machine.attach();
    machine.mount(device, "ro");
    row(machine, "read-only", machine.instance(device, NOTHING), RESCUE, "is not writable");
    machine.clear();
  }

  private void late(BootMachine machine) throws Exception {
    row(machine, "never there", machine.instance("", NOTHING), RESCUE, "nothing is mounted");
    machine.clear();

    String device = machine.attach();
    NixContainer instance = machine.instance("", NOTHING);
    host("sleep", "5");
    inside(instance, node(device));
    machine.mount(device, "rw");
    row(machine, "5 s late", instance, DISK, "is bound on /nix");
    machine.clear();

    device = machine.attach();
    row(machine, "attached but not mounted", machine.instance(device, NOTHING), DISK, "is bound");
    machine.clear();

    device = machine.attach();
    Path elsewhere = Files.createDirectories(machine.mountPoint().resolveSibling("elsewhere"));
    host("mount", device, elsewhere.toString());
    row(machine, "mounted elsewhere", machine.instance(device, NOTHING), DISK, "is bound");
    machine.clear();

    // Stopped long before the hook would mount the disk itself.
    device = machine.attach();
    instance = machine.instance(device, NOTHING);
    terminate(instance);
    machine.mount(device, "rw");
    host("docker", "start", instance.getContainerId());
    row(machine, "terminated during the wait, then there", instance, DISK, "is bound on /nix");
    machine.clear();
  }

  private void identities(BootMachine machine) throws Exception {
    String device = machine.attach();
    String copy = machine.attach();
    machine.mount(device, "rw");
    NixContainer instance = machine.instance(device, node(copy));
    row(machine, "second device with the same UUID", instance, RESCUE, "2 devices carry the UUID");
    machine.clear();

    device = machine.attach();
    machine.onDisk(
        device, "mkdir -p .nixwsl/instances/main; echo another > .nixwsl/instances/main/owner");
    machine.mount(device, "rw");
    instance = machine.instance(device, NOTHING);
    row(machine, "another owner", instance, RESCUE, "belongs to the instance");
    inside(instance, command("adopt"));
    restart(instance);
    row(machine, "another owner, after adopt", instance, DISK, "is bound on /nix");
    machine.clear();
  }

  private void twoInstances(BootMachine machine) throws Exception {
    String device = machine.attach();
    machine.mount(device, "rw");
    NixContainer holder = machine.instance(device, NOTHING);
    row(machine, "first of two instances", holder, DISK, "is bound on /nix");
    NixContainer peer = machine.instance(device, NOTHING);
    row(machine, "lease held by another instance", peer, RESCUE, "in use by another instance");
    inside(peer, "systemctl poweroff");
    host("docker", "wait", peer.getContainerId());
    expect(
        "peer shutdown with the propagation hazard",
        "mounted",
        host("findmnt", "-n", "-o", "TARGET", "--mountpoint", machine.mountPoint().toString())
                .isBlank()
            ? "gone"
            : "mounted",
        "the share guard");
    row(machine, "the first, after the peer's shutdown", holder, DISK, "is bound on /nix");
    machine.clear();
  }

  private void restored(BootMachine machine) throws Exception {
    String device = machine.attach();
    machine.mount(device, "rw");
    NixContainer instance = machine.instance(device, NOTHING);
    facts(instance);
    restart(instance);
    facts(instance);
    Files.writeString(machine.mountPoint().resolve(".nixwsl/instances/main/epoch"), "1\n");
    restart(instance);
    Map<String, String> facts = row(machine, "disk restored", instance, DISK, "is bound on /nix");
    expect("disk restored: finding", "disk-restored", facts.getOrDefault("findings", ""), "epoch");
    terminate(instance);
    Path epoch = machine.work().resolve("epoch");
    Files.writeString(epoch, "1 1\n");
    host(
        "docker",
        "cp",
        epoch.toString(),
        instance.getContainerId() + ":/var/lib/nix-storage/epoch");
    host("docker", "start", instance.getContainerId());
    facts = row(machine, "root restored", instance, DISK, "is bound on /nix");
    expect("root restored: finding", "root-restored", facts.getOrDefault("findings", ""), "epoch");
    machine.clear();
  }

  private void interrupted(BootMachine machine) throws Exception {
    String device = machine.attach();
    machine.mount(device, "rw");
    NixContainer instance = machine.instance(device, NOTHING);
    facts(instance);
    inside(instance, ". /etc/test-systems; nix-env -p /nix/var/nix/profiles/system --set $third");
    restart(instance);
    row(machine, "profile switched by hand, first boot", instance, RESCUE, "seed older than disk");
    restart(instance);
    row(machine, "profile switched by hand, second boot", instance, RESCUE, "seed older");
    inside(instance, ". /etc/test-systems; $first/bin/switch-to-configuration switch");
    restart(instance);
    row(machine, "switch during rescue", instance, RESCUE, "seed older than disk");
    inside(instance, command("reseed"));
    restart(instance);
    system(row(machine, "after reseed", instance, DISK, "is bound on /nix"), "third");
    // Stopped by force at several moments of a switch: either the copy, the profile or the links.
    for (String moment : List.of("0.05", "0.2", "0.5", "1")) {
      inside(
          instance,
          ". /etc/test-systems; nix-env -p /nix/var/nix/profiles/system --set $second;"
              + " (setsid $second/bin/switch-to-configuration switch > /dev/null 2>&1 &); sleep "
              + moment);
      restart(instance);
      row(machine, "killed " + moment + " s into a switch", instance, DISK, "is bound on /nix");
    }
    machine.clear();
  }

  /** Real copies into the seed: what a rescue boot then has is what was switched to. */
  private void switches(BootMachine machine) throws Exception {
    String device = machine.attach();
    machine.mount(device, "rw");
    NixContainer instance = machine.instance(device, NOTHING);
    facts(instance);
    inside(
        instance,
        ". /etc/test-systems; nix-env -p /nix/var/nix/profiles/system --set $third;"
            + " $third/bin/switch-to-configuration switch");
    restart(instance);
    system(row(machine, "after switch", instance, DISK, "is bound on /nix"), "third");
    inside(
        instance,
        command("verify-seed")
            + "; . /etc/test-systems; nix-env -p /nix/var/nix/profiles/system --rollback;"
            + " $second/bin/switch-to-configuration boot; $third/bin/switch-to-configuration test;"
            + " touch /etc/nix-storage.force-rescue");
    restart(instance);
    system(
        row(machine, "rescue after rollback, boot and test", instance, RESCUE, "force"), "second");
    inside(instance, "rm /etc/nix-storage.force-rescue; " + command("disarm"));
    restart(instance);
    row(machine, "after disarm", instance, "unarmed", "is absent");
    machine.clear();
  }

  private void oldGeneration(BootMachine machine) throws Exception {
    String device = machine.attach();
    machine.mount(device, "rw");
    NixContainer instance = machine.instance(device, NOTHING);
    facts(instance);
    inside(
        instance,
        ". /etc/test-systems; nix-env -p /nix/var/nix/profiles/system --set $old;"
            + " $old/bin/switch-to-configuration switch");
    restart(instance);
    row(
        machine,
        "generation without the module, first boot",
        instance,
        RESCUE,
        "led past the hook");
    restart(instance);
    row(machine, "generation without the module, next boot", instance, RESCUE, "is older than");
    machine.clear();
  }

  private void twentyBoots(BootMachine machine) throws Exception {
    String device = machine.attach();
    machine.mount(device, "rw");
    NixContainer instance = machine.instance(device, NOTHING);
    for (int boot = 1; boot <= 20; boot++) {
      row(machine, "boot " + boot + " of 20", instance, DISK, "is bound on /nix");
      restart(instance);
    }
    machine.clear();
  }

  private void atBoot(
      BootMachine machine, String name, String root, String disk, String decision, String reason)
      throws Exception {
    String device = machine.attach();
    machine.onDisk(device, disk);
    machine.mount(device, "rw");
    row(machine, name, machine.instance(device, root), decision, reason);
    machine.clear();
  }

  /**
   * Looks at a boot and adds what holds for every one: one whole /nix, no leak, Nix off in rescue.
   */
  private Map<String, String> row(
      BootMachine machine, String name, NixContainer instance, String decision, String reason)
      throws Exception {
    Map<String, String> facts = facts(instance);
    boolean disk = decision.equals(DISK);
    String got = facts.getOrDefault("decision", "");
    String said = facts.getOrDefault("reason", "");
    expect(name, decision, got, said);
    List<String> wrong = new ArrayList<>();
    if (!said.contains(reason)) {
      wrong.add("the reason lacks '" + reason + "': " + said);
    }
    check(facts, "state", "running", wrong);
    check(facts, "where", disk ? "shared-disk" : "root-disk", wrong);
    // Only past the hook can a shim start a system that is not its own.
    boolean past = said.contains("led past the hook");
    check(facts, "shim", past ? "old" : facts.getOrDefault("system", ""), wrong);
    check(facts, "mixed", "no", wrong);
    check(facts, "dangling", "", wrong);
    check(facts, "daemon", decision.equals(RESCUE) ? "inactive" : "active", wrong);
    check(facts, "notice", decision.equals(RESCUE) ? "yes" : "no", wrong);
    String leaks =
        host(
            "bash",
            "-c",
            "grep -F \"$1/main\" /proc/self/mountinfo || true",
            "leaks",
            machine.mountPoint().toString());
    if (!leaks.isEmpty()) {
      wrong.add("mounts leak: " + leaks);
    }
    wrong.forEach(text -> deviations.add(name + ": " + text));
    return facts;
  }

  private void expect(String name, String expected, String got, String reason) {
    table.add(String.format("%-44s %-8s %-8s %s", name, expected, got, reason));
    if (!expected.equals(got)) {
      deviations.add(name + ": expected " + expected + ", got " + got + " (" + reason + ")");
    }
  }

  private void system(Map<String, String> facts, String name) {
    if (!name.equals(facts.get("system"))) {
      deviations.add("expected the system " + name + ", got " + facts);
    }
  }

  private static void check(
      Map<String, String> facts, String key, String expected, List<String> wrong) {
    if (!expected.equals(facts.get(key))) {
      wrong.add(key + " is '" + facts.get(key) + "', not '" + expected + "'");
    }
  }

  private static String command(String name) {
    return "/run/current-system/bin/nix-storage " + name;
  }
}
