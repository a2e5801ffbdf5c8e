package org.nixwsl.storage.core.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.CommandException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.OperationCancelledException;
import org.nixwsl.storage.event.CancellationToken;

class ProcessRunnerTest {
  @TempDir private Path folder;
  private final ProcessRunner runner = new ProcessRunner();

  @BeforeEach
  void aShellIsThere() {
    assumeTrue(Files.isExecutable(Path.of("/bin/sh")), "skipped: /bin/sh is missing");
  }

  @Test
  void argumentsArriveAsTheyAre() {
    String odd = "a  b'\"$HOME\\`;\n*";
    ProcessRunner.Result result = run(Command.of("printf", "%s|", odd, "", "second"));
    assertThat(result.text()).isEqualTo(odd + "||second|");
  }

  @Test
  void inputArrivesAndOutputsAreKeptApart() {
    ProcessRunner.Result result =
        run(
            Command.of("sh", "-c", "cat; echo problem >&2; exit 3")
                .reading("hello".getBytes(StandardCharsets.UTF_8)));
    assertThat(result.exitCode()).isEqualTo(3);
    assertThat(result.stdout()).isEqualTo("hello".getBytes(StandardCharsets.UTF_8));
    assertThat(new String(result.stderr(), StandardCharsets.UTF_8)).isEqualTo("problem\n");
  }

  @Test
  void whatIsPassedOnArrivesWhileTheProgramRuns() throws Exception {
    PipedOutputStream said = new PipedOutputStream();
    PipedInputStream heard = new PipedInputStream();
    PipedOutputStream out = new PipedOutputStream(heard);
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    Command echo = Command.of("sh", "-c", "cat; echo problem >&2; exit 3");
    try (RunningProcess running = runner.startPassing(echo, new PipedInputStream(said), out, err)) {
      for (String word : List.of("one", "two")) {
        said.write(word.getBytes(StandardCharsets.UTF_8));
        said.flush();
        assertThat(heard.readNBytes(3)).isEqualTo(word.getBytes(StandardCharsets.UTF_8));
      }
      said.close();
      assertThat(running.await()).isEqualTo(3);
    }
    assertThat(err).hasToString("problem\n");
  }

  @Test
  void aChildThatKeepsTheOutputOpenIsNotWaitedFor() throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Command parent = Command.of("sh", "-c", "sleep 20 & echo $!");
    long start = System.nanoTime();
    try (RunningProcess running =
        runner.startPassing(parent, InputStream.nullInputStream(), out, out)) {
      assertThat(running.await()).isZero();
    }
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(15));
    long child = Long.parseLong(out.toString(StandardCharsets.UTF_8).strip());
    ProcessHandle.of(child).ifPresent(ProcessHandle::destroyForcibly);
  }

  @Test
  void aFailureCarriesCommandStatusAndOutput() {
    assertThatThrownBy(
            () ->
                Operation.quiet(
                    "test", op -> runner.runOk(Command.of("sh", "-c", "echo broken; exit 4"), op)))
        .isInstanceOfSatisfying(
            CommandException.class,
            e -> {
              assertThat(e.code()).isEqualTo(ErrorCode.COMMAND_FAILED);
              assertThat(e.exitCode()).isEqualTo(4);
              assertThat(e.command()).startsWith("sh", "-c");
              assertThat(e.getMessage()).contains("broken");
            });
  }

  @Test
  void aMissingProgramIsNamed() {
    assertThatThrownBy(() -> run(Command.of("no-such-program-anywhere")))
        .isInstanceOfSatisfying(
            EnvironmentException.class,
            e -> {
              assertThat(e.code()).isEqualTo(ErrorCode.TOOL_MISSING);
              assertThat(e.getMessage()).contains("no-such-program-anywhere");
            });
  }

  @Test
  void aProgramThatRunsTooLongIsKilledWithItsChildren() throws Exception {
    Path pids = folder.resolve("pids");
    Command endless =
        Command.of("sh", "-c", "sleep 1000 & echo $! > \"$0\"; wait", pids.toString())
            .within(Duration.ofMillis(500));
    assertThatThrownBy(() -> run(endless))
        .isInstanceOfSatisfying(
            CommandException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.COMMAND_TIMED_OUT));
    assertGone(Long.parseLong(Files.readString(pids).strip()));
  }

  @Test
  void cancellingKillsTheProgramWithItsChildren() throws Exception {
    CancellationToken token = new CancellationToken();
    Path pids = folder.resolve("pids");
    Command endless =
        Command.of("sh", "-c", "sleep 1000 & echo $! > \"$0\"; wait", pids.toString());
    assertThatThrownBy(
            () ->
                Operation.run(
                    "test",
                    RunOptions.builder().cancelWith(token).build(),
                    Ticker.system(),
                    Map.of(),
                    op -> {
                      Thread canceller =
                          new Thread(
                              () ->
                                  Operation.quiet(
                                      "cancel when the child is there",
                                      waiting -> {
                                        boolean there =
                                            waiting.await(
                                                "pid",
                                                Duration.ofSeconds(20),
                                                () -> Files.exists(pids) && Files.size(pids) > 1);
                                        token.cancel();
                                        return there;
                                      }));
                      canceller.start();
                      return runner.run(endless, op);
                    }))
        .isInstanceOf(OperationCancelledException.class);
    assertGone(Long.parseLong(Files.readString(pids).strip()));
  }

  @Test
  void aProgramThatIsKilledIsGoneWhenTheCallReturns() throws Exception {
    Path pid = folder.resolve("pid");
    Command endless =
        Command.of(
                "sh",
                "-c",
                "echo $$ > \"$0\"; exec head -c 1000000000000 /dev/zero",
                pid.toString())
            .within(Duration.ofMillis(500));
    assertThatThrownBy(() -> run(endless)).isInstanceOf(CommandException.class);
    assertThat(ProcessHandle.of(Long.parseLong(Files.readString(pid).strip())))
        .matches(handle -> handle.filter(ProcessHandle::isAlive).isEmpty(), "is gone");
  }

  @Test
  void aProgramThatEndedIsNotBlamedForAChildThatKeepsItsOutputOpen() throws Exception {
    Path pids = folder.resolve("pids");
    Command leavesAChild =
        Command.of("sh", "-c", "sleep 1000 & echo $! > \"$0\"; echo done", pids.toString())
            .within(Duration.ofSeconds(30));
    try {
      ProcessRunner.Result result = run(leavesAChild);
      assertThat(result.exitCode()).isZero();
      assertThat(result.text()).isEqualTo("done\n");
    } finally {
      ProcessHandle.of(Long.parseLong(Files.readString(pids).strip()))
          .ifPresent(ProcessHandle::destroyForcibly);
    }
  }

  @Test
  void outputBeyondTheBoundIsReadAndDropped() {
    ProcessRunner.Result result =
        run(Command.of("sh", "-c", "head -c 20000000 /dev/zero; echo end >&2"));
    assertThat(result.exitCode()).isZero();
    assertThat(result.stdout()).hasSize(16 << 20);
  }

  @Test
  void aLastingProgramEndsWhenItIsClosed() {
    RunningProcess cat = runner.startLasting(Command.of("cat"));
    assertThat(cat.alive()).isTrue();
    cat.close();
    assertThat(cat.alive()).isFalse();
  }

  private ProcessRunner.Result run(Command command) {
    return Operation.quiet("test", op -> runner.run(command, op));
  }

  private static void assertGone(long pid) {
    boolean gone =
        Operation.quiet(
            "wait for the child's end",
            op ->
                op.await(
                    "end",
                    Duration.ofSeconds(20),
                    () -> ProcessHandle.of(pid).map(h -> !h.isAlive()).orElse(true)));
    assertThat(gone).as("process %d ended", pid).isTrue();
  }
}
