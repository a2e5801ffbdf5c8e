package org.nixwsl.storage.core.nar;

import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;

/** The SHA-256 of a NAR. Immutable; equal when the 32 bytes are. */
public final class NarHash {
  /** The length of a SHA-256 in bytes. */
  public static final int BYTES = 32;

  private static final String ALGORITHM = "sha256";
  private static final int HEX_DIGITS = 2 * BYTES;
  private static final int BASE64_CHARACTERS = 44;

  private final byte[] bytes;

  private NarHash(byte[] bytes) {
    this.bytes = bytes;
  }

  /**
   * From its 32 bytes, which are copied.
   *
   * @throws IllegalArgumentException if there are not 32
   */
  public static NarHash of(byte[] bytes) {
    if (bytes.length != BYTES) {
      throw new IllegalArgumentException(bytes.length + " bytes are not a SHA-256");
    }
    return new NarHash(bytes.clone());
  }

  /**
   * Reads what any version of Nix wrote into a database: {@code sha256:} with hex, Nix base 32 or
   * base 64, told apart by their length, or {@code sha256-} with base 64.
   *
   * @throws IllegalArgumentException if it is none of these
   */
  public static NarHash parse(String text) {
    if (text.startsWith(ALGORITHM + "-")) {
      return base64(text.substring(ALGORITHM.length() + 1));
    }
    if (!text.startsWith(ALGORITHM + ":")) {
      throw new IllegalArgumentException("Not a SHA-256: it does not begin with sha256");
    }
    String digits = text.substring(ALGORITHM.length() + 1);
    if (digits.length() == HEX_DIGITS) {
      return new NarHash(HexFormat.of().parseHex(digits));
    }
    if (digits.length() == NixBase32.length(BYTES)) {
      return new NarHash(NixBase32.decode(digits, BYTES));
    }
    return base64(digits);
  }

  private static NarHash base64(String digits) {
    if (digits.length() != BASE64_CHARACTERS) {
      throw new IllegalArgumentException(
          "Not a SHA-256: " + digits.length() + " characters fit no way to write one");
    }
    return of(Base64.getDecoder().decode(digits));
  }

  /** Whether all bytes are zero, which old versions of Nix wrote when they did not know it. */
  public boolean unknown() {
    return Arrays.equals(bytes, new byte[BYTES]);
  }

  /** As 64 lower-case hex digits. */
  public String toHex() {
    return HexFormat.of().formatHex(bytes);
  }

  /** As 52 digits of Nix's base 32. */
  public String toBase32() {
    return NixBase32.encode(bytes);
  }

  /** The 32 bytes, a copy. */
  public byte[] toBytes() {
    return bytes.clone();
  }

  /** As Nix shows it: {@code sha256:} and 52 digits. */
  public String text() {
    return ALGORITHM + ":" + toBase32();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof NarHash hash && MessageDigest.isEqual(bytes, hash.bytes);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bytes);
  }

  @Override
  public String toString() {
    return text();
  }
}
