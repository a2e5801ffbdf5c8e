package org.nixwsl.storage.core.escape;

/**
 * Text as a value of {@code wsl.conf} and {@code .wslconfig}, by the rules of WSL's own reader
 * (src/shared/configfile/configfile.cpp of WSL 2.9): a number sign begins a comment outside quotes,
 * a backslash an escape everywhere, blanks at the ends count only inside quotes.
 */
public final class IniText {
  private IniText() {}

  /**
   * A value, in quotes where it needs them.
   *
   * @throws IllegalArgumentException if the text holds anything but printable ASCII, tabs and line
   *     feeds: WSL cuts other characters to a byte
   */
  public static String value(String text) {
    StringBuilder out = new StringBuilder(text.length());
    boolean quotes = text.isEmpty() || text.startsWith(" ") || text.endsWith(" ");
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"', '\\' -> out.append('\\').append(c);
        case '\n' -> out.append("\\n");
        case '\t' -> out.append("\\t");
        case '#' -> {
          quotes = true;
          out.append(c);
        }
        default -> {
          if (c < ' ' || c > '~') {
            throw new IllegalArgumentException("WSL does not read this character: " + (int) c);
          }
          out.append(c);
        }
      }
    }
    return quotes ? "\"" + out + "\"" : out.toString();
  }
}
