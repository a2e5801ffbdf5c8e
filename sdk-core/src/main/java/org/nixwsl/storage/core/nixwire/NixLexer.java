package org.nixwsl.storage.core.nixwire;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Splits the text of a Nix file into tokens, by the rules of Nix's own scanner (src/libexpr/lexer.l
 * of Nix 2.3 to 2.31): comments, both kinds of strings with what is interpolated in them, paths,
 * old-style URIs. Works on bytes, so that any encoding of comments and strings goes through.
 * Whether the tokens make sense is for Nix to say.
 *
 * <p>Time and memory grow with the text only: no recursion, and limits on nesting and on the number
 * of tokens.
 */
final class NixLexer {
  /** Nix itself runs out of stack far later; no configuration written by people is as deep. */
  private static final int DEEPEST = 1000;

  private static final int MOST_TOKENS = 200_000;

  /** A part of a path; each is looked at up to three times before it is known what it is. */
  private static final int LONGEST_NAME = 1024;

  private static final byte INDENTED = 'i';
  private static final byte QUOTED = '"';

  private final byte[] text;
  private final byte[] nesting = new byte[DEEPEST];
  private final List<Token> tokens = new ArrayList<>();
  private int depth;
  private int at;

  /** What a token is. */
  enum Kind {
    /** A name, keyword or number. */
    WORD,
    /** A path in any form, or a URI. */
    PATH,
    /** A string in double quotes without interpolation, with its quotes. */
    STRING,
    /** A part of another string. */
    STRING_PART,
    /** A comment of either kind. */
    COMMENT,
    /** An opening bracket, or the opening of an interpolation. */
    OPEN,
    /** A closing bracket of any kind. */
    CLOSE,
    /** One byte of anything else. */
    SYMBOL
  }

  /**
   * A token.
   *
   * @param start its first byte
   * @param end the byte after its last
   * @param depth how many brackets and strings are open around it; a bracket is not inside itself
   */
  record Token(Kind kind, int start, int end, int depth) {}

  private NixLexer(byte[] text) {
    this.text = text;
  }

  /** All tokens; empty where the text is no Nix, or beyond the limits. */
  static Optional<List<Token>> tokens(byte[] text) {
    NixLexer lexer = new NixLexer(text);
    return lexer.run() ? Optional.of(List.copyOf(lexer.tokens)) : Optional.empty();
  }

  /** The text of a token; bytes beyond ASCII become U+FFFD. */
  static String text(byte[] text, Token token) {
    return new String(text, token.start(), token.end() - token.start(), StandardCharsets.US_ASCII);
  }

  private boolean run() {
    while (tokens.size() < MOST_TOKENS) {
      skipBlanks();
      if (at == text.length) {
        return depth == 0;
      }
      if (!token()) {
        return false;
      }
    }
    return false;
  }

  private boolean token() {
    int start = at;
    byte c = text[at];
    if (segment(0) > LONGEST_NAME) {
      return false;
    }
    int word = word();
    int name = Math.max(Math.max(word, path()), uri());
    if (name > 0) {
      at += name;
      return add(name == word ? Kind.WORD : Kind.PATH, start);
    }
    return switch (c) {
      case 0 -> false;
      case '#' -> lineComment();
      case '/' -> next(1) == '*' ? blockComment() : symbol();
      case '"' -> startString(QUOTED, 1);
      case '\'' -> next(1) == '\'' ? startString(INDENTED, 2) : symbol();
      case '$' -> next(1) == '{' ? bracket((byte) '{', 2) : symbol();
      case '{', '[', '(' -> bracket(c, 1);
      case '}', ']', ')' -> close(c);
      default -> symbol();
    };
  }

  private boolean lineComment() {
    int start = at;
    while (at < text.length && text[at] != '\n' && text[at] != '\r') {
      at++;
    }
    return add(Kind.COMMENT, start);
  }

  private boolean startString(byte what, int length) {
    int start = at;
    at += length;
    return open(what) && string(start, true);
  }

  private boolean bracket(byte what, int length) {
    int start = at;
    at += length;
    return add(Kind.OPEN, start) && open(what);
  }

  private boolean symbol() {
    at++;
    return add(Kind.SYMBOL, at - 1);
  }

  private boolean add(Kind kind, int start) {
    tokens.add(new Token(kind, start, at, depth));
    return true;
  }

  private boolean open(byte what) {
    if (depth == DEEPEST) {
      return false;
    }
    nesting[depth++] = what;
    return true;
  }

  private boolean close(byte bracket) {
    byte opening = (byte) (bracket == '}' ? '{' : bracket == ']' ? '[' : '(');
    if (depth == 0 || nesting[depth - 1] != opening) {
      return false;
    }
    depth--;
    int start = at++;
    add(Kind.CLOSE, start);
    boolean inString =
        depth > 0 && (nesting[depth - 1] == QUOTED || nesting[depth - 1] == INDENTED);
    return !inString || string(at, false);
  }

  /** Goes on to the end of a string or of the part before the next interpolation. */
  private boolean string(int start, boolean whole) {
    boolean quoted = nesting[depth - 1] == QUOTED;
    while (at < text.length) {
      if (text[at] == '$' && next(1) == '{') {
        add(Kind.STRING_PART, start);
        return bracket((byte) '{', 2);
      }
      if (quoted ? text[at] == '"' : endsIndented()) {
        at += quoted ? 1 : 2;
        depth--;
        return add(quoted && whole ? Kind.STRING : Kind.STRING_PART, start);
      }
      if (text[at] == 0) {
        return false;
      }
      at += Math.min(quoted ? quotedStep() : indentedStep(), text.length - at);
    }
    return false;
  }

  /** How many bytes of a quoted string belong together. */
  private int quotedStep() {
    if (text[at] == '\\') {
      return 2;
    }
    if (text[at] != '$' || next(1) == '"') {
      return 1;
    }
    // A dollar takes the next byte with it, so that $${ opens nothing.
    return next(1) == '\\' ? 3 : 2;
  }

  private boolean endsIndented() {
    return text[at] == '\''
        && next(1) == '\''
        && next(2) != '$'
        && next(2) != '\''
        && (next(2) != '\\' || at + 3 == text.length);
  }

  private int indentedStep() {
    if (text[at] == '$') {
      return next(1) == '\'' ? 1 : 2;
    }
    if (text[at] != '\'') {
      return 1;
    }
    if (next(1) == '\'') {
      return next(2) == '\\' ? 4 : 3;
    }
    return next(1) == '$' ? 1 : 2;
  }

  private boolean blockComment() {
    int start = at;
    for (at += 2; at + 1 < text.length; at++) {
      if (text[at] == '*' && text[at + 1] == '/') {
        at += 2;
        return add(Kind.COMMENT, start);
      }
    }
    return false;
  }

  private void skipBlanks() {
    while (at < text.length && " \t\r\n".indexOf(text[at]) >= 0) {
      at++;
    }
  }

  /** The byte that many ahead; -1 after the end. */
  private int next(int ahead) {
    return at + ahead < text.length ? text[at + ahead] & 0xff : -1;
  }

  private int word() {
    int n = 0;
    if (letter(next(0)) || next(0) == '_') {
      while (letter(next(n)) || digit(next(n)) || "_'-".indexOf(next(n)) >= 0) {
        n++;
      }
    } else {
      while (digit(next(n))) {
        n++;
      }
    }
    return n;
  }

  private int path() {
    int n = 0;
    if (next(0) == '<') {
      n = segment(1);
      while (n > 1 && next(n) == '/' && segment(n + 1) > n + 1) {
        n = segment(n + 1);
      }
      return n > 1 && next(n) == '>' ? n + 1 : 0;
    }
    n = next(0) == '~' ? 1 : segment(0);
    int first = n;
    while (next(n) == '/' && segment(n + 1) > n + 1) {
      n = segment(n + 1);
    }
    return n == first ? 0 : next(n) == '/' ? n + 1 : n;
  }

  /** Where the part of a path ends that begins there. */
  private int segment(int from) {
    int n = from;
    while (letter(next(n)) || digit(next(n)) || "._-+".indexOf(next(n)) >= 0) {
      n++;
    }
    return n;
  }

  private int uri() {
    if (!letter(next(0))) {
      return 0;
    }
    int colon = 1;
    while (letter(next(colon)) || digit(next(colon)) || "+-.".indexOf(next(colon)) >= 0) {
      colon++;
    }
    if (next(colon) != ':') {
      return 0;
    }
    int n = colon + 1;
    while (letter(next(n)) || digit(next(n)) || "%/?:@&=+$,-_.!~*'".indexOf(next(n)) >= 0) {
      n++;
    }
    return n > colon + 1 ? n : 0;
  }

  private static boolean letter(int c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }

  private static boolean digit(int c) {
    return c >= '0' && c <= '9';
  }
}
