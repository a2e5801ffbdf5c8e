package org.nixwsl.storage.core.escape;

import java.util.List;
import java.util.stream.Collectors;

/**
 * Arguments as the command line of a Windows program: one text, which the program takes apart again
 * by the rules of {@code CommandLineToArgvW} and of the C runtime. These are the same for what is
 * written here. Not for {@code cmd.exe}, which has rules of its own.
 */
public final class WindowsArguments {
  private WindowsArguments() {}

  /**
   * The command line without the program.
   *
   * @throws IllegalArgumentException if an argument holds a NUL or half a surrogate pair
   */
  public static String joined(List<String> arguments) {
    return arguments.stream().map(WindowsArguments::quoted).collect(Collectors.joining(" "));
  }

  /**
   * One argument, always in quotes. A backslash is itself, save for those right before a quote: of
   * these two make one, and one more makes the quote a part of the argument.
   */
  private static String quoted(String argument) {
    Literals.requireText("a Windows command line", argument);
    StringBuilder out = new StringBuilder(argument.length() + 2).append('"');
    int backslashes = 0;
    for (int i = 0; i < argument.length(); i++) {
      char c = argument.charAt(i);
      if (c == '\\') {
        backslashes++;
        continue;
      }
      out.append("\\".repeat(c == '"' ? 2 * backslashes + 1 : backslashes)).append(c);
      backslashes = 0;
    }
    return out.append("\\".repeat(2 * backslashes)).append('"').toString();
  }
}
