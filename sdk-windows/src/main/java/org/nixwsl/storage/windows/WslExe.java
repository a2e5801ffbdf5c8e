package org.nixwsl.storage.windows;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.mount.MountName;

/**
 * The command line of {@code wsl.exe}, and the only code that knows it. Each call starts one
 * process. Thread-safe.
 *
 * <p>Scripts are fed through standard input and never stand on the command line, where quotes
 * within quotes do not survive Windows. They must not end with the statuses 67 and 87: wsl.exe
 * takes these for errors of its own.
 */
final class WslExe {
  /**
   * wsl.exe itself tries for 60 s to reach its service, the start of the virtual machine takes up
   * to 60 s (distributionStartTimeout), and a device may take 15 s to appear.
   */
  private static final Duration LIMIT = Duration.ofMinutes(3);

  private static final Pattern VERSION = Pattern.compile("\\d+(?:\\.\\d+)+");

  private final ProcessRunner processes;
  private final String program;

  /**
   * Knows where the program is.
   *
   * @param program a path, or a name to be found on the system path
   */
  WslExe(ProcessRunner processes, String program) {
    this.processes = processes;
    this.program = program;
  }

  /** All instances of this Windows user; empty if there is none. */
  List<WslDistribution> list(Operation operation) throws IOException, InterruptedException {
    WslAnswer answer = call(operation, "--list", "--verbose");
    if (answer.wslFailed() && answer.report().isEmpty()) {
      // The only failure of a list without a code: there is nothing to list.
      return List.of();
    }
    return WslDistribution.parse(require(answer, "Cannot list the WSL instances").stdout());
  }

  /** The names of the instances that run. */
  List<String> running(Operation operation) throws IOException, InterruptedException {
    WslAnswer answer = call(operation, "--list", "--running", "--quiet");
    return require(answer, "Cannot list the running WSL instances")
        .stdout()
        .lines()
        .map(String::strip)
        .filter(line -> !line.isEmpty())
        .map(WslDistribution::requireName)
        .toList();
  }

  /**
   * The version of WSL, such as {@code 2.6.1.0}.
   *
   * @throws EnvironmentException {@code WSL_NOT_AVAILABLE} if it is the one that came with Windows,
   *     which cannot tell and cannot mount a VHDX under a name
   */
  String version(Operation operation) throws IOException, InterruptedException {
    WslAnswer answer = call(operation, "--version");
    Matcher number = VERSION.matcher(answer.stdout());
    if (!answer.ok() || !number.find()) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.WSL_NOT_AVAILABLE,
              "This WSL does not tell its version, so that it is the one that came with Windows.",
              "Update it with `wsl --update`."));
    }
    return number.group();
  }

  /**
   * Attaches a VHDX and mounts it for all instances below WSL's share. The answer has to be judged:
   * 0 is done, 1 is attached but not mounted.
   *
   * @param path the final path, see {@link WindowsPath}
   * @param type the file system, such as {@code ext4}; WSL would guess one that is not named
   */
  WslAnswer mountVhd(String path, MountName name, String type, Operation operation)
      throws IOException, InterruptedException {
    return call(operation, "--mount", path, "--vhd", "--name", name.value(), "--type", type);
  }

  /**
   * Unmounts and detaches one disk. The answer has to be judged. There is no call without a path:
   * that would detach the disks of other programs as well.
   */
  WslAnswer unmount(String path, Operation operation) throws IOException, InterruptedException {
    if (path.isBlank()) {
      throw new IllegalArgumentException("A path is needed: without one all disks are detached");
    }
    return call(operation, "--unmount", path);
  }

  /** Stops an instance; does nothing where it does not run. */
  void terminate(String distribution, Operation operation)
      throws IOException, InterruptedException {
    WslAnswer answer = call(operation, "--terminate", WslDistribution.requireName(distribution));
    require(answer, "Cannot stop the WSL instance " + distribution);
  }

  /**
   * Runs a script of POSIX sh as root in an instance, which is started for that if it does not run.
   * No profile is read: the script sets its own PATH.
   *
   * @return what the script printed and its status, which may be any but 67 and 87
   */
  WslAnswer exec(String distribution, String script, Operation operation)
      throws IOException, InterruptedException {
    Command command =
        command(
                "-d",
                WslDistribution.requireName(distribution),
                "-u",
                "root",
                "--exec",
                "/bin/sh",
                "-s")
            .reading(script.getBytes(StandardCharsets.UTF_8));
    WslAnswer answer = run(command, operation);
    if (answer.report().isPresent()) {
      throw answer.failure("Cannot run a command in the WSL instance " + distribution);
    }
    return answer;
  }

  private WslAnswer call(Operation operation, String... arguments)
      throws IOException, InterruptedException {
    return run(command(arguments), operation);
  }

  private Command command(String... arguments) {
    List<String> argv = new ArrayList<>(List.of(program));
    argv.addAll(List.of(arguments));
    return Command.of(argv).with("WSL_UTF8", "1").within(LIMIT);
  }

  private WslAnswer run(Command command, Operation operation)
      throws IOException, InterruptedException {
    try {
      ProcessRunner.Result result = processes.run(command, operation);
      return new WslAnswer(
          command.argv(),
          result.exitCode(),
          WslText.decode(result.stdout()),
          WslText.decode(result.stderr()));
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
  }

  private static WslAnswer require(WslAnswer answer, String what) {
    if (!answer.ok()) {
      throw answer.failure(what);
    }
    return answer;
  }
}
