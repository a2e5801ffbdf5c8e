package org.nixwsl.storage.core.nixwire;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.nixwsl.storage.config.ConfigCheck.Outcome;
import org.nixwsl.storage.config.ConfigCheck.Step;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;

/** Nix and {@code nixos-rebuild}, as far as a configuration is looked at with them. */
final class NixTools {
  /** Fetching channels and evaluating can take long on a slow line; a hang is longer. */
  private static final Duration REBUILD_LIMIT = Duration.ofMinutes(30);

  private final ProcessRunner processes;
  private final List<Path> folders;

  /**
   * Tools found in these folders.
   *
   * @param folders in the order of search
   */
  NixTools(ProcessRunner processes, List<Path> folders) {
    this.processes = processes;
    this.folders = List.copyOf(folders);
  }

  /**
   * Tools on the path, and where NixOS has them: a command that {@code wsl.exe} starts gets no path
   * of a login shell.
   */
  static NixTools ofThisMachine(ProcessRunner processes) {
    String path = Optional.ofNullable(System.getenv("PATH")).orElse("");
    return new NixTools(
        processes,
        Stream.concat(
                Stream.of(path.split(":", -1)).filter(folder -> folder.startsWith("/")),
                Stream.of("/run/current-system/sw/bin"))
            .map(Path::of)
            .toList());
  }

  /**
   * Lets Nix parse a text. It comes on standard input, and no store is opened.
   *
   * @throws org.nixwsl.storage.error.EnvironmentException {@code TOOL_MISSING}
   */
  Step parse(String name, byte[] text, Operation operation)
      throws IOException, InterruptedException {
    return step(
        "parse " + name,
        Command.of(program("nix-instantiate").orElse("nix-instantiate"), "--parse", "-")
            .with("NIX_REMOTE", "dummy://")
            .reading(text),
        operation);
  }

  /** {@code nixos-rebuild dry-build} or another action that activates nothing. */
  Step rebuild(String action, ConfigDirectory directory, Operation operation)
      throws IOException, InterruptedException {
    String name = "nixos-rebuild " + action;
    Optional<String> program = program("nixos-rebuild");
    if (program.isEmpty()) {
      return new Step(name, Outcome.NOT_RUN, "nixos-rebuild is not installed here");
    }
    if (!isText(directory.path())) {
      return new Step(name, Outcome.NOT_RUN, "its argument cannot hold the directory's name");
    }
    List<String> what =
        directory.isFlake()
            ? List.of("--flake", directory.path().toString())
            : List.of("-I", "nixos-config=" + directory.configuration());
    List<String> argv = Stream.concat(Stream.of(program.get(), action), what.stream()).toList();
    return step(name, Command.of(argv).within(REBUILD_LIMIT), operation);
  }

  /**
   * What an expression evaluates to, which is a string of letters, digits, and {@code ._= }.
   *
   * @param configuration its argument of that name
   */
  ProcessRunner.Result evaluate(String expression, Path configuration, Operation operation)
      throws IOException, InterruptedException {
    return processes.run(
        Command.of(
                program("nix-instantiate").orElse("nix-instantiate"),
                "--eval",
                "--strict",
                "--argstr",
                "configuration",
                configuration.toString(),
                "-")
            .within(REBUILD_LIMIT)
            .reading(expression.getBytes(StandardCharsets.US_ASCII)),
        operation);
  }

  /** Whether a path goes through an argument unchanged. */
  static boolean isText(Path path) {
    return Path.of(path.toString()).equals(path);
  }

  private Step step(String name, Command command, Operation operation)
      throws IOException, InterruptedException {
    ProcessRunner.Result result = processes.run(command, operation);
    boolean passed = result.exitCode() == 0;
    return new Step(
        name,
        passed ? Outcome.PASSED : Outcome.FAILED,
        passed ? "" : ProcessRunner.failed(command, result).output().strip());
  }

  private Optional<String> program(String name) {
    return folders.stream()
        .map(folder -> folder.resolve(name))
        .filter(Files::isExecutable)
        .map(Path::toString)
        .findFirst();
  }
}
