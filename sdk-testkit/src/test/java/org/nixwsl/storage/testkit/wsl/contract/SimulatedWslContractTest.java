package org.nixwsl.storage.testkit.wsl.contract;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;
import org.nixwsl.storage.testkit.wsl.command.WslCall;
import org.nixwsl.storage.testkit.wsl.command.WslOutput;
import org.nixwsl.storage.testkit.wsl.model.WslMachine;
import org.nixwsl.storage.testkit.wsl.model.WslRelease;

@Tag("once")
class SimulatedWslContractTest {
  /** Each test has a machine of its own, as JUnit makes the object anew for each. */
  abstract static class OfRelease implements WslContract {
    private final Simulated machine;

    OfRelease(WslRelease release, boolean asProgram) {
      this(release, asProgram, new SimulatedWsl(), "vfat");
    }

    OfRelease(WslRelease release, boolean asProgram, SimulatedWsl wsl, String otherType) {
      this.machine = new Simulated(wsl, release, asProgram, otherType);
    }

    @AfterEach
    void closeTheMachine() {
      machine.close();
    }

    @Override
    public WslUnderTest machine() {
      return machine;
    }
  }

  /**
   * Releases in which an export does not lock, and an instance that ends may take a mount along: of
   * what they do instead nothing is promised.
   */
  abstract static class WithoutGuards extends OfRelease {
    WithoutGuards(WslRelease release) {
      super(release, false);
    }

    /** No test here. */
    @Override
    public void anInstanceThatIsExportedRefusesOtherWork() {}

    /** No test here. */
    @Override
    public void aMountSurvivesTheEndOfAnInstance() {}
  }

  @Nested
  class OldestInThisProcess extends WithoutGuards {
    OldestInThisProcess() {
      super(WslRelease.V2_2);
    }
  }

  /** What it has of its own the oldest or the newest has too. */
  @Nested
  @Tag("long")
  class MiddleInThisProcess extends WithoutGuards {
    MiddleInThisProcess() {
      super(WslRelease.V2_6);
    }
  }

  @Nested
  class NewestInThisProcess extends OfRelease {
    NewestInThisProcess() {
      super(WslRelease.V2_9, false);
    }
  }

  /** Every call starts a JVM: a minute. */
  @Nested
  @Tag("long")
  class NewestAsAProgram extends OfRelease {
    NewestAsAProgram() {
      super(WslRelease.V2_9, true);
      needsAShell();
    }
  }

  /** Two minutes. ext2, because it needs nothing beside ext4. */
  @Nested
  @Tag("long")
  class NewestOnRealDisks extends OfRelease {
    NewestOnRealDisks() {
      super(WslRelease.V2_9, false, SimulatedWsl.withRealDisks(), "ext2");
    }
  }

  /** Two minutes. */
  @Nested
  @Tag("long")
  class NewestInContainers extends OfRelease {
    NewestInContainers() {
      super(WslRelease.V2_9, false, SimulatedWsl.withContainers(), "ext2");
    }
  }

  private static void needsAShell() {
    assumeTrue(Files.isExecutable(Path.of("/bin/sh")), "skipped: sh is missing");
  }

  private static final class Program extends OfRelease {
    Program() {
      super(WslRelease.V2_9, true);
    }
  }

  /** What only the program does: arguments, streams, statuses, and a state that is kept. */
  @ParameterizedTest
  @MethodSource("whatTheProgramDoesItself")
  void theProgramKeepsTheContractWhereItIsNotTheSameCode(Promise promise) throws IOException {
    needsAShell();
    Program program = new Program();
    try {
      promise.of(program);
    } finally {
      program.closeTheMachine();
    }
  }

  /** A test of the contract. */
  interface Promise {
    void of(WslContract contract) throws IOException;
  }

  private static final class OnRealDisks extends OfRelease {
    OnRealDisks() {
      super(WslRelease.V2_9, false, SimulatedWsl.withRealDisks(), "ext2");
    }
  }

  /** Where the kernel answers and not the model. */
  @ParameterizedTest
  @MethodSource("whatTheKernelAnswers")
  void realDisksKeepTheContractWhereTheyAreNotTheSameCode(Promise promise) throws IOException {
    OnRealDisks real = new OnRealDisks();
    try {
      promise.of(real);
    } finally {
      real.closeTheMachine();
    }
  }

  static List<Promise> whatTheKernelAnswers() {
    return List.of(
        WslContract::aMountThatLinuxRefusesLeavesTheDiskAttached,
        WslContract::mountsAreBackUnderTheirNamesWhenTheMachineWasIdle,
        WslContract::optionsReachTheMount,
        WslContract::anInstanceIsResizedWhenItsDiskIsDetached);
  }

  static List<Promise> whatTheProgramDoesItself() {
    return List.of(
        WslContract::argumentsReachTheProgramAsTheyAre,
        WslContract::theStatusOfAProgramIsPassedOn,
        WslContract::theOutputOfAProgramHasTheLineEndsOfLinux,
        WslContract::aNamedMountGoesWithTheDisk,
        WslContract::anySpellingThatOpensTheFileDetachesIt);
  }

  private static final class Simulated implements WslUnderTest {
    private static final String INSTANCE = "nixos";

    private final SimulatedWsl wsl;
    private final boolean asProgram;
    private final String otherType;
    private int disks;

    private Simulated(SimulatedWsl wsl, WslRelease release, boolean asProgram, String otherType) {
      this.wsl = wsl;
      this.otherType = otherType;
      this.asProgram = asProgram;
      wsl.addInstance(INSTANCE);
      wsl.change(machine -> machine.release(release));
      wsl.change(machine -> machine.language("de"));
    }

    private void close() {
      wsl.close();
    }

    @Override
    public Answer wsl(List<String> arguments) {
      if (!asProgram) {
        WslOutput output = wsl.call(new WslCall(arguments, new byte[0], false, folder()));
        return new Answer(output.exit(), decoded(output.stdout()), decoded(output.stderr()));
      }
      // A shell, because a process begins in the directory of the one that starts it.
      List<String> argv =
          new ArrayList<>(List.of("/bin/sh", "-c", "cd \"$1\" && shift && exec \"$@\"", "sh"));
      argv.add(folder().toString());
      argv.add(wsl.executable().toString());
      argv.addAll(arguments);
      ProcessRunner.Result result =
          Operation.quiet(
              "test", operation -> new ProcessRunner().run(Command.of(argv), operation));
      int exit = result.exitCode() == 255 ? -1 : result.exitCode();
      return new Answer(exit, decoded(result.stdout()), decoded(result.stderr()));
    }

    /** Text of Windows has a NUL in every character of ASCII, text of Linux has none. */
    private static String decoded(byte[] bytes) {
      boolean wide = new String(bytes, StandardCharsets.ISO_8859_1).matches("(?s)[^\0]\0.*");
      return new String(bytes, wide ? StandardCharsets.UTF_16LE : StandardCharsets.UTF_8);
    }

    @Override
    public Path folder() {
      return wsl.folder();
    }

    @Override
    public String instance() {
      return INSTANCE;
    }

    @Override
    public Path disk(Content content) {
      String name = "disk" + disks++;
      return switch (content) {
        case BLANK -> wsl.addDisk(name);
        case EXT4 -> wsl.addDisk(name, "ext4");
        case OTHER -> wsl.addDisk(name, otherType);
        case EXT4_AND_OTHER -> wsl.addDividedDisk(name, "ext4", otherType);
      };
    }

    @Override
    public String otherType() {
      return otherType;
    }

    @Override
    public void idleStop() {
      wsl.change(WslMachine::idleStop);
    }

    @Override
    public boolean vmRuns() {
      return wsl.<Boolean>ask(WslMachine::vmRuns);
    }

    @Override
    public int saved() {
      return wsl.<Integer>ask(machine -> machine.saved().size());
    }

    @Override
    public String physicalDisk(Content content) {
      Path file = disk(content);
      return wsl.ask(machine -> machine.addPhysicalDisk(file));
    }

    @Override
    public boolean online(String physicalDisk) {
      return wsl.<Boolean>ask(machine -> machine.online(physicalDisk));
    }

    @Override
    public void elevated(boolean elevated) {
      wsl.change(machine -> machine.elevated(elevated));
    }

    @Override
    public void held(Path file, boolean held) {
      wsl.change(machine -> machine.heldElsewhere(file, held ? -1 : 0));
    }

    @Override
    public void forbidMounts() {
      wsl.change(machine -> machine.allowDiskMount(false));
    }

    @Override
    public void withoutInstances() {
      wsl.change(machine -> machine.unregister(INSTANCE));
    }

    @Override
    public void corruptInstance() {
      wsl.change(machine -> machine.corrupt(INSTANCE));
    }

    @Override
    public void lockInstance() {
      wsl.change(machine -> machine.locked(INSTANCE, true));
    }

    @Override
    public Path instanceDisk() {
      return wsl.ask(machine -> Path.of(machine.instances().get(0).vhd()));
    }

    @Override
    public boolean atLeast(int major, int minor, int patch) {
      String[] number = wsl.ask(machine -> machine.release().number()).split("\\.", -1);
      int[] wanted = {major, minor, patch};
      for (int i = 0; i < 3; i++) {
        int difference = Integer.parseInt(number[i]) - wanted[i];
        if (difference != 0) {
          return difference > 0;
        }
      }
      return true;
    }
  }
}
