package org.nixwsl.storage.windows.wsl;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;

/** Calls {@code wsl.exe}, or what stands in its place. Implementations are thread-safe. */
@FunctionalInterface
public interface WslRunner {
  /**
   * Makes one call.
   *
   * @param arguments without the program
   * @param input what the call reads on standard input, which is closed after that
   * @param limit how long it may take before it is killed with its children
   * @throws EnvironmentException {@code WSL_NOT_AVAILABLE} if there is no program
   */
  ProcessRunner.Result run(
      List<String> arguments, byte[] input, Duration limit, Operation operation)
      throws IOException, InterruptedException;

  /**
   * Starts a process for each call.
   *
   * @param program a path, or a name to be found on the system path
   */
  static WslRunner ofProgram(ProcessRunner processes, String program) {
    return (arguments, input, limit, operation) -> {
      List<String> argv = new ArrayList<>(List.of(program));
      argv.addAll(arguments);
      try {
        return processes.run(
            Command.of(argv).with("WSL_UTF8", "1").reading(input).within(limit), operation);
      } catch (EnvironmentException e) {
        if (e.code() != ErrorCode.TOOL_MISSING) {
          throw e;
        }
        throw new EnvironmentException(
            Problem.of(
                ErrorCode.WSL_NOT_AVAILABLE,
                "Cannot start " + program + ".",
                "Install WSL with `wsl --install`."),
            e);
      }
    };
  }
}
