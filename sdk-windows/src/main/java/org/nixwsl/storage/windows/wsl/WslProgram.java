package org.nixwsl.storage.windows.wsl;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.process.RunningProcess;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;

/**
 * {@code wsl.exe}, or a program in its place, as a process for each call.
 *
 * @param processes starts it
 * @param program a path, or a name to be found on the system path
 */
record WslProgram(ProcessRunner processes, String program) implements WslRunner {
  @Override
  public ProcessRunner.Result run(
      List<String> arguments, byte[] input, Duration limit, Operation operation)
      throws IOException, InterruptedException {
    Command command = command(arguments).reading(input).within(limit);
    try {
      return processes.run(command, operation);
    } catch (EnvironmentException e) {
      throw told(e);
    }
  }

  @Override
  public RunningProcess start(List<String> arguments) {
    try {
      return processes.startTalking(command(arguments));
    } catch (EnvironmentException e) {
      throw told(e);
    }
  }

  private Command command(List<String> arguments) {
    return Command.of(Stream.concat(Stream.of(program), arguments.stream()).toList())
        .with("WSL_UTF8", "1");
  }

  private EnvironmentException told(EnvironmentException e) {
    return e.code() == ErrorCode.TOOL_MISSING
        ? new EnvironmentException(
            Problem.of(
                ErrorCode.WSL_NOT_AVAILABLE,
                "Cannot start " + program + ".",
                "Install WSL with `wsl --install`."),
            e)
        : e;
  }
}
