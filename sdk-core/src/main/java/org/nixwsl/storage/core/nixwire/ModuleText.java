package org.nixwsl.storage.core.nixwire;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.core.nixwire.NixLexer.Kind;
import org.nixwsl.storage.core.nixwire.NixLexer.Token;

/**
 * The text of a {@code configuration.nix}, and our import in it. The import stands between two
 * comments, our mark, at the head of the list of imports, on the line of its bracket: so neither
 * line ends nor indentation are ours to guess, and cutting it out gives the text of before.
 *
 * <p>Only the plainest form is edited: functions, {@code let}, {@code with} and {@code assert}
 * around one attribute set that is all the file evaluates to and that has one {@code imports = [}.
 * An {@code imports} of a container or a user's module further in is not it.
 */
final class ModuleText {
  private static final String IMPORT = "./" + NixConfigWriter.MODULE_FILE;
  private static final String BEGIN = "/* nix-storage: begin */";
  private static final String END = "/* nix-storage: end */";
  private static final byte[] MARKED =
      (" " + BEGIN + " " + IMPORT + " " + END).getBytes(StandardCharsets.US_ASCII);

  private final byte[] text;
  private final List<Token> all;
  private final List<Token> code;

  private ModuleText(byte[] text, List<Token> all) {
    this.text = text;
    this.all = all;
    this.code = all.stream().filter(t -> t.kind() != Kind.COMMENT).toList();
  }

  /** The text, split; empty tokens, so that nothing is found, where it is no Nix. */
  static ModuleText of(byte[] text) {
    return new ModuleText(text.clone(), NixLexer.tokens(text).orElse(List.of()));
  }

  /** Whether our marked import is there, once. */
  boolean marked() {
    return marks().size() == 1;
  }

  /**
   * Whether the text names the module outside our mark, in whatever way: then it is not for us to
   * add an import, and the module cannot go. Of a text that is no Nix, any mention counts.
   */
  boolean namedByUser() {
    if (all.isEmpty()) {
      return new String(text, StandardCharsets.ISO_8859_1).contains(NixConfigWriter.MODULE_FILE);
    }
    long named = all.stream().filter(this::namesTheModule).count();
    return named > marks().size();
  }

  /** The text with the marked import added; empty where there is no plain place for it. */
  Optional<byte[]> withImport() {
    if (!marks().isEmpty()) {
      return Optional.empty();
    }
    return imports().map(list -> replaced(list.end(), list.end(), MARKED));
  }

  /** The text without the marked import; empty unless there is exactly one. */
  Optional<byte[]> withoutImport() {
    List<Token> marks = marks();
    if (marks.size() != 1) {
      return Optional.empty();
    }
    int from = marks.get(0).start();
    int asWritten = from - 1;
    if (asWritten >= 0 && text[asWritten] == ' ' && holdsAt(asWritten, MARKED)) {
      return Optional.of(replaced(asWritten, asWritten + MARKED.length, new byte[0]));
    }
    // A formatter moved the parts: what it put between them goes, what it put around them stays.
    return Optional.of(replaced(from, endOfMark(marks.get(0)), new byte[0]));
  }

  private boolean holdsAt(int from, byte[] bytes) {
    return from + bytes.length <= text.length
        && Arrays.equals(text, from, from + bytes.length, bytes, 0, bytes.length);
  }

  private byte[] replaced(int from, int to, byte[] with) {
    byte[] out = new byte[text.length - (to - from) + with.length];
    System.arraycopy(text, 0, out, 0, from);
    System.arraycopy(with, 0, out, from, with.length);
    System.arraycopy(text, to, out, from + with.length, text.length - to);
    return out;
  }

  /** The comments that begin a mark. */
  private List<Token> marks() {
    List<Token> marks = new ArrayList<>();
    for (int i = 0; i + 2 < all.size(); i++) {
      if (is(all.get(i), BEGIN) && is(all.get(i + 1), IMPORT) && is(all.get(i + 2), END)) {
        marks.add(all.get(i));
      }
    }
    return marks;
  }

  private int endOfMark(Token begin) {
    return all.get(all.indexOf(begin) + 2).end();
  }

  private boolean namesTheModule(Token token) {
    if (token.kind() != Kind.PATH) {
      return false;
    }
    String path = NixLexer.text(text, token);
    return path.endsWith("/" + NixConfigWriter.MODULE_FILE);
  }

  /** The bracket that opens the list of imports of the file's own attribute set. */
  private Optional<Token> imports() {
    int open = body();
    if (open < 0) {
      return Optional.empty();
    }
    int inside = code.get(open).depth() + 1;
    int lets = 0;
    int found = -1;
    int close = closing(open);
    for (int i = open + 1; i < close; i++) {
      if (code.get(i).depth() != inside) {
        continue;
      }
      if (is(i, "let")) {
        lets++;
      } else if (is(i, "in")) {
        lets--;
      } else if (lets == 0 && is(i, "imports") && (i - 1 == open || is(i - 1, ";"))) {
        if (found >= 0) {
          return Optional.empty();
        }
        found = i;
      }
    }
    boolean plain = found >= 0 && is(found + 1, "=") && is(found + 2, "[");
    return plain ? Optional.of(code.get(found + 2)) : Optional.empty();
  }

  /** Where the attribute set opens that the file is; -1 where it is something else. */
  private int body() {
    int i = 0;
    while (i >= 0 && i < code.size()) {
      if (is(i, "{")) {
        int after = closing(i) + 1;
        if (is(after, ":")) {
          i = after + 1;
        } else if (is(after, "@") && is(after + 2, ":")) {
          i = after + 3;
        } else {
          return after == code.size() ? i : -1;
        }
      } else if (is(i, "let")) {
        i = afterLevel(i + 1, "in");
      } else if (is(i, "with") || is(i, "assert")) {
        i = afterLevel(i + 1, ";");
      } else if (is(i, "rec") && is(i + 1, "{")) {
        i++;
      } else if (code.get(i).kind() == Kind.WORD && is(i + 1, ":")) {
        i += 2;
      } else if (code.get(i).kind() == Kind.WORD && is(i + 1, "@")) {
        i += 2;
      } else {
        return -1;
      }
    }
    return -1;
  }

  /** The token after the word or symbol that ends what begins at a token; -1 if there is none. */
  private int afterLevel(int from, String end) {
    int lets = 0;
    for (int i = from; i < code.size(); i++) {
      if (code.get(i).depth() > 0) {
        continue;
      }
      if (lets == 0 && is(i, end)) {
        return i + 1;
      }
      lets += is(i, "let") ? 1 : is(i, "in") ? -1 : 0;
    }
    return -1;
  }

  /** The bracket that closes the one at a place; the scanner has seen to it that there is one. */
  private int closing(int open) {
    int depth = code.get(open).depth();
    int i = open + 1;
    while (code.get(i).kind() != Kind.CLOSE || code.get(i).depth() != depth) {
      i++;
    }
    return i;
  }

  private boolean is(int index, String what) {
    return index < code.size() && is(code.get(index), what);
  }

  private boolean is(Token token, String what) {
    return token.end() - token.start() == what.length() && NixLexer.text(text, token).equals(what);
  }
}
