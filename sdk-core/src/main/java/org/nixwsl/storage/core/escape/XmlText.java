package org.nixwsl.storage.core.escape;

/** Text as the content of an XML element (XML 1.0, section 2.4). */
public final class XmlText {
  private XmlText() {}

  /**
   * Content that every XML parser reads as exactly this text. Carriage returns are written as a
   * reference, because a parser would make line feeds of them (section 2.11).
   *
   * @throws IllegalArgumentException if the text holds a character that XML 1.0 cannot: a control
   *     character other than tab, line feed and carriage return, U+FFFE, U+FFFF, or half a
   *     surrogate pair
   */
  public static String content(String text) {
    Literals.requireText("XML", text);
    StringBuilder out = new StringBuilder(text.length() + 16);
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '&' -> out.append("&amp;");
        case '<' -> out.append("&lt;");
        case '>' -> out.append("&gt;");
        case '\r' -> out.append("&#13;");
        default -> {
          if ((c < 0x20 && c != '\t' && c != '\n') || c >= 0xFFFE) {
            throw new IllegalArgumentException(
                "The character U+" + Integer.toHexString(c) + " cannot be written as XML");
          }
          out.append(c);
        }
      }
    }
    return out.toString();
  }
}
