package org.nixwsl.storage.core.escape;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;

/** The real readers of what the SDK quotes, and texts that are made to confuse them. */
public final class Interpreters {
  private static final String[] HOSTILE = {
    "'",
    "''",
    "'''",
    "\"",
    "\\",
    "$",
    "${",
    "$${",
    "}",
    "{",
    "''$",
    "''\\",
    "\\n",
    "\n",
    "\r",
    "\r\n",
    "\t",
    " ",
    "  ",
    "`",
    "$(",
    ")",
    "#",
    "/*",
    "*/",
    ";",
    "&",
    "|",
    "-",
    "a",
    "xy",
    "@in@",
    "é",
    "漢字",
    "\uD83D\uDE00",
    "\u0001",
    "\u007f",
    "\uFEFF"
  };

  private final Path scratch;

  public Interpreters(Path scratch) {
    this.scratch = scratch;
  }

  /**
   * Texts of up to twelve hostile pieces; the seed is printed so that a failure can be repeated.
   */
  public static List<String> hostileTexts(int count) {
    long seed = Long.getLong("nixwsl.seed", System.nanoTime());
    System.out.println("hostile texts: -Dnixwsl.seed=" + seed);
    Random random = new Random(seed);
    List<String> texts =
        new ArrayList<>(
            List.of(
                "",
                "plain",
                "two\nlines",
                "  a\n    b\n",
                " \n  x",
                "x\n  ",
                "  ",
                "  \n",
                "ends\n",
                "\n",
                "\n\n"));
    while (texts.size() < count) {
      StringBuilder text = new StringBuilder();
      for (int pieces = random.nextInt(12) + 1; pieces > 0; pieces--) {
        text.append(HOSTILE[random.nextInt(HOSTILE.length)]);
      }
      texts.add(text.toString());
    }
    return texts;
  }

  /** What Nix says a file evaluates to. */
  public Object evaluate(Path file) throws IOException {
    return JSON.std.anyFrom(
        run(nix("nix-instantiate", "--eval", "--strict", "--json", file.toString())).text());
  }

  /** What Nix says an expression evaluates to. */
  public Object evaluate(String expression) throws IOException {
    return evaluate(Files.writeString(scratch.resolve("expression.nix"), expression));
  }

  /** Whether Nix can parse a text; what it complains about is in the failure. */
  public void parses(String text) throws IOException {
    Path file = Files.writeString(scratch.resolve("parsed.nix"), text);
    run(nix("nix-instantiate", "--parse", file.toString()));
  }

  /** What a program that has to succeed prints. */
  public static ProcessRunner.Result run(Command command) {
    ProcessRunner.Result result =
        Operation.quiet("test", operation -> new ProcessRunner().run(command, operation));
    assertThat(result.exitCode()).as("%s: %s", command, result.allText()).isZero();
    return result;
  }

  /** Skips the test where a program is not installed. */
  public static void needs(String tool) {
    boolean there = false;
    for (String directory : System.getenv().getOrDefault("PATH", "").split(":", -1)) {
      there |= Files.isExecutable(Path.of(directory.isEmpty() ? "." : directory, tool));
    }
    assumeTrue(there, "skipped: " + tool + " is missing");
  }

  /** A script as standard input. */
  public static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** Keeps Nix away from the store and the settings of the machine. */
  private Command nix(String... argv) {
    Command command = Command.of(argv).with("HOME", scratch.toString());
    for (String kind : List.of("STORE", "STATE", "LOG", "CONF")) {
      command = command.with("NIX_" + kind + "_DIR", scratch.resolve(kind).toString());
    }
    return command.with("NIX_REMOTE", "").with("NIX_PATH", "");
  }
}
