package org.nixwsl.storage.testkit.wsl.real;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.linux.disk.BlockDevices;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;
import org.nixwsl.storage.testkit.wsl.command.WslOutput;
import org.nixwsl.storage.testkit.wsl.model.WslRelease;

/**
 * What a machine with disks in memory does not have: files, processes, and the kernel's answers.
 */
@Tag("once")
class RealDisksTest {
  @RegisterExtension final SimulatedWsl wsl = SimulatedWsl.withRealDisks();

  private Path disk;

  @BeforeEach
  void mountOneDisk() {
    wsl.addInstance("nixos");
    disk = wsl.addDisk("shared", "ext4");
    mount();
  }

  private void mount() {
    assertThat(wsl.call("--mount", disk.toString(), "--vhd", "--name", "s").exit()).isZero();
  }

  private WslOutput sh(String instance, String script) {
    return wsl.call("-d", instance, "--exec", "/bin/sh", "-c", script);
  }

  @Test
  void aFileOfOneInstanceIsSeenByAllAndByTheTestAndIsKept() throws Exception {
    wsl.addInstance("ubuntu");
    assertThat(sh("nixos", "echo kept > /mnt/wsl/s/file").exit()).isZero();
    assertThat(sh("ubuntu", "cat /mnt/wsl/s/file").text()).isEqualTo("kept\n");
    assertThat(wsl.inVm("/mnt/wsl/s/file")).hasContent("kept\n");
    assertThat(sh("nixos", "cat /proc/self/mountinfo").text())
        .containsPattern(" / / \\S+ - ext4 /dev/sd[a-z] ")
        .doesNotContain("/instances/");

    // Both are the same machine: a program of its own goes on with it.
    Command program =
        Command.of(wsl.executable().toString(), "-d", "nixos", "-e", "/bin/cat", "/mnt/wsl/s/file");
    assertThat(run(program).text()).isEqualTo("kept\n");

    wsl.call("--shutdown");
    assertThat(wsl.call("--list", "--running", "--quiet").text()).isEmpty();
    mount();
    assertThat(sh("ubuntu", "cat /mnt/wsl/s/file").text()).isEqualTo("kept\n");
  }

  @Test
  void anInstanceThatPowersOffUnmountsTheShareForAllButWhatIsInUse() {
    wsl.change(machine -> machine.release(WslRelease.V2_6));
    wsl.addInstance("ubuntu");
    sh("ubuntu", "true");
    wsl.change(machine -> machine.opensFile("s", true));
    wsl.call("-d", "nixos", "--exec", "/bin/true");
    wsl.call("--terminate", "nixos");
    assertThat(sh("ubuntu", "cat /proc/mounts").text()).contains(" /mnt/wsl/s ");
    WslOutput busy = wsl.call("--unmount", disk.toString());
    assertThat(busy.exit()).isEqualTo(-1);

    wsl.change(machine -> machine.opensFile("s", false));
    wsl.change(machine -> machine.peerShutdown());
    assertThat(sh("ubuntu", "cat /proc/mounts").text()).doesNotContain(" /mnt/wsl/s ");
    assertThat(wsl.call("--unmount", disk.toString()).exit()).isEqualTo(-1);
    wsl.change(machine -> machine.idleStop());
    assertThat(sh("ubuntu", "cat /proc/mounts").text()).contains(" /mnt/wsl/s ");
  }

  @Test
  void aDiskPulledFromUnderABoundNixAnswersNothingAnyMore() throws Exception {
    Files.createDirectory(wsl.inVm("/mnt/wsl/s/nixos"));
    wsl.change(machine -> machine.takesNixFrom("nixos", "s"));
    assertThat(sh("nixos", "echo there > /nix/file && sync /nix/file").exit()).isZero();
    assertThat(wsl.call("--unmount", disk.toString()).exit()).isZero();
    assertThat(wsl.<List<String>>ask(machine -> machine.accidents()))
        .singleElement()
        .asString()
        .contains("/nix of nixos");
    assertThat(sh("nixos", "echo lost > /nix/other && sync /nix/other").exit()).isNotZero();
    // The file is free at once, and what was written is on it.
    mount();
    assertThat(wsl.inVm("/mnt/wsl/s/nixos/file")).hasContent("there\n");
    assertThat(wsl.inVm("/mnt/wsl/s/nixos/other"))
        .satisfiesAnyOf(
            lost -> assertThat(lost).doesNotExist(), lost -> assertThat(lost).isEmptyFile());
  }

  @Test
  void aCrashEndsEveryProcessAndKeepsWhatWasWritten() throws Exception {
    sh(
        "nixos",
        "echo safe > /mnt/wsl/s/file && sync /mnt/wsl/s/file; sleep 1000 > /dev/null 2>&1 &");
    Path gone = wsl.inVm("");
    wsl.change(machine -> machine.crash());
    assertThat(gone.resolve("proc")).doesNotExist();
    assertThat(Leftovers.loopsOf(wsl.folder())).isEmpty();
    mount();
    assertThat(wsl.inVm("/mnt/wsl/s/file")).hasContent("safe\n");
  }

  @Test
  void anInstanceWhoseRootCannotBeMountedIsDamaged() {
    Path blank = wsl.addDisk("blank");
    wsl.change(machine -> machine.register("broken", 2, blank));
    assertThat(sh("broken", "true").text()).contains("CreateInstance/WSL_E_DISK_CORRUPTED");
    assertThat(sh("nixos", "true").exit()).isZero();
  }

  @Test
  void aDiskThatAKilledCallAttachedIsTakenAwayByTheNext() throws Exception {
    Path other = wsl.addDisk("other", "ext4");
    Path disks = wsl.folder().resolve("machine").resolve("real").resolve("disks");
    BlockDevices devices = new BlockDevices(new ProcessRunner(), Ticker.system(), disks);
    Operation.quiet("test", operation -> devices.attach(other, "sdz", operation));
    assertThat(Leftovers.loopsOf(wsl.folder())).hasSize(2);
    assertThat(wsl.call("--mount", other.toString(), "--vhd", "--name", "o").exit()).isZero();
    assertThat(Leftovers.loopsOf(wsl.folder())).hasSize(2);
    assertThat(devices.find("sdz")).isEmpty();
  }

  @Test
  void nothingIsLeftOfAMachineWhoseProcessIsKilled() throws Exception {
    Leftovers.expectNoneAfterKilling(KilledMachine.PLAIN);
  }

  private static ProcessRunner.Result run(Command command) {
    return Operation.quiet("test", operation -> new ProcessRunner().run(command, operation));
  }
}
