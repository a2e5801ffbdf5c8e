package org.nixwsl.storage.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.nixwsl.storage.core.escape.ShText;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;

/**
 * One way to do the work that is measured.
 *
 * @param name its name in the table
 * @param ours whether it is the SDK
 * @param told the exact commands, or what is called, for whoever wants to repeat it
 * @param missing the program that it needs and that is not installed, if one is missing
 * @param work does the work once; this is what is timed
 */
record Contestant(
    String name, boolean ours, String told, Optional<String> missing, Operation.Action work) {
  private static final Duration LIMIT = Duration.ofHours(2);

  /** What no shell gives a meaning to. */
  private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9_./:+=-]+");

  /** A rival: programs that run one after another and have to succeed. */
  static Contestant rival(String name, Command... commands) {
    return processes(name, false, List.of(commands));
  }

  /** The SDK as a user runs it: a JVM that starts, runs one nixwsl command, and ends. */
  static Contestant nixwsl(String name, List<String> arguments, Command... after) {
    return nixwsl(name, Path.of(System.getProperty("java.home")), arguments, after);
  }

  /** The same on another JDK than the one that measures. */
  static Contestant nixwsl(String name, Path javaHome, List<String> arguments, Command... after) {
    List<Command> all = new ArrayList<>(List.of(nixwsl(javaHome, arguments)));
    all.addAll(List.of(after));
    return processes(name, true, all);
  }

  /** One nixwsl command as {@code ./dev cli} starts it. */
  static Command nixwsl(Path javaHome, List<String> arguments) {
    List<String> java =
        new ArrayList<>(
            List.of(
                javaHome.resolve("bin").resolve("java").toString(),
                "-XX:+UseSerialGC",
                "-XX:FreqInlineSize=100",
                "-Xshare:auto",
                "-cp",
                System.getProperty("java.class.path"),
                "org.nixwsl.storage.examples.nixwsl.NixWsl"));
    java.addAll(arguments);
    return Command.of(java);
  }

  /** The SDK called inside this process. */
  static Contestant inProcess(String name, String told, Operation.Action work) {
    return new Contestant(name, true, told, Optional.empty(), work);
  }

  private static Contestant processes(String name, boolean ours, List<Command> commands) {
    ProcessRunner runner = new ProcessRunner();
    List<Command> limited = commands.stream().map(command -> command.within(LIMIT)).toList();
    return new Contestant(
        name,
        ours,
        limited.stream().map(Contestant::told).collect(Collectors.joining(" && ")),
        limited.stream()
            .map(command -> command.argv().get(0))
            .filter(program -> !installed(program))
            .findFirst(),
        operation -> {
          for (Command command : limited) {
            runner.runOk(command, operation);
          }
        });
  }

  /** As a shell takes it. */
  private static String told(Command command) {
    Map<String, String> variables = new TreeMap<>(command.environment());
    variables.remove("LC_ALL");
    return Stream.concat(
            variables.entrySet().stream()
                .map(variable -> variable.getKey() + "=" + word(variable.getValue())),
            command.argv().stream().map(Contestant::word))
        .collect(Collectors.joining(" "));
  }

  private static String word(String text) {
    return PLAIN.matcher(text).matches() ? text : ShText.quoted(text);
  }

  /** Whether a program is on PATH, or is there when it is named with its directory. */
  private static boolean installed(String program) {
    return Stream.of(Optional.ofNullable(System.getenv("PATH")).orElse("").split(":", -1))
        .anyMatch(folder -> Files.isExecutable(Path.of(folder).resolve(program)));
  }

  /** Does the work once. */
  void run(Operation operation) throws IOException, InterruptedException {
    work.run(operation);
  }
}
