package org.nixwsl.storage.core.escape;

/** Text as a word of a POSIX shell. */
public final class ShText {
  private ShText() {}

  /**
   * One word that every POSIX shell reads as exactly this text, whatever is in it: between single
   * quotes nothing but the single quote has a meaning (POSIX.1-2017, Shell Command Language,
   * section 2.2.2). The empty text is a word too.
   *
   * @throws IllegalArgumentException if the text holds a NUL, which no argument can, or half a
   *     surrogate pair, which has no bytes
   */
  public static String quoted(String text) {
    Literals.requireText("sh", text);
    return "'" + text.replace("'", "'\\''") + "'";
  }
}
