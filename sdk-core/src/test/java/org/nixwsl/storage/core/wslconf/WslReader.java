package org.nixwsl.storage.core.wslconf;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What WSL reads from a file of settings: written for the tests after the behaviour of WSL 2.9's
 * reader and by other means than the editor, because WSL itself does not run here.
 */
public final class WslReader {
  private static final Pattern HEADING =
      Pattern.compile("\\[([A-Za-z][A-Za-z0-9]*)\\][ \t]*(?:#[^\n]*)?");
  private static final Pattern KEY = Pattern.compile("([A-Za-z][A-Za-z0-9]*)[ \t]*=[ \t]*(.*)");
  private static final Pattern PART =
      Pattern.compile("(?<quote>\")|\\\\(?<escape>[\\\\\"bnt])|(?<text>[^\"\\\\])");

  private final Map<String, String> values = new LinkedHashMap<>();

  private WslReader() {}

  /** The values by section and key, in lower case. */
  public Map<String, String> values() {
    return values;
  }

  /** Reads a text. */
  public static WslReader of(String file) {
    WslReader reader = new WslReader();
    String section = "";
    String text = file.startsWith("\uFEFF") ? file.substring(1) : file;
    String[] lines = text.replace("\r\n", "\n").split("\n", -1);
    for (int i = 0; i < lines.length; i++) {
      String line = lines[i].replaceFirst("^[ \t]+", "");
      if (line.startsWith("[")) {
        Matcher heading = HEADING.matcher(line);
        section = heading.matches() ? heading.group(1) : "?";
        continue;
      }
      Matcher key = KEY.matcher(line);
      if (!key.matches()) {
        continue;
      }
      StringBuilder value = new StringBuilder(key.group(2));
      while (continues(value) && i + 1 < lines.length) {
        value.setLength(value.length() - 1);
        value.append('\u0001').append(lines[++i]); // a place that was a line end
      }
      String read = read(value.toString());
      if (read != null) {
        reader.values.putIfAbsent((section + "." + key.group(1)).toLowerCase(Locale.ROOT), read);
      }
    }
    return reader;
  }

  /**
   * Whether a value ends in a backslash that counts: outside a comment, with all before it sane.
   */
  private static boolean continues(CharSequence value) {
    if (value.isEmpty() || value.charAt(value.length() - 1) != '\\') {
      return false;
    }
    @Nullable String whole = read(value.subSequence(0, value.length() - 1) + "\u0002");
    return whole == null ? openQuote(value) : whole.endsWith("\u0002");
  }

  private static boolean openQuote(CharSequence value) {
    String closed = read(value.subSequence(0, value.length() - 1) + "\u0002\"");
    return closed != null && closed.endsWith("\u0002");
  }

  /** The value without comment, quotes, escapes and blanks around; null if it makes no sense. */
  private static @org.jspecify.annotations.Nullable String read(String value) {
    StringBuilder out = new StringBuilder();
    int kept = 0;
    boolean quotes = false;
    Matcher part = PART.matcher(value);
    int at = 0;
    while (at < value.length()) {
      if (!part.region(at, value.length()).lookingAt()) {
        return null;
      }
      at = part.end();
      String text = part.group("text");
      String escape = part.group("escape");
      if (text != null && text.equals("#") && !quotes) {
        break;
      }
      if (part.group("quote") != null) {
        quotes = !quotes;
      } else if (escape != null) {
        out.append(
            switch (escape) {
              case "b" -> "\b";
              case "n" -> "\n";
              case "t" -> "\t";
              default -> escape;
            });
      } else if (!text.equals("\u0001")) {
        out.append(text);
      }
      if (text == null || !text.isBlank()) {
        kept = out.length();
      }
    }
    return quotes ? null : out.substring(0, kept);
  }
}
