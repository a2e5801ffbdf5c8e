package org.nixwsl.storage.mount;

import java.util.regex.Pattern;

/**
 * The name under which the shared disk is mounted: {@code /mnt/wsl/<name>} in WSL.
 *
 * @param value lower-case letters, digits, dot, underscore, hyphen; starts with a letter or digit;
 *     at most 63 characters
 */
public record MountName(String value) {
  private static final Pattern NAME = Pattern.compile("[a-z0-9][a-z0-9._-]{0,62}");

  /** Refuses a name that could be misread as a path or an option. */
  public MountName {
    requireName("mount", value);
  }

  /** The mount of that name. */
  public static MountName of(String value) {
    return new MountName(value);
  }

  static void requireName(String what, String value) {
    if (!NAME.matcher(value).matches()) {
      throw new IllegalArgumentException(
          "Not a name for "
              + what
              + ": '"
              + value
              + "'. Use 1 to 63 of a-z 0-9 . _ - and start with a letter or digit.");
    }
  }

  @Override
  public String toString() {
    return value;
  }
}
