package org.nixwsl.storage.core.nar;

import java.util.Arrays;

/**
 * Nix's own base 32: no {@code e o t u}, five bits a digit, bits counted from the lowest of the
 * first byte, and the digits written from the last to the first.
 */
public final class NixBase32 {
  private static final String ALPHABET = "0123456789abcdfghijklmnpqrsvwxyz";
  private static final byte[] VALUES = new byte[128];

  static {
    Arrays.fill(VALUES, (byte) -1);
    for (int i = 0; i < ALPHABET.length(); i++) {
      VALUES[ALPHABET.charAt(i)] = (byte) i;
    }
  }

  private NixBase32() {}

  /** How many digits so many bytes take: 52 for a SHA-256, 32 for the hash part of a path. */
  public static int length(int bytes) {
    return (bytes * 8 + 4) / 5;
  }

  /** Whether the character is a digit of this base. */
  public static boolean isDigit(char c) {
    return c < VALUES.length && VALUES[c] >= 0;
  }

  /** Writes bytes as digits. */
  public static String encode(byte[] bytes) {
    int digits = length(bytes.length);
    StringBuilder out = new StringBuilder(digits);
    for (int digit = digits - 1; digit >= 0; digit--) {
      int bit = digit * 5;
      int at = bit / 8;
      int low = (bytes[at] & 0xff) >>> (bit % 8);
      int high = at + 1 < bytes.length ? (bytes[at + 1] & 0xff) << (8 - bit % 8) : 0;
      out.append(ALPHABET.charAt((low | high) & 31));
    }
    return out.toString();
  }

  /**
   * Reads digits.
   *
   * @param bytes how many bytes they stand for
   * @throws IllegalArgumentException if there are more or fewer digits than that, a character is
   *     none, or bits are set that no byte holds
   */
  public static byte[] decode(String digits, int bytes) {
    if (digits.length() != length(bytes)) {
      throw new IllegalArgumentException(
          digits.length() + " digits instead of " + length(bytes) + " in base 32");
    }
    byte[] out = new byte[bytes];
    for (int i = 0; i < digits.length(); i++) {
      char c = digits.charAt(digits.length() - 1 - i);
      if (!isDigit(c)) {
        throw new IllegalArgumentException("A character that is no digit of Nix's base 32");
      }
      int at = i * 5 / 8;
      int shifted = VALUES[c] << (i * 5 % 8);
      out[at] |= (byte) shifted;
      if (at + 1 < bytes) {
        out[at + 1] |= (byte) (shifted >>> 8);
      } else if (shifted >>> 8 != 0) {
        throw new IllegalArgumentException("Bits beyond the last byte in base 32");
      }
    }
    return out;
  }
}
