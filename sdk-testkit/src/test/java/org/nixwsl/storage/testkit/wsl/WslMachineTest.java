package org.nixwsl.storage.testkit.wsl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.testkit.wsl.command.FaultPlan;
import org.nixwsl.storage.testkit.wsl.command.WslCall;
import org.nixwsl.storage.testkit.wsl.command.WslCommand;
import org.nixwsl.storage.testkit.wsl.command.WslOutput;
import org.nixwsl.storage.testkit.wsl.model.Guests;
import org.nixwsl.storage.testkit.wsl.model.WslFailure;
import org.nixwsl.storage.testkit.wsl.model.WslMachine;
import org.nixwsl.storage.testkit.wsl.model.WslRelease;
import org.nixwsl.storage.testkit.wsl.model.WslState;

/** What becomes of disks when nobody calls, on a machine in memory. */
class WslMachineTest {
  private final SimulatedWsl files = new SimulatedWsl();
  private final List<Path> roots = new ArrayList<>();
  private final List<Path> disks = new ArrayList<>();
  private WslMachine machine = new WslMachine(new WslState());

  @BeforeEach
  void makeFiles() throws WslFailure {
    for (String name : List.of("one", "two")) {
      roots.add(files.addDisk(name + "-root", "ext4"));
    }
    for (String name : List.of("a", "b", "c")) {
      disks.add(files.addDisk(name, "ext4"));
    }
    machine = newMachine();
  }

  @AfterEach
  void deleteFiles() {
    files.close();
  }

  private WslMachine newMachine() throws WslFailure {
    WslMachine fresh = new WslMachine(new WslState());
    fresh.register("one", 2, roots.get(0));
    fresh.register("two", 2, roots.get(1));
    return fresh;
  }

  private WslOutput call(String... arguments) throws IOException, InterruptedException {
    return new WslCommand(machine, Guests.inMemory(machine.state()), new FaultPlan())
        .run(WslCall.of(arguments));
  }

  private WslOutput mount(int disk) throws IOException, InterruptedException {
    return call("--mount", disks.get(disk).toString(), "--vhd", "--name", "d" + disk);
  }

  private String mounts() throws IOException, InterruptedException {
    return call("-d", "one", "--exec", "/bin/cat", "/proc/self/mountinfo").text();
  }

  @Test
  void aMountAloneDoesNotKeepTheMachineRunning() throws Exception {
    mount(0);
    machine.pass(Duration.ofSeconds(59));
    assertThat(machine.vmRuns()).isTrue();
    machine.pass(Duration.ofSeconds(1));
    assertThat(machine.vmRuns()).isFalse();
    assertThat(machine.saved()).hasSize(1);
  }

  @Test
  void anInstanceIsIdleAfterItsLastClientAndTheMachineAfterThat() throws Exception {
    machine.start("one");
    machine.clientStarts("one", "shell");
    machine.pass(Duration.ofHours(1));
    assertThat(machine.vmRuns()).isTrue();
    machine.clientEnds("one", "shell");
    machine.pass(Duration.ofSeconds(15));
    assertThat(machine.instances().get(0).state()).isEqualTo("Stopped");
    machine.pass(Duration.ofSeconds(59));
    assertThat(machine.vmRuns()).isTrue();
    machine.pass(Duration.ofSeconds(1));
    assertThat(machine.vmRuns()).isFalse();
    machine.idleTimes(Duration.ofMillis(-1), Duration.ofMillis(-1));
    machine.start("one");
    machine.pass(Duration.ofDays(1));
    assertThat(machine.vmRuns()).isTrue();
  }

  @Test
  void aCrashForgetsWhatAnIdleStopKeeps() throws Exception {
    mount(0);
    machine.crash();
    assertThat(machine.saved()).isEmpty();
    assertThat(mounts()).doesNotContain("/mnt/wsl/d0");
    mount(0);
    machine.idleStop();
    assertThat(mounts()).contains("/mnt/wsl/d0");
    machine.idleStop();
    machine.reboot();
    assertThat(mounts()).doesNotContain("/mnt/wsl/d0");
  }

  @Test
  void aFileOfAdministratorsIsForThemAndForSystem() throws Exception {
    machine.ownedByAdministrators(disks.get(0), true);
    assertThat(mount(0).text()).contains("Wsl/Service/AttachDisk/MountDisk/HCS/E_ACCESSDENIED");
    for (WslRelease release : List.of(WslRelease.V2_6, WslRelease.V2_9)) {
      machine.release(release);
      machine.elevated(true);
      mount(0);
      machine.elevated(false);
      machine.idleStop();
      assertThat(mounts().contains("/mnt/wsl/d0")).isEqualTo(release == WslRelease.V2_6);
      machine.shutdown();
    }
  }

  @Test
  void aDiskThatIsTooLateIsAttachedAndNotMounted() throws Exception {
    machine.slow(disks.get(0), Duration.ofSeconds(16));
    assertThat(mount(0).exit()).isEqualTo(1);
    machine.slow(disks.get(0), Duration.ofSeconds(14));
    assertThat(mount(0).exit()).isZero();
  }

  @Test
  void aDiskIsPulledFromUnderABoundNix() throws Exception {
    mount(0);
    machine.takesNixFrom("one", "d0");
    assertThat(mounts()).contains(" /one /nix ");
    assertThat(call("--unmount", disks.get(0).toString()).exit()).isZero();
    assertThat(machine.accidents()).singleElement().asString().contains("/nix of one");
  }

  @Test
  void anOpenFileKeepsADiskMounted() throws Exception {
    mount(0);
    machine.opensFile("d0", true);
    assertThat(call("--unmount", disks.get(0).toString()).exit()).isEqualTo(-1);
    machine.release(WslRelease.V2_6);
    machine.peerShutdown();
    assertThat(mounts()).contains("/mnt/wsl/d0");
    machine.opensFile("d0", false);
    assertThat(call("--unmount", disks.get(0).toString()).exit()).isZero();
  }

  @Test
  void anInstanceOfAnotherProgramTakesTheMountsUnlessTheyAreGuarded() throws Exception {
    for (WslRelease release : List.of(WslRelease.V2_9, WslRelease.V2_6)) {
      machine.release(release);
      mount(0);
      machine.peerShutdown();
      assertThat(mounts().contains("/mnt/wsl/d0")).isEqualTo(release == WslRelease.V2_9);
    }
  }

  @Test
  void oneFileUnderTwoPathsIsASharingViolation() throws Exception {
    mount(0);
    Path other = Files.createLink(files.folder().resolve("other.vhdx"), disks.get(0));
    assertThat(call("--mount", other.toString(), "--vhd").text())
        .contains("Wsl/Service/AttachDisk/MountDisk/HCS/ERROR_SHARING_VIOLATION");
  }

  @Test
  void randomDaysOfAMachineKeepItsTablesWhole() throws Exception {
    for (long seed = 1; seed <= 300; seed++) {
      String first = day(seed);
      if (seed % 10 == 0) {
        assertThat(day(seed)).as("seed " + seed + " again").isEqualTo(first);
      }
    }
  }

  /** A random day; its story. */
  private String day(long seed) throws Exception {
    Random random = new Random(seed);
    machine = newMachine();
    machine.seed(seed);
    machine.release(List.of(WslRelease.values()).get(random.nextInt(3)));
    StringBuilder story = new StringBuilder();
    for (int i = 0; i < 25; i++) {
      int disk = random.nextInt(3);
      String name = random.nextBoolean() ? "one" : "two";
      switch (random.nextInt(12)) {
        case 0, 1, 2 -> story.append(mount(disk).text());
        case 3 -> story.append(call("--unmount", disks.get(disk).toString()).text());
        case 4, 5 -> story.append(call("-d", name, "--exec", "/bin/true").exit());
        case 6 -> story.append(call("--terminate", name).text());
        case 7 -> story.append(call("--shutdown").exit());
        case 8 -> machine.crash();
        case 9 -> machine.idleStop();
        case 10 -> machine.peerShutdown();
        default -> machine.pass(Duration.ofSeconds(random.nextInt(100)));
      }
      Set<Integer> luns = new HashSet<>();
      Set<String> letters = new HashSet<>();
      for (WslMachine.Attached attached : machine.attached()) {
        assertThat(luns.add(attached.lun())).as("seed " + seed).isTrue();
        assertThat(letters.add(attached.letter())).as("seed " + seed).isTrue();
      }
      assertThat(machine.vmRuns() || machine.attached().isEmpty()).as("seed " + seed).isTrue();
      assertThat(machine.vmRuns() && !machine.saved().isEmpty()).as("seed " + seed).isFalse();
      assertThat(machine.accidents()).as("seed " + seed).isEmpty();
    }
    return story.append(machine.attached()).toString();
  }
}
