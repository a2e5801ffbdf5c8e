package org.nixwsl.storage.windows.wsl;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.process.RunningProcess;
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
   * Makes a call that is talked with while it runs; whoever starts it closes it.
   *
   * @param arguments without the program
   * @throws EnvironmentException {@code WSL_NOT_AVAILABLE} if there is no program, {@code
   *     UNSUPPORTED_PLATFORM} from a runner that knows only whole calls
   */
  default RunningProcess start(List<String> arguments) {
    throw new EnvironmentException(
        Problem.of(
            ErrorCode.UNSUPPORTED_PLATFORM,
            "What stands in the place of wsl.exe here cannot keep a program running.",
            "Let a program stand there."));
  }

  /**
   * Starts a process for each call.
   *
   * @param program a path, or a name to be found on the system path
   */
  static WslRunner ofProgram(ProcessRunner processes, String program) {
    return new WslProgram(processes, program);
  }
}
