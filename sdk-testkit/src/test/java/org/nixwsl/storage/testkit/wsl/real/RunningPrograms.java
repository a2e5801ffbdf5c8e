package org.nixwsl.storage.testkit.wsl.real;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.process.RunningProcess;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;
import org.nixwsl.storage.testkit.wsl.command.FaultPlan;
import org.nixwsl.storage.testkit.wsl.command.FaultPlan.Fault;
import org.nixwsl.storage.testkit.wsl.command.WslOutput;
import org.nixwsl.storage.testkit.wsl.model.WslMachine;

/** Programs that run in an instance while other things happen to the machine. */
@Timeout(120)
abstract class RunningPrograms {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  @RegisterExtension final SimulatedWsl wsl;

  private Path disk;

  RunningPrograms(SimulatedWsl wsl) {
    this.wsl = wsl;
  }

  @BeforeEach
  void layOutOneDisk() {
    wsl.addInstance("nixos");
    disk = wsl.addDisk("shared", "ext4");
  }

  @Test
  void aProgramIsTalkedWithWhileOthersUseTheMachine() throws Exception {
    try (Talk cat = new Talk("/bin/cat")) {
      assertThat(cat.said("one")).isEqualTo("one");
      assertThat(mount().exit()).isZero();
      assertThat(call("--list", "--running", "--quiet").text()).isEqualTo("nixos\r\n");
      assertThat(call("-d", "nixos", "--exec", "/bin/echo", "x").text()).isEqualTo("x\n");
      assertThat(cat.said("two")).isEqualTo("two");
      assertThat(cat.ended()).isZero();
    }
  }

  @Test
  void aProgramKeepsItsInstanceAndTheMachineFromBeingIdle() throws Exception {
    wsl.addInstance("other");
    call("-d", "other", "--exec", "/bin/true");
    try (Talk cat = new Talk("/bin/cat")) {
      cat.said("one");
      wsl.change(machine -> machine.pass(Duration.ofHours(1)));
      wsl.change(WslMachine::idleStop);
      assertThat(call("--list", "--running", "--quiet").text()).isEqualTo("nixos\r\n");
      assertThat(cat.said("two")).isEqualTo("two");
      cat.ended();
    }
    wsl.change(machine -> machine.pass(Duration.ofSeconds(15)));
    assertThat(call("--list", "--running", "--quiet").text()).isEmpty();
    wsl.change(WslMachine::idleStop);
    assertThat(wsl.<Boolean>ask(WslMachine::vmRuns)).isFalse();
  }

  @Test
  void aProgramEndsWithItsInstanceAndItsStatusIsNotHeard() throws Exception {
    ExecutorService other = Executors.newSingleThreadExecutor();
    String ownTime = "1000." + ProcessHandle.current().pid(); // other tests sleep as well
    try (Talk cat = new Talk("/bin/cat")) {
      cat.said("one");
      Future<WslOutput> sleeping =
          other.submit(() -> call("-d", "nixos", "--exec", "/bin/sleep", ownTime));
      comesTrue(() -> programs("sleep\000" + ownTime) == 1);
      assertThat(call("--terminate", "nixos").exit()).isZero();
      assertThat(sleeping.get().exit()).isEqualTo(1);
      assertThat(cat.ended()).isEqualTo(1);
      assertThat(call("-d", "nixos", "--exec", "/bin/echo", "x").text()).isEqualTo("x\n");
    } finally {
      other.shutdown();
    }
  }

  @Test
  void aProgramWhoseCallerIsKilledReadsTheEndOfItsInput() throws Exception {
    assertThat(mount().exit()).isZero();
    Path note = wsl.inVm("/mnt/wsl/s/note");
    try (Talk script = new Talk("/bin/sh", "-c", "cat; echo ended > /mnt/wsl/s/note")) {
      assertThat(script.said("one")).isEqualTo("one");
      script.kill();
      comesTrue(() -> Files.exists(note));
    }
    wsl.change(machine -> machine.pass(Duration.ofSeconds(15)));
    assertThat(call("--list", "--running", "--quiet").text()).isEmpty();
  }

  @Test
  void whatAProgramPrintedIsLostWithTheAnswer() throws Exception {
    wsl.faults(plan -> plan.next("--exec", Fault.of(FaultPlan.Kind.DIE).afterTheWork()));
    try (Talk script = new Talk("/bin/sh", "-c", "read line; echo $line > /note; echo done")) {
      assertThat(script.said("one")).isNull();
      assertThat(script.ended()).isEqualTo(137);
    }
    assertThat(call("-d", "nixos", "--exec", "/bin/cat", "/note").text()).isEqualTo("one\n");
  }

  @Test
  void onlyTheComplaintAboutAMissingProgramIsReplaced() {
    WslOutput missing = call("-d", "nixos", "--exec", "/bin/nothing");
    assertThat(missing.exit()).isEqualTo(1);
    assertThat(missing.errors())
        .isEqualTo("execvp(/bin/nothing) failed: No such file or directory\n");
    WslOutput other = call("-d", "nixos", "--exec", "/bin/sh", "-c", "echo 'env: x' >&2; exit 127");
    assertThat(other.exit()).isEqualTo(127);
    assertThat(other.errors()).isEqualTo("env: x\n");
  }

  private WslOutput mount() {
    return call("--mount", disk.toString(), "--vhd", "--name", "s");
  }

  private WslOutput call(String... arguments) {
    return wsl.call(arguments);
  }

  private static void comesTrue(Operation.Work<Boolean> condition) {
    assertThat(Operation.<Boolean>quiet("test", op -> op.await("a condition", PATIENCE, condition)))
        .isTrue();
  }

  private static long programs(String line) {
    return ProcessHandle.allProcesses()
        .filter(
            process -> {
              try {
                return Files.readString(Path.of("/proc/" + process.pid() + "/cmdline"))
                    .startsWith("/bin/" + line);
              } catch (IOException gone) {
                return false;
              }
            })
        .count();
  }

  /** The program {@code wsl} with a program in the instance behind it. */
  private final class Talk implements AutoCloseable {
    private final RunningProcess process;
    private final ProcessHandle handle;
    private final BufferedReader output;

    Talk(String... argv) {
      List<String> line =
          new ArrayList<>(List.of(wsl.executable().toString(), "-d", "nixos", "--exec"));
      line.addAll(List.of(argv));
      List<ProcessHandle> before = ProcessHandle.current().children().toList();
      process = new ProcessRunner().startTalking(Command.of(line));
      handle =
          ProcessHandle.current()
              .children()
              .filter(child -> !before.contains(child))
              .findFirst()
              .orElseThrow();
      output = new BufferedReader(new InputStreamReader(process.output(), StandardCharsets.UTF_8));
    }

    /** What it says to a line; null if it ends. */
    String said(String line) throws IOException {
      process.input().write((line + "\n").getBytes(StandardCharsets.UTF_8));
      process.input().flush();
      return output.readLine();
    }

    /** Its status, after the end of its input. */
    int ended() throws Exception {
      process.input().close();
      return process.await();
    }

    void kill() {
      handle.destroyForcibly();
    }

    @Override
    public void close() {
      process.close();
    }
  }
}
