package org.nixwsl.storage.examples.nixwsl;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
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
