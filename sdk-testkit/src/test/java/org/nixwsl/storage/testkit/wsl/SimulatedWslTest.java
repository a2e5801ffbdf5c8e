package org.nixwsl.storage.testkit.wsl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.CommandException;
import org.nixwsl.storage.testkit.wsl.command.FaultPlan;
import org.nixwsl.storage.testkit.wsl.command.FaultPlan.Fault;
import org.nixwsl.storage.testkit.wsl.command.WslCall;
import org.nixwsl.storage.testkit.wsl.command.WslOutput;
import org.nixwsl.storage.testkit.wsl.model.WslRelease;

class SimulatedWslTest {
  @RegisterExtension final SimulatedWsl wsl = new SimulatedWsl();

  private Path disk;

  @BeforeEach
  void layOutOneDisk() {
    assumeTrue(Files.isExecutable(Path.of("/bin/sh")), "skipped: sh is missing");
    wsl.addInstance("nixos");
    disk = wsl.addDisk("shared", "ext4");
  }

  @Test
  void theProgramAndThisProcessSeeTheSameMachine() {
    ProcessRunner.Result mounted = program("--mount", disk.toString(), "--vhd", "--name", "s");
    assertThat(mounted.exitCode()).isZero();
    assertThat(wsl.call("--mount", disk.toString(), "--vhd", "--name", "s").text())
        .contains("Wsl/Service/MountDisk/WSL_E_DISK_ALREADY_MOUNTED");
    assertThat(program("-d", "nixos", "-e", "/bin/cat", "/proc/self/mountinfo").text())
        .contains(" /mnt/wsl/s ")
        .doesNotContain("\r");
  }

  @Test
  void minusOneIsTheLowestByteOnLinux() {
    ProcessRunner.Result result = program("-d", "nobody", "--exec", "/bin/true");
    assertThat(result.exitCode()).isEqualTo(255);
    assertThat(result.text()).contains("Wsl/Service/WSL_E_DISTRO_NOT_FOUND\r\n");
    assertThat(wsl.call("-d", "nobody", "--exec", "/bin/true").exit()).isEqualTo(-1);
  }

  @Test
  void theProgramReadsAScript() {
    ProcessRunner.Result result =
        run(
            Command.of(wsl.executable().toString(), "-d", "nixos", "--exec", "/bin/sh", "-s")
                .reading("echo a b\nexit 7\n".getBytes(StandardCharsets.UTF_8)));
    assertThat(result.text()).isEqualTo("a b\n");
    assertThat(result.exitCode()).isEqualTo(7);
  }

  @Test
  void aProgramThatEndsWith67IsTakenForAnErrorOfWsl() {
    WslCall call =
        new WslCall(
            List.of("-d", "nixos", "--exec", "/bin/sh", "-s"),
            "exit 67\n".getBytes(StandardCharsets.UTF_8),
            true,
            wsl.folder());
    WslOutput output = wsl.call(call);
    assertThat(output.exit()).isEqualTo(-1);
    assertThat(output.text()).contains("WSL_E_USER_NOT_FOUND");
  }

  @Test
  void ownTextIsWideUnlessAskedOtherwise() {
    WslOutput wide = wsl.call(new WslCall(List.of("--version"), new byte[0], false, wsl.folder()));
    assertThat(new String(wide.stdout(), StandardCharsets.UTF_16LE))
        .startsWith("WSL version: 2.9.8.0\r\n");
    assertThat(wsl.call("--version").text()).startsWith("WSL version: 2.9.8.0\r\n");
  }

  @Test
  void onlyTheCodeIsTheSameInAllLanguages() {
    for (String language : List.of("en", "de", "ja", "zh")) {
      wsl.change(machine -> machine.language(language));
      String text = wsl.call("--unmount", "/nowhere").text();
      assertThat(text).contains("Wsl/Service/DetachDisk/ERROR_FILE_NOT_FOUND");
      assertThat(text.contains("Error code: ")).isEqualTo(language.equals("en"));
    }
  }

  @Test
  void olderReleasesHaveNumbersAndOtherSteps() {
    wsl.change(machine -> machine.release(WslRelease.V2_2));
    wsl.change(machine -> machine.heldElsewhere(disk, 1));
    assertThat(wsl.call("--mount", disk.toString(), "--vhd", "--bare").text())
        .contains("Wsl/Service/AttachDisk/MountVhd/HCS/0x80070020");
    assertThat(wsl.call("--mount", disk.toString(), "--vhd", "--bare").exit()).isZero();
  }

  @Test
  void faultsHitTheCallsTheyAreFor() {
    wsl.faults(
        plan ->
            plan.on("--mount", 0, 2, Fault.failing("Wsl/Service/E_ABORT"))
                .next("--list", Fault.of(FaultPlan.Kind.HALF_LINE))
                .next("--shutdown", Fault.of(FaultPlan.Kind.DIE).afterTheWork()));
    assertThat(wsl.call("--list", "--quiet").text()).isNotEmpty().doesNotContain("\n");
    for (int i = 0; i < 2; i++) {
      assertThat(wsl.call("--mount", disk.toString(), "--vhd").text()).contains("E_ABORT");
    }
    assertThat(wsl.call("--mount", disk.toString(), "--vhd").exit()).isZero();
    assertThat(program("--shutdown").exitCode()).isEqualTo(137);
    assertThat(wsl.<Boolean>ask(machine -> machine.vmRuns())).isFalse();
  }

  @Test
  void aCallThatHangsIsKilledByWhoeverWaits() {
    wsl.faults(plan -> plan.next("--status", Fault.of(FaultPlan.Kind.HANG)));
    Command hanging =
        Command.of(wsl.executable().toString(), "--status").within(Duration.ofSeconds(2));
    assertThat(catchThrowable(() -> run(hanging))).isInstanceOf(CommandException.class);
    assertThat(program("--status").exitCode()).isZero();
  }

  @Test
  void aPeerThatStopsTakesTheMountFromAll() {
    wsl.change(machine -> machine.release(WslRelease.V2_6));
    wsl.addInstance("peer");
    wsl.call("--mount", disk.toString(), "--vhd", "--name", "s");
    wsl.call("-d", "peer", "--exec", "/bin/true");
    wsl.call("--terminate", "peer");
    assertThat(wsl.call("-d", "nixos", "-e", "/bin/cat", "/proc/self/mountinfo").text())
        .doesNotContain("/mnt/wsl/s ");
    assertThat(wsl.call("--mount", disk.toString(), "--vhd", "--name", "s").text())
        .contains("WSL_E_DISK_ALREADY_MOUNTED");
    WslOutput unmounted = wsl.call("--unmount", disk.toString());
    assertThat(unmounted.exit()).isEqualTo(-1);
    assertThat(unmounted.text()).doesNotContain("Wsl/");
    wsl.change(machine -> machine.idleStop());
    assertThat(wsl.call("-d", "nixos", "-e", "/bin/cat", "/proc/self/mountinfo").text())
        .contains("/mnt/wsl/s ");
  }

  @Test
  void theGuardKeepsTheMountUnlessItsProgramIsMissing() {
    wsl.call("--mount", disk.toString(), "--vhd", "--name", "s");
    for (boolean hasTrue : List.of(true, false)) {
      wsl.change(machine -> machine.boots("nixos", true, hasTrue));
      wsl.call("-d", "nixos", "--exec", "/bin/true");
      wsl.call("--terminate", "nixos");
      assertThat(wsl.call("-d", "nixos", "-e", "/bin/cat", "/proc/self/mountinfo").text())
          .satisfies(text -> assertThat(text.contains("/mnt/wsl/s ")).isEqualTo(hasTrue));
    }
  }

  @Test
  void tasksAreKeptAndRunWhenTheUserLogsOn() throws IOException {
    Path xml = wsl.folder().resolve("task.xml");
    Path note = wsl.folder().resolve("a note");
    Files.write(
        xml,
        ("\uFEFF<?xml version=\"1.0\" encoding=\"UTF-16\"?>"
                + "<Task xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">"
                + "<Triggers><LogonTrigger/></Triggers><Actions><Exec><Command>/bin/touch</Command>"
                + "<Arguments>\""
                + note
                + "\"</Arguments></Exec></Actions></Task>")
            .getBytes(StandardCharsets.UTF_16LE));
    String schtasks = wsl.schtasks().toString();
    assertThat(run(Command.of(schtasks, "/Query", "/TN", "x")).exitCode()).isEqualTo(1);
    assertThat(
            run(Command.of(schtasks, "/Create", "/TN", "x", "/XML", xml.toString(), "/F"))
                .exitCode())
        .isZero();
    assertThat(run(Command.of(schtasks, "/Query", "/TN", "\\x", "/XML")).text())
        .contains("LogonTrigger");
    assertThat(wsl.logOn()).containsExactly("\\x");
    assertThat(note).exists();
    assertThat(run(Command.of(schtasks, "/Delete", "/TN", "x", "/F")).exitCode()).isZero();
    assertThat(wsl.logOn()).isEmpty();
  }

  private ProcessRunner.Result program(String... arguments) {
    List<String> argv = new ArrayList<>(List.of(wsl.executable().toString()));
    argv.addAll(List.of(arguments));
    return run(Command.of(argv).with("WSL_UTF8", "1"));
  }

  private static ProcessRunner.Result run(Command command) {
    return Operation.quiet("test", operation -> new ProcessRunner().run(command, operation));
  }
}
