package org.nixwsl.storage.core.escape;

import java.util.Arrays;

/**
 * Text as a string literal of the Nix language, in both of its forms. Either is an expression that
 * evaluates to exactly the text (Nix manual, "String literals"), in every version of Nix: what has
 * changed between versions, such as the part that escapes play in the indentation, is avoided.
 */
public final class NixText {
  private NixText() {}

  /**
   * The form for one line: {@code "..."}, with line ends as escapes.
   *
   * @throws IllegalArgumentException if the text holds a NUL, which Nix strings cannot, or half a
   *     surrogate pair
   */
  public static String quoted(String text) {
    Literals.requireText("Nix", text);
    StringBuilder out = new StringBuilder(text.length() + 2).append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"', '\\' -> out.append('\\').append(c);
        case '\n' -> out.append("\\n");
        // Nix reads a carriage return in a source file as a line feed.
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        case '$' -> out.append(opensInterpolation(text, i) ? "\\$" : "$");
        default -> out.append(c);
      }
    }
    return out.append('"').toString();
  }

  /**
   * The form for scripts: {@code ''...''} with each line of the text on a line of its own.
   *
   * @param margin how far the lines are indented, in spaces; Nix takes that away again
   * @throws IllegalArgumentException as for {@link #quoted}, or if the margin is negative
   */
  public static String indented(String text, int margin) {
    Literals.requireText("Nix", text);
    if (text.isEmpty()) {
      return "''''";
    }
    String pad = " ".repeat(margin);
    StringBuilder out = new StringBuilder(text.length() + text.length() / 4).append("''\n");
    String[] lines = text.split("\n", -1);
    // Nix takes from each line what the least indented one has, blank ones not counted.
    boolean marginShown =
        Arrays.stream(lines).anyMatch(line -> !line.isEmpty() && line.charAt(0) != ' ');
    for (int i = 0; i < lines.length; i++) {
      String line = lines[i];
      boolean last = i == lines.length - 1;
      if (!line.isEmpty()) {
        out.append(pad);
        // A last line of nothing but spaces would not be part of the value.
        if (!marginShown || (last && line.isBlank())) {
          out.append("${\"\"}");
          marginShown = true;
        }
        indentedLine(line, out);
      }
      if (!last) {
        out.append('\n');
      } else if (line.isEmpty()) {
        out.append(" ".repeat(Math.max(0, margin - 2)));
      }
    }
    return out.append("''").toString();
  }

  private static void indentedLine(String line, StringBuilder out) {
    for (int i = 0; i < line.length(); i++) {
      char c = line.charAt(i);
      if (c == '\'' && i + 1 < line.length() && line.charAt(i + 1) == '\'') {
        out.append("'''");
        i++;
      } else if (c == '\'' && (i + 1 == line.length() || "$\r".indexOf(line.charAt(i + 1)) >= 0)) {
        // Alone it would run together with the quotes of an escape, or with the closing ones.
        out.append("''\\'");
      } else if (c == '\r') {
        out.append("''\\r");
      } else if (c == '$' && opensInterpolation(line, i)) {
        out.append("''$");
      } else {
        out.append(c);
      }
    }
  }

  private static boolean opensInterpolation(String text, int dollar) {
    return dollar + 1 < text.length() && text.charAt(dollar + 1) == '{';
  }
}
