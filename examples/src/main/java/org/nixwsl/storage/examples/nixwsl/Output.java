package org.nixwsl.storage.examples.nixwsl;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.store.StoreFinding;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * The option {@code --json} of every command, and how results are shown. JSON is one object, names
 * in camelCase, bytes and milliseconds as integers.
 */
final class Output {
  @Option(names = "--json", description = "Print one JSON object and nothing else.")
  private boolean json;

  @Spec(Spec.Target.MIXEE)
  private @Nullable CommandSpec command;

  Output() {}

  /** Prints the object, or what the other argument prints for people. */
  void print(Map<String, Object> object, Consumer<PrintWriter> text) {
    PrintWriter out = out();
    if (json) {
      out.println(json(object));
    } else {
      text.accept(out);
    }
    out.flush();
  }

  /** Where results go. */
  PrintWriter out() {
    return Objects.requireNonNull(command).commandLine().getOut();
  }

  /** Prints a line for people before the result; nothing when the result is JSON. */
  void note(String line) {
    if (!json) {
      out().println(line);
      out().flush();
    }
  }

  /** Options that show a bar on a terminal. */
  RunOptions following() {
    return json ? RunOptions.ofDefaults() : ProgressView.onTerminal();
  }

  /** A JSON object of names and values that follow each other. */
  static String json(Object... namesAndValues) {
    return json(object(namesAndValues));
  }

  /** A map of names and values that follow each other, in that order. */
  static Map<String, Object> object(Object... namesAndValues) {
    Map<String, Object> object = new LinkedHashMap<>();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      object.put((String) namesAndValues[i], namesAndValues[i + 1]);
    }
    return object;
  }

  /** The findings as JSON. */
  static List<Map<String, Object>> findings(List<StoreFinding> findings) {
    return findings.stream()
        .map(f -> object("path", f.path(), "verdict", camel(f.verdict()), "detail", f.detail()))
        .toList();
  }

  /** The findings for people, one line each. */
  static void print(PrintWriter out, List<StoreFinding> findings) {
    findings.forEach(
        f -> out.println(camel(f.verdict()) + "  " + f.path() + "\n    " + f.detail()));
  }

  /** A constant in camelCase: {@code NOT_PRESENT} is {@code notPresent}. */
  static String camel(Enum<?> constant) {
    StringBuilder out = new StringBuilder();
    for (String word : constant.name().toLowerCase(Locale.ROOT).split("_", -1)) {
      out.append(
          out.isEmpty() ? word : word.substring(0, 1).toUpperCase(Locale.ROOT) + word.substring(1));
    }
    return out.toString();
  }

  /** A time for people: {@code 0.42 s}, {@code 3 min 12 s}. */
  static String time(Duration duration) {
    return duration.compareTo(Duration.ofMinutes(2)) < 0
        ? String.format(Locale.ROOT, "%.2f s", duration.toMillis() / 1000.0)
        : duration.toMinutes() + " min " + duration.toSecondsPart() + " s";
  }

  private static String json(Map<String, Object> object) {
    try {
      return JSON.std.asString(object);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
