package org.nixwsl.storage.disk;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A number of bytes.
 *
 * @param bytes 0 or more
 */
public record ByteSize(long bytes) implements Comparable<ByteSize> {
  private static final Pattern TEXT = Pattern.compile("(\\d{1,18})([KMGTP]?)(?:i?B)?");
  private static final String UNITS = "KMGTP";

  /** Refuses a negative number. */
  public ByteSize {
    if (bytes < 0) {
      throw new IllegalArgumentException("A size cannot be negative: " + bytes);
    }
  }

  /** So many bytes. */
  public static ByteSize ofBytes(long bytes) {
    return new ByteSize(bytes);
  }

  /** So many times 1024 x 1024 bytes. */
  public static ByteSize mebibytes(long count) {
    return new ByteSize(Math.multiplyExact(count, 1L << 20));
  }

  /** So many times 1024 x 1024 x 1024 bytes. */
  public static ByteSize gibibytes(long count) {
    return new ByteSize(Math.multiplyExact(count, 1L << 30));
  }

  /** So many times 1024 to the fourth bytes. */
  public static ByteSize tebibytes(long count) {
    return new ByteSize(Math.multiplyExact(count, 1L << 40));
  }

  /**
   * Reads a whole number with an optional unit {@code K M G T P}, each 1024 times the one before; a
   * following {@code B} or {@code iB} changes nothing. {@code "2T"} is two tebibytes.
   *
   * @throws IllegalArgumentException if the text is not of that form or too large
   */
  public static ByteSize parse(String text) {
    Matcher m = TEXT.matcher(text.strip().toUpperCase(Locale.ROOT).replace("IB", "iB"));
    if (!m.matches()) {
      throw new IllegalArgumentException(
          "Not a size: '" + text + "'. Write a whole number and a unit, such as 512M or 2T.");
    }
    int power = m.group(2).isEmpty() ? 0 : UNITS.indexOf(m.group(2)) + 1;
    try {
      return new ByteSize(Math.multiplyExact(Long.parseLong(m.group(1)), 1L << (10 * power)));
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException("Too large: '" + text + "'.", e);
    }
  }

  @Override
  public int compareTo(ByteSize other) {
    return Long.compare(bytes, other.bytes);
  }

  /** The size for people, with one decimal and a binary unit: {@code 1.4 GiB}. */
  public String display() {
    double value = bytes;
    int power = 0;
    while (value >= 1024 && power < UNITS.length()) {
      value /= 1024;
      power++;
    }
    return power == 0
        ? bytes + " B"
        : String.format(Locale.ROOT, "%.1f %ciB", value, UNITS.charAt(power - 1));
  }

  @Override
  public String toString() {
    return display();
  }
}
