package org.nixwsl.storage.core.escape;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Text in a unit file of systemd, and in the name of a unit (systemd.syntax(7), systemd.unit(5),
 * systemd.service(5), all of systemd 252).
 */
public final class SystemdText {
  private static final String PLAIN_IN_NAMES =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.";

  private SystemdText() {}

  /**
   * One argument after the program in {@code ExecStart=} and its like, with quotes.
   *
   * @throws IllegalArgumentException if the text holds a NUL, half a surrogate pair, or a code
   *     point that Unicode keeps for no character, which systemd takes for broken UTF-8
   */
  public static String argument(String text) {
    requireText(text);
    return quoted(text).replace("$", "$$");
  }

  /**
   * One assignment of {@code Environment=}, with quotes.
   *
   * @throws IllegalArgumentException as for {@link #argument}; if the name is none for a variable;
   *     or if the value holds a control character other than tab and line feed, which systemd drops
   *     with the assignment
   */
  public static String assignment(String name, String value) {
    requireText(value);
    if (!name.matches("[A-Za-z_][A-Za-z0-9_]*")) {
      throw new IllegalArgumentException("Not a name of a variable: " + name);
    }
    if (value.chars().anyMatch(c -> (c < ' ' && c != '\t' && c != '\n') || c == 0x7f)) {
      throw new IllegalArgumentException("A control character cannot be in systemd's environment");
    }
    return quoted(name + "=" + value);
  }

  /**
   * Text as a part of a unit's name, as {@code systemd-escape} makes it.
   *
   * @throws IllegalArgumentException if the text is empty, or as for {@link #argument}
   */
  public static String unitName(String text) {
    Literals.requireText("systemd", text);
    if (text.isEmpty()) {
      throw new IllegalArgumentException("An empty text is no part of a unit's name");
    }
    StringBuilder out = new StringBuilder(text.length());
    for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
      boolean leadingDot = b == '.' && out.isEmpty();
      if (b == '/') {
        out.append('-');
      } else if (PLAIN_IN_NAMES.indexOf(b) >= 0 && !leadingDot) {
        out.append((char) b);
      } else {
        out.append(String.format(Locale.ROOT, "\\x%02x", b & 0xff));
      }
    }
    return out.toString();
  }

  /**
   * The name of the unit of a mount point, without its suffix, as {@code systemd-escape --path}
   * makes it.
   *
   * @throws IllegalArgumentException if the path is not absolute or has {@code ..} in it, or as for
   *     {@link #argument}
   */
  public static String unitOfPath(String path) {
    List<String> parts = new ArrayList<>();
    for (String part : path.split("/", -1)) {
      if (part.equals("..")) {
        throw new IllegalArgumentException("A unit's path cannot go upward: " + path);
      }
      if (!part.isEmpty() && !part.equals(".")) {
        parts.add(part);
      }
    }
    if (!path.startsWith("/")) {
      throw new IllegalArgumentException("Not an absolute path: " + path);
    }
    return parts.isEmpty() ? "-" : unitName(String.join("/", parts));
  }

  private static void requireText(String text) {
    Literals.requireText("systemd", text);
    boolean noCharacter =
        text.codePoints().anyMatch(c -> (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef));
    if (noCharacter) {
      throw new IllegalArgumentException("A code point that is no character is not for systemd");
    }
  }

  /** Percent signs are doubled: they begin specifiers in nearly every setting. */
  private static String quoted(String text) {
    StringBuilder out = new StringBuilder(text.length() + 2).append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"', '\\' -> out.append('\\').append(c);
        case '\n' -> out.append("\\n");
        case '\t' -> out.append("\\t");
        case '%' -> out.append("%%");
        default -> {
          if (c < ' ' || c == 0x7f) {
            out.append(String.format(Locale.ROOT, "\\x%02x", (int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    return out.append('"').toString();
  }
}
