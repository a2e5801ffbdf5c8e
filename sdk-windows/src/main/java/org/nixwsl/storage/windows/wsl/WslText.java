package org.nixwsl.storage.windows.wsl;

import java.nio.charset.StandardCharsets;

/**
 * Turns the bytes of {@code wsl.exe} into text. Its own messages are UTF-16LE without a byte order
 * mark (UTF-8 where it heeds {@code WSL_UTF8=1}); what a Linux program prints is passed through as
 * it is, and both can stand in one stream. So each line is read in the encoding that makes the
 * stream as a whole the more likely one: NULs and control characters are unlikely in UTF-8, and
 * unassigned characters, half surrogate pairs and letters that look like two ASCII ones in UTF-16.
 *
 * <p>Wrong where the other reading is the cleaner one: a last line of UTF-16 that is not ended and
 * whose bytes are UTF-8 too ({@code wsl.exe} ends its lines), or a Linux program that separates its
 * output by NULs (scripts of the SDK do not).
 */
public final class WslText {
  /** What is longer than this is the output of a program and not looked at line by line. */
  private static final int LOOKED_AT = 1 << 20;

  private static final int NUL = 100;
  private static final int ODD = 50;
  private static final int TWO_ASCII_WITH_LINE_FEED = 10;
  private static final int TWO_ASCII = 1;

  private final byte[] bytes;
  private final int length;

  /** {@code narrow[i]}: how unlikely the first i bytes are as UTF-8. */
  private final int[] narrow;

  /** {@code wide[i]}: how unlikely as UTF-16LE, counting every second unit back from i. */
  private final int[] wide;

  private WslText(byte[] bytes, int length) {
    this.bytes = bytes;
    this.length = length;
    this.narrow = new int[length + 1];
    this.wide = new int[length + 1];
  }

  /** The text; line ends stay as they are, a byte order mark at the beginning goes. */
  public static String decode(byte[] bytes) {
    int length = Math.min(bytes.length, LOOKED_AT);
    boolean plain = true;
    for (int i = 0; plain && i < length; i++) {
      plain = bytes[i] != 0;
    }
    StringBuilder out = new StringBuilder(bytes.length);
    if (plain && !endsAsWide(bytes, length)) {
      length = 0;
    } else {
      new WslText(bytes, length).lines(out);
    }
    out.append(new String(bytes, length, bytes.length - length, StandardCharsets.UTF_8));
    if (out.length() > 0 && out.charAt(0) == '\uFEFF') {
      out.deleteCharAt(0);
    }
    return out.toString();
  }

  /** Without any NUL a stream is UTF-8, save for a byte order mark that says otherwise. */
  private static boolean endsAsWide(byte[] bytes, int length) {
    return length >= 2 && (bytes[0] & 0xff) == 0xff && (bytes[1] & 0xff) == 0xfe;
  }

  private void lines(StringBuilder out) {
    weigh();
    int[] best = new int[length + 1];
    boolean[] isWide = new boolean[length + 1];
    int[] wideEnds = new int[length + 2];
    int narrowEnd = length;
    wideEnds[length] = length;
    wideEnds[length + 1] = length;
    for (int i = length - 1; i >= 0; i--) {
      if (bytes[i] == '\n') {
        narrowEnd = i + 1;
      }
      wideEnds[i] = i + 1 < length && unit(i) == '\n' ? i + 2 : wideEnds[i + 2];
      int end = wideEnds[i];
      int even = end - ((end - i) & 1);
      int asWide = wide[even] - wide[i] + (even == end ? 0 : ODD) + best[end];
      int asNarrow = narrow[narrowEnd] - narrow[i] + best[narrowEnd];
      isWide[i] = asWide < asNarrow;
      best[i] = Math.min(asWide, asNarrow);
    }
    for (int at = 0; at < length; ) {
      int end = isWide[at] ? wideEnds[at] : afterLineFeed(at);
      out.append(
          new String(
              bytes,
              at,
              end - at,
              isWide[at] ? StandardCharsets.UTF_16LE : StandardCharsets.UTF_8));
      at = end;
    }
  }

  private int afterLineFeed(int at) {
    int end = at;
    while (end < length && bytes[end] != '\n') {
      end++;
    }
    return Math.min(length, end + 1);
  }

  private void weigh() {
    for (int i = 0; i < length; ) {
      int size = utf8Size(i);
      int cost = size == 0 ? ODD : bytes[i] == 0 ? NUL : control(bytes[i]) ? ODD : 0;
      for (int end = i + Math.max(1, size); i < end; i++) {
        narrow[i + 1] = narrow[i] + cost;
        cost = 0;
      }
    }
    for (int i = 2; i <= length; i++) {
      wide[i] = wide[i - 2] + wideCost(i - 2);
    }
  }

  private int wideCost(int at) {
    char unit = unit(at);
    if (Character.isHighSurrogate(unit)) {
      return at + 3 < length && Character.isLowSurrogate(unit(at + 2)) ? 0 : ODD;
    }
    if (Character.isLowSurrogate(unit)) {
      return at >= 2 && Character.isHighSurrogate(unit(at - 2)) ? 0 : ODD;
    }
    int type = Character.getType(unit);
    if (type == Character.UNASSIGNED || type == Character.PRIVATE_USE) {
      return ODD;
    }
    if (unit < 0x100) {
      return unit == 0 ? NUL : unit < 0x80 && control((byte) unit) ? ODD : 0;
    }
    boolean twoAscii = ascii(bytes[at]) && ascii(bytes[at + 1]);
    boolean lineFeed = bytes[at] == '\n' || bytes[at + 1] == '\n';
    return lineFeed ? TWO_ASCII_WITH_LINE_FEED : twoAscii ? TWO_ASCII : 0;
  }

  private char unit(int at) {
    return (char) ((bytes[at] & 0xff) | ((bytes[at + 1] & 0xff) << 8));
  }

  /** The number of bytes of the UTF-8 character at a place, or 0 if there is none. */
  private int utf8Size(int at) {
    int first = bytes[at] & 0xff;
    int size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first > 0xf4 || at + size > length) {
      return 0;
    }
    for (int i = 1; i < size; i++) {
      if ((bytes[at + i] & 0xc0) != 0x80) {
        return 0;
      }
    }
    return size;
  }

  private static boolean control(byte b) {
    return (b >= 0 && b < 0x20 && "\t\n\r\b\f\u001b".indexOf(b) < 0) || b == 0x7f;
  }

  private static boolean ascii(byte b) {
    return b > 0 && !control(b);
  }
}
