package org.nixwsl.storage.linux.store;

import java.util.Optional;
import org.nixwsl.storage.core.nar.NarHash;
import org.nixwsl.storage.core.nar.NixBase32;

/**
 * A row of {@code ValidPaths} whose path is one that a store can have, so that its name may be
 * resolved against a store directory.
 *
 * @param id the row's number
 * @param name the base name, such as {@code <32 digits>-hello-2.12}; ASCII, no slash
 * @param hashText the hash as it stands in the database, at most 200 characters of it
 * @param hash the hash, empty if the text is none; may be {@link NarHash#unknown}
 * @param narSize the length of the NAR in bytes; 0 when the database does not know it
 * @param registrationTime when the path was registered, in seconds since 1970
 */
public record StoreRow(
    long id,
    String name,
    String hashText,
    Optional<NarHash> hash,
    long narSize,
    long registrationTime) {
  /** Where every store lies, logically: references and database are built on it. */
  public static final String LOGICAL_PREFIX = "/nix/store/";

  /** 160 bits in base 32 ({@code StorePath::HashLen} in Nix). */
  private static final int HASH_DIGITS = 32;

  /** The longest name behind the dash that Nix accepts ({@code StorePath::MaxPathLen}). */
  private static final int MAX_NAME = 211;

  /** Refuses a name that is not {@link #isStoreName}. */
  public StoreRow {
    if (!isStoreName(name)) {
      throw new IllegalArgumentException("Not the name of a store path");
    }
  }

  /** The path as the database and Nix write it. */
  public String logicalPath() {
    return LOGICAL_PREFIX + name;
  }

  /**
   * Whether a store path can have this name: 32 digits, a dash, and 1 to 211 of the characters that
   * Nix allows. Such a name is one plain component of a path: no slash, not {@code .} or {@code
   * ..}.
   */
  public static boolean isStoreName(String name) {
    if (name.length() < HASH_DIGITS + 2
        || name.length() > HASH_DIGITS + 1 + MAX_NAME
        || name.charAt(HASH_DIGITS) != '-') {
      return false;
    }
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      if (i < HASH_DIGITS ? !NixBase32.isDigit(c) : !isNameCharacter(c)) {
        return false;
      }
    }
    return true;
  }

  private static boolean isNameCharacter(char c) {
    return (c >= '0' && c <= '9')
        || (c >= 'a' && c <= 'z')
        || (c >= 'A' && c <= 'Z')
        || "+-._?=".indexOf(c) >= 0;
  }
}
