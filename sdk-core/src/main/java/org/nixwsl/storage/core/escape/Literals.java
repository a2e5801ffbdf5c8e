package org.nixwsl.storage.core.escape;

import java.nio.charset.StandardCharsets;

/** What no literal of any of the languages can hold. */
final class Literals {
  private Literals() {}

  static void requireText(String language, String text) {
    if (text.indexOf('\0') >= 0) {
      throw new IllegalArgumentException("A NUL cannot be written as text of " + language);
    }
    if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
      throw new IllegalArgumentException(
          "Half a surrogate pair cannot be written as text of " + language);
    }
  }
}
