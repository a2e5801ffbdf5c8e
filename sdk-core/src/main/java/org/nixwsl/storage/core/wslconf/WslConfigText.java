package org.nixwsl.storage.core.wslconf;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.config.WslConfigSettings;
import org.nixwsl.storage.core.escape.IniText;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;

/**
 * The bytes of a {@code .wslconfig}, read as WSL reads them (src/shared/configfile/configfile.cpp
 * of WSL 2.9): names without regard to case, the first value of a key counts, {@code #} begins a
 * comment, a backslash at the end of a value's line goes on in the next, a line that makes no sense
 * is skipped. Only the values that are set are replaced, each where it stands; a missing key comes
 * below the first heading of its section, where no later one can win over it.
 */
public final class WslConfigText {
  /** Far beyond any such file. */
  private static final int LARGEST = 1 << 20;

  private final byte[] text;
  private final Map<String, Range> values = new LinkedHashMap<>();
  private final Map<String, Integer> headingEnds = new LinkedHashMap<>();
  private String section = "";
  private int at;

  /** A part of the text. */
  private record Range(int from, int to) {}

  /** A replacement of a part of the text. */
  private record Edit(int from, int to, String with) {}

  private WslConfigText(byte[] text) {
    this.text = text;
  }

  /**
   * The text with the settings in it.
   *
   * @throws EnvironmentException {@code BAD_SETTING} if it is UTF-16 or too large
   */
  public static byte[] merge(byte[] present, WslConfigSettings settings) {
    if (present.length > LARGEST) {
      throw refused("is larger than 1 MiB");
    }
    for (byte b : present) {
      if (b == 0) {
        throw refused("is UTF-16, or no text");
      }
    }
    WslConfigText text = new WslConfigText(present);
    text.parse();
    List<Edit> edits = new ArrayList<>();
    Map<String, String> missing = new LinkedHashMap<>();
    settings.vmIdleTimeout().ifPresent(t -> text.set("wsl2", "vmIdleTimeout", t, edits, missing));
    settings
        .instanceIdleTimeout()
        .ifPresent(t -> text.set("general", "instanceIdleTimeout", t, edits, missing));
    missing.forEach((name, line) -> text.addBelowHeading(name, line, edits));
    missing.forEach((name, line) -> text.addSection(name, line, edits));
    return text.with(edits);
  }

  private void set(
      String inSection, String key, Duration time, List<Edit> edits, Map<String, String> missing) {
    String value = IniText.value(Long.toString(time.toMillis()));
    @Nullable Range range = values.get(lower(inSection + "." + key));
    if (range == null) {
      missing.put(inSection, key + "=" + value);
    } else {
      edits.add(new Edit(range.from(), range.to(), value));
    }
  }

  private void addBelowHeading(String inSection, String line, List<Edit> edits) {
    String end = lineEnd();
    @Nullable Integer heading = headingEnds.get(lower(inSection));
    if (heading != null) {
      boolean closed = heading > 0 && text[heading - 1] == '\n';
      edits.add(new Edit(heading, heading, closed ? line + end : end + line + end));
    }
  }

  private void addSection(String inSection, String line, List<Edit> edits) {
    if (!headingEnds.containsKey(lower(inSection))) {
      String end = lineEnd();
      boolean first = edits.stream().noneMatch(e -> e.from() == text.length);
      String block = "[" + inSection + "]" + end + line + end;
      edits.add(new Edit(text.length, text.length, (first ? toNewLine(end) : "") + block));
    }
  }

  /** What has to come before a new line at the end of the file. */
  private String toNewLine(String end) {
    if (text.length == bomLength() || text[text.length - 1] == '\n') {
      // A backslash before the last line end goes on with whatever comes next.
      int last = text.length - (text.length > 1 && text[text.length - 2] == '\r' ? 3 : 2);
      return last >= 0 && text[last] == '\\' ? end : "";
    }
    // After a backslash one line end would only go on with the line. That line, so far one that WSL
    // skips, makes sense to it then: no addition at the end could keep it from that.
    return text[text.length - 1] == '\\' ? end + end : end;
  }

  private byte[] with(List<Edit> edits) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(text.length + 100);
    int done = 0;
    // The sort is stable, so that additions at one place keep their order.
    for (Edit edit : edits.stream().sorted(Comparator.comparingInt(Edit::from)).toList()) {
      out.write(text, done, edit.from() - done);
      out.writeBytes(edit.with().getBytes(StandardCharsets.US_ASCII));
      done = edit.to();
    }
    out.write(text, done, text.length - done);
    return out.toByteArray();
  }

  private void parse() {
    at = bomLength();
    while (at < text.length) {
      skipBlanks();
      int c = peek();
      if (c == '[') {
        heading();
      } else if (letter(c)) {
        keyAndValue();
      } else if (c == '#') {
        skipToLineFeed();
      } else if (c == '\r' || c == '\n') {
        at++;
      } else if (c >= 0) {
        skipToLineFeed();
      }
    }
  }

  private void heading() {
    int start = ++at;
    skipAlphanumeric();
    String name = name(start);
    if (!letter(start < text.length ? text[start] : -1) || peek() != ']') {
      // What WSL takes the following keys for is not to be relied on.
      section = "?";
      skipToLineFeed();
      return;
    }
    at++;
    skipBlanks();
    int c = peek();
    if (c != '#' && c != '\r' && c != '\n' && c >= 0) {
      section = "?";
      skipToLineFeed();
      return;
    }
    if (c == '\r' && (at + 1 >= text.length || text[at + 1] != '\n')) {
      at++;
    } else {
      skipToLineFeed();
    }
    section = lower(name);
    headingEnds.putIfAbsent(section, at);
  }

  private void keyAndValue() {
    int start = at;
    skipAlphanumeric();
    String key = name(start);
    skipBlanks();
    if (peek() != '=') {
      skipToLineFeed();
      return;
    }
    at++;
    skipBlanks();
    Range value = value();
    values.putIfAbsent(lower(section + "." + key), value);
  }

  /** Reads to the end of a value; of one that makes no sense, to the end of its line. */
  private Range value() {
    int from = at;
    int trimmed = at;
    boolean quotes = false;
    for (int c = peek(); c >= 0 && c != '\n' && c != '\r'; c = peek()) {
      if (c == '#' && !quotes) {
        skipToLineFeed();
        return new Range(from, trimmed);
      }
      quotes ^= c == '"';
      at++;
      if (c == '\\' && !escape()) {
        int end = at;
        while (end < text.length && text[end] != '\n' && text[end] != '\r') {
          end++;
        }
        at = end;
        return new Range(from, end);
      }
      if (c != ' ' && c != '\t') {
        trimmed = at;
      }
    }
    return new Range(from, trimmed);
  }

  private boolean escape() {
    int c = peek();
    if (c == '\r' && at + 1 < text.length && text[at + 1] == '\n') {
      at += 2;
      return true;
    }
    if (c >= 0 && "\\\"bnt\n".indexOf(c) >= 0) {
      at++;
      return true;
    }
    return false;
  }

  private void skipToLineFeed() {
    while (at < text.length && text[at] != '\n') {
      at++;
    }
    at = Math.min(at + 1, text.length);
  }

  private void skipBlanks() {
    while (peek() == ' ' || peek() == '\t') {
      at++;
    }
  }

  private void skipAlphanumeric() {
    while (letter(peek()) || (peek() >= '0' && peek() <= '9')) {
      at++;
    }
  }

  private String name(int start) {
    return new String(text, start, at - start, StandardCharsets.US_ASCII);
  }

  private int peek() {
    return at < text.length ? text[at] & 0xff : -1;
  }

  /** The line end that the file begins with; that of Windows, where such files are, if none. */
  private String lineEnd() {
    for (int i = 0; i < text.length; i++) {
      if (text[i] == '\n') {
        return i > 0 && text[i - 1] == '\r' ? "\r\n" : "\n";
      }
    }
    return "\r\n";
  }

  private int bomLength() {
    boolean bom =
        text.length >= 3
            && (text[0] & 0xff) == 0xef
            && (text[1] & 0xff) == 0xbb
            && (text[2] & 0xff) == 0xbf;
    return bom ? 3 : 0;
  }

  private static boolean letter(int c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }

  private static String lower(String name) {
    return name.toLowerCase(Locale.ROOT);
  }

  private static EnvironmentException refused(String why) {
    return new EnvironmentException(
        Problem.of(
            ErrorCode.BAD_SETTING,
            "The .wslconfig " + why + ".",
            "Save it as UTF-8 text and call again."));
  }
}
