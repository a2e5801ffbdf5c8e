package org.nixwsl.storage.examples.nixwsl;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;
import picocli.CommandLine;

/**
 * One run of {@code nixwsl} in this process.
 *
 * @param exitCode its exit status
 * @param out what it printed on standard output
 * @param err what it printed on standard error
 */
record Cli(int exitCode, String out, String err) {
  static Cli run(Object... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine commandLine =
        NixWsl.commandLine().setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
    String[] words = new String[arguments.length];
    for (int i = 0; i < words.length; i++) {
      words[i] = arguments[i].toString();
    }
    int exitCode = commandLine.execute(words);
    return new Cli(exitCode, out.toString(), err.toString());
  }

  /** Where the classes of nixwsl are, for starting it as a process of its own. */
  static List<Path> classPath() {
    return Stream.of(System.getProperty("java.class.path").split(":", -1))
        .filter(entry -> !entry.isEmpty())
        .map(Path::of)
        .toList();
  }

  /** A run in a process of its own, with a simulator in the place of {@code wsl.exe}. */
  static Cli behind(SimulatedWsl wsl, Object... arguments) {
    List<String> argv =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-cp",
                classPath().stream().map(Path::toString).collect(Collectors.joining(":")),
                NixWsl.class.getName()));
    for (Object argument : arguments) {
      argv.add(argument.toString());
    }
    Command command =
        Command.of(argv)
            .with("NIXWSL_WSL", wsl.executable().toString())
            .with("NIXWSL_SCHTASKS", wsl.schtasks().toString())
            .with("LOCALAPPDATA", wsl.folder().resolve("local").toString())
            .with("USERNAME", "sam")
            .with("USERDOMAIN", "PC")
            .within(Duration.ofMinutes(3));
    ProcessRunner.Result result =
        Operation.quiet("nixwsl", operation -> new ProcessRunner().run(command, operation));
    return new Cli(
        result.exitCode(), result.text(), new String(result.stderr(), StandardCharsets.UTF_8));
  }

  Map<String, Object> json() {
    return parse(out);
  }

  Map<String, Object> error() {
    return parse(err);
  }

  private static Map<String, Object> parse(String text) {
    try {
      return JSON.std.mapFrom(text);
    } catch (IOException e) {
      throw new UncheckedIOException("not JSON: " + text, e);
    }
  }
}
