package org.nixwsl.storage.testkit.wsl.real;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.nixwsl.storage.core.guest.GuestFreezer;
import org.nixwsl.storage.core.guest.GuestLauncher;
import org.nixwsl.storage.core.guest.GuestProgram;
import org.nixwsl.storage.core.guest.ProgramShell;
import org.nixwsl.storage.core.platform.StoreFreezer;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.testkit.GuestJar;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;
import org.nixwsl.storage.testkit.wsl.command.WslOutput;
import org.nixwsl.storage.testkit.wsl.model.WslMachine;
import org.nixwsl.storage.testkit.wsl.model.WslRelease;

/** What only instances with a systemd of their own can show. */
@Tag("once")
@Timeout(300)
class ContainersTest {
  @RegisterExtension final SimulatedWsl wsl = SimulatedWsl.withContainers();

  @Test
  void systemdRunsTheServicesAndFilesOutliveTheInstanceAndTheMachine() {
    wsl.addInstance("nixos");
    assertThat(ok("nixos", "cat /proc/1/comm; systemctl is-system-running"))
        .isEqualTo("systemd\nrunning\n");
    ok(
        "nixos",
        """
        cat > /etc/systemd/system/count.service <<'UNIT'
        [Service]
        Type=oneshot
        ExecStart=/bin/sh -c 'echo start >> /var/starts'
        RemainAfterExit=yes
        ExecStop=/bin/sh -c 'echo stop >> /var/starts'
        [Install]
        WantedBy=multi-user.target
        UNIT
        systemctl enable --now count
        """);
    assertThat(wsl.call("--terminate", "nixos").exit()).isZero();
    assertThat(containers()).isEmpty();
    assertThat(ok("nixos", "cat /var/starts")).isEqualTo("start\nstop\nstart\n");
    assertThat(wsl.call("--shutdown").exit()).isZero();
    assertThat(containers()).isEmpty();
    assertThat(ok("nixos", "findmnt -n -o FSTYPE,OPTIONS / | cut -c-10; cat /var/starts"))
        .isEqualTo("overlay rw\nstart\nstop\nstart\nstart\n");
  }

  @Test
  void aDiskThatIsMountedLaterIsSeenInAllInstances() throws Exception {
    wsl.addInstance("nixos");
    wsl.addInstance("other");
    ok("nixos", "true");
    ok("other", "true");
    Path disk = wsl.addDisk("shared", "ext4");
    mount(disk);
    String letter = letterOf(disk);
    for (String instance : List.of("nixos", "other")) {
      ok(instance, "echo " + instance + " > /mnt/wsl/s/" + instance);
      assertThat(ok(instance, "grep -c '^/dev/" + letter + " /mnt/wsl/s ext4 ' /proc/mounts"))
          .isEqualTo("1\n");
      assertThat(
              ok(
                  instance,
                  "cat /sys/block/" + letter + "/size; blkid -p -o value -s TYPE /dev/" + letter))
          .isEqualTo((64 << 20) / 512 + "\next4\n");
    }
    assertThat(ok("other", "cat /mnt/wsl/s/nixos /mnt/wsl/s/other")).isEqualTo("nixos\nother\n");
    assertThat(wsl.inVm("/mnt/wsl/s/nixos")).hasContent("nixos\n");
    // An instance that starts when the disk is there sees the same.
    wsl.addInstance("third");
    assertThat(ok("third", "cat /mnt/wsl/s/nixos /mnt/wsl/s/other; test -b /dev/" + letter))
        .isEqualTo("nixos\nother\n");

    assertThat(wsl.call("--unmount", disk.toString()).exit()).isZero();
    for (String instance : List.of("nixos", "other", "third")) {
      assertThat(ok(instance, "ls /dev /sys/block /mnt/wsl")).doesNotContain(letter, "s\n\n");
      assertThat(ok(instance, "cat /proc/mounts")).doesNotContain("/mnt/wsl/s ");
    }
  }

  @Test
  void aSystemdThatEndsTakesTheMountFromAllUnlessTheShareIsGuarded() {
    wsl.addInstance("nixos");
    wsl.addInstance("other");
    Path disk = wsl.addDisk("shared", "ext4");
    mount(disk);
    ok("other", "true");
    ok("nixos", "true");
    wsl.call("--terminate", "nixos");
    assertThat(ok("other", "cat /proc/mounts")).contains(" /mnt/wsl/s ");

    wsl.change(machine -> machine.release(WslRelease.V2_6));
    ok("nixos", "true");
    wsl.call("--terminate", "nixos");
    assertThat(ok("other", "cat /proc/mounts")).doesNotContain(" /mnt/wsl/s ");
    assertThat(wsl.call("--mount", disk.toString(), "--vhd", "--name", "s").text())
        .contains("WSL_E_DISK_ALREADY_MOUNTED");
  }

  @Test
  void anInstanceThatEndsByItselfIsNotRunning() {
    wsl.addInstance("nixos");
    ok("nixos", "echo kept > /var/file");
    sh("nixos", "systemctl poweroff");
    Operation.quiet(
        "test",
        op ->
            op.await(
                "the end of nixos",
                Duration.ofSeconds(30),
                () -> wsl.call("--list", "--running", "--quiet").text().isEmpty()));
    assertThat(wsl.call("--list", "--running", "--quiet").text()).isEmpty();
    assertThat(ok("nixos", "cat /var/file")).isEqualTo("kept\n");
  }

  @Test
  void anInstanceWhoseInitEndsDoesNotStart() {
    wsl.addInstance("nixos");
    ok(
        "nixos",
        "mv /sbin/init /sbin/init.old; printf '#!/bin/sh\nexit 1\n' > /sbin/init; chmod +x /sbin/init");
    wsl.call("--terminate", "nixos");
    WslOutput failed = sh("nixos", "true");
    assertThat(failed.exit()).isEqualTo(-1);
    assertThat(failed.text()).contains("Wsl/Service/CreateInstance/E_UNEXPECTED");
    assertThat(wsl.call("--list", "--running", "--quiet").text()).isEmpty();
    assertThat(containers()).isEmpty();
  }

  @Test
  void aCrashEndsAllAndKeepsWhatWasWritten() throws Exception {
    wsl.addInstance("nixos");
    Path disk = wsl.addDisk("shared", "ext4");
    mount(disk);
    ok(
        "nixos",
        "echo safe > /mnt/wsl/s/file && sync /mnt/wsl/s/file && echo safe > /var/file && sync");
    wsl.change(WslMachine::crash);
    assertThat(containers()).isEmpty();
    assertThat(Files.readString(Path.of("/proc/self/mountinfo")))
        .doesNotContain(wsl.folder().toString());
    mount(disk);
    assertThat(ok("nixos", "cat /mnt/wsl/s/file /var/file")).isEqualTo("safe\nsafe\n");
    wsl.change(WslMachine::idleStop);
    assertThat(containers()).isEmpty();
    assertThat(ok("nixos", "cat /mnt/wsl/s/file")).isEqualTo("safe\n");
  }

  @Test
  void aGuestIsTalkedWithInAnInstance() throws Exception {
    InstanceImage image = InstanceImage.ofTheEnvironment().orElseThrow();
    for (Path shown : GuestJar.classPath()) {
      image = image.showing(shown);
    }
    wsl.addInstance("nixos", image);
    ok("nixos", "nix-store --init; mkdir -p /run/systemd/system.control");
    GuestLauncher launcher =
        new GuestLauncher(
            new ProgramShell(
                new ProcessRunner(),
                "the instance",
                List.of(
                    wsl.executable().toString(),
                    "-d",
                    "nixos",
                    "-u",
                    "root",
                    "--exec",
                    "/bin/sh",
                    "-c")),
            GuestProgram.at(GuestJar.in(wsl.folder())),
            op -> Optional.empty(),
            Ticker.system());
    Operation.quiet(
        "test",
        op -> {
          try (GuestFreezer guest = GuestFreezer.open(launcher, op)) {
            assertThat(guest.find(op)).isEmpty();
            StoreFreezer.Token token = guest.begin(StoreFreezer.Options.ofDefaults(), op).token();
            assertThat(ok("nixos", "systemctl is-active " + token.unit())).isEqualTo("active\n");
            assertThat(guest.find(op)).isPresent();
            guest.thaw(token, op);
          }
          return true;
        });
    wsl.change(machine -> machine.pass(Duration.ofSeconds(15)));
    assertThat(wsl.call("--list", "--running", "--quiet").text()).isEmpty();
  }

  @Test
  void nothingIsLeftOfAMachineWhoseProcessIsKilled() throws Exception {
    Leftovers.expectNoneAfterKilling(KilledMachine.CONTAINERS);
  }

  private String letterOf(Path disk) {
    return wsl.ask(
        machine ->
            machine.attached().stream()
                .filter(attached -> attached.path().equals(disk.toString()))
                .findFirst()
                .orElseThrow()
                .letter());
  }

  private void mount(Path disk) {
    assertThat(wsl.call("--mount", disk.toString(), "--vhd", "--name", "s").exit()).isZero();
  }

  private String containers() {
    return Leftovers.containersOf(wsl.folder());
  }

  private WslOutput sh(String instance, String script) {
    return wsl.call("-d", instance, "--exec", "/bin/sh", "-c", script);
  }

  private String ok(String instance, String script) {
    WslOutput output = sh(instance, script);
    assertThat(output.exit()).as(output.text() + output.errors()).isZero();
    return output.text();
  }
}
