package org.nixwsl.storage.testkit.mount;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.CommandException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.testkit.wsl.command.FaultPlan;
import org.nixwsl.storage.testkit.wsl.command.WslCall;
import org.nixwsl.storage.testkit.wsl.command.WslCommand;
import org.nixwsl.storage.testkit.wsl.command.WslOutput;
import org.nixwsl.storage.testkit.wsl.model.Guests;
import org.nixwsl.storage.testkit.wsl.model.WslMachine;
import org.nixwsl.storage.testkit.wsl.model.WslState;
import org.nixwsl.storage.windows.WindowsPlatform;

/**
 * A machine with a simulated WSL, on which the real mounter works. Its time goes on only by pauses.
 * Whatever a test likes can happen before and after each call.
 */
final class SimulatedHost implements Ticker {
  /** Something that happens around a call. */
  @FunctionalInterface
  interface Happening {
    /** Lets it happen. */
    void happens() throws Exception;
  }

  /** Looks at an answer and may change it. */
  @FunctionalInterface
  interface Answer {
    /** The standard output of a call, changed or not. */
    String of(List<String> arguments, String stdout);
  }

  final WslMachine machine;
  final FaultPlan faults = new FaultPlan();
  private final WslCommand command;
  private final WslCommand looking;
  private long nanos;
  Happening before = () -> {};
  Answer answer = (arguments, stdout) -> stdout;

  SimulatedHost() {
    WslState state = new WslState();
    machine = new WslMachine(state);
    command = new WslCommand(machine, Guests.inMemory(state), faults);
    looking = new WslCommand(machine, Guests.inMemory(state), new FaultPlan());
  }

  /** The SDK of one process; all that keep their notes in one directory are of one user. */
  WslMounter mounter(Path notes) {
    return new WindowsPlatform(this::run, notes, Map.of()).mounter(new ProcessRunner(), this);
  }

  /** A call by someone who is not the SDK. */
  WslOutput call(String... arguments) {
    return call(command, arguments);
  }

  private static WslOutput call(WslCommand command, String... arguments) {
    try {
      return command.run(WslCall.of(arguments));
    } catch (IOException | InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** What an instance shows of its mounts, without starting any, and whatever fault is planned. */
  String mounts(String instance) {
    boolean runs =
        machine.instances().stream()
            .anyMatch(row -> row.name().equals(instance) && row.state().equals("Running"));
    return runs
        ? call(looking, "-d", instance, "--exec", "/bin/cat", "/proc/self/mountinfo").text()
        : "";
  }

  private ProcessRunner.Result run(
      List<String> arguments, byte[] input, Duration limit, Operation operation)
      throws IOException, InterruptedException {
    operation.checkCancelled();
    try {
      before.happens();
    } catch (IOException | InterruptedException | RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
    WslOutput output =
        command.run(new WslCall(arguments, input, true, Path.of("").toAbsolutePath()));
    return switch (output.ending()) {
      case HANGS -> {
        pause(limit);
        throw new CommandException(
            Problem.of(ErrorCode.COMMAND_TIMED_OUT, "wsl.exe was killed.", "Call again.")
                .mayGoAway(),
            arguments,
            -1,
            "");
      }
      case DIED -> new ProcessRunner.Result(137, output.stdout(), output.stderr());
      case EXITED ->
          new ProcessRunner.Result(
              output.exit(),
              answer.of(arguments, output.text()).getBytes(StandardCharsets.UTF_8),
              output.stderr());
    };
  }

  @Override
  public Instant now() {
    return Instant.EPOCH.plusNanos(nanos);
  }

  @Override
  public long nanos() {
    return nanos;
  }

  @Override
  public void pause(Duration time) throws InterruptedException {
    nanos += time.toNanos();
    try {
      machine.pass(time);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }
}
