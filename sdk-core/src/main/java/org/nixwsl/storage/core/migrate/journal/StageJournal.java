package org.nixwsl.storage.core.migrate.journal;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.io.LineJournal;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;

/**
 * The journal of one move, on the host: before a stage changes something it is written down that it
 * is about to, and afterwards what came of it. An entry is on the device before {@link #append}
 * returns. A line that a crash tore is cut off, as if it had not been written; everything else that
 * is not as we write it is refused.
 *
 * <p>Not thread-safe. Whoever opened it closes it, and sees to it that nobody else has it open.
 */
public final class StageJournal implements Closeable {
  /** A move writes some twenty lines, each attempt to go on as many. */
  private static final long MOST_BYTES = 1 << 20;

  /** Above that a journal is written anew with what it comes to. */
  private static final long FOLDED_ABOVE = 256 << 10;

  /** Words of an error may be a page; nobody reads more of it in a journal. */
  private static final int LONGEST_FACT = 2000;

  private final LineJournal lines;
  private JournalState state;

  private StageJournal(LineJournal lines, JournalState state) {
    this.lines = lines;
    this.state = state;
  }

  /**
   * Begins the journal of a move.
   *
   * @throws java.nio.file.FileAlreadyExistsException if there is one already
   */
  public static StageJournal begin(Path file, JournalHeader header)
      throws IOException, InterruptedException {
    LineJournal.create(file, JournalText.header(header));
    return open(file);
  }

  /**
   * What the journal of a move says, without changing it; empty if there is none.
   *
   * @throws EnvironmentException {@code JOURNAL_FOREIGN}, {@code JOURNAL_TOO_NEW}, {@code
   *     JOURNAL_DAMAGED}
   */
  public static Optional<JournalState> read(Path file) throws IOException {
    try {
      return Optional.of(parse(file));
    } catch (NoSuchFileException absent) {
      return Optional.empty();
    }
  }

  /**
   * Opens a journal to go on with it.
   *
   * @throws NoSuchFileException if there is none
   * @throws EnvironmentException as {@link #read}
   */
  public static StageJournal open(Path file) throws IOException, InterruptedException {
    return open(file, FOLDED_ABOVE);
  }

  /** {@link #open(Path)} with another limit, for tests. */
  static StageJournal open(Path file, long foldedAbove) throws IOException, InterruptedException {
    JournalState state = parse(file);
    if (Files.size(file) > foldedAbove) {
      state = new JournalState(state.header(), state.folded());
      LineJournal.replace(file, text(state));
    }
    return new StageJournal(LineJournal.open(file, new ArrayList<>()), state);
  }

  /** What it says by now. */
  public JournalState state() {
    return state;
  }

  /** Adds an entry; facts that are very long are cut. */
  public void append(JournalEntry entry) throws IOException {
    Map<String, String> facts = new TreeMap<>();
    entry
        .facts()
        .forEach(
            (name, value) ->
                facts.put(name, value.substring(0, Math.min(LONGEST_FACT, value.length()))));
    JournalEntry cut = new JournalEntry(entry.at(), entry.kind(), entry.stage(), facts);
    lines.append(List.of(JournalText.entry(state.entries().size() + 1L, cut)));
    state = state.with(cut);
  }

  /** Closes the file. Idempotent. */
  @Override
  public void close() throws IOException {
    lines.close();
  }

  private static List<String> text(JournalState state) {
    List<String> text = new ArrayList<>();
    text.add(JournalText.header(state.header()));
    for (JournalEntry entry : state.entries()) {
      text.add(JournalText.entry(text.size(), entry));
    }
    return text;
  }

  private static JournalState parse(Path file) throws IOException {
    Optional<LineJournal.Contents> contents = LineJournal.inspect(file, MOST_BYTES);
    if (contents.isEmpty()) {
      throw foreign(file, "it is longer than the journal of a move can be");
    }
    List<String> lines = contents.get().lines();
    if (lines.isEmpty() || !lines.get(0).startsWith(JournalText.MAGIC)) {
      throw foreign(file, "its first line is none of the SDK's, or is damaged");
    }
    requireVersion(file, lines.get(0));
    if (contents.get().tail() == LineJournal.Tail.MORE_LINES) {
      throw damaged(file, "line " + (lines.size() + 1) + " is wrong, and right ones follow", null);
    }
    int number = 0;
    try {
      JournalHeader header = JournalText.header(lines.get(0));
      List<JournalEntry> entries = new ArrayList<>();
      for (number = 1; number < lines.size(); number++) {
        entries.add(JournalText.entry(number, lines.get(number)));
      }
      return new JournalState(header, entries);
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw damaged(file, "line " + (number + 1) + " makes no sense: " + e.getMessage(), e);
    }
  }

  private static void requireVersion(Path file, String first) {
    String rest = first.substring(JournalText.MAGIC.length());
    String version = rest.substring(0, Math.max(0, rest.indexOf(" {")));
    if (!version.matches("[1-9][0-9]{0,8}")) {
      throw foreign(file, "its first line names no version");
    }
    if (Integer.parseInt(version) > JournalText.VERSION) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.JOURNAL_TOO_NEW,
              "The journal "
                  + PathBytes.printable(file)
                  + " is of version "
                  + version
                  + ", and this SDK knows version "
                  + JournalText.VERSION
                  + ".",
              "Go on with the version of the SDK that began the move, or a newer one."));
    }
  }

  private static EnvironmentException foreign(Path file, String why) {
    return new EnvironmentException(
        Problem.of(
            ErrorCode.JOURNAL_FOREIGN,
            PathBytes.printable(file) + " is not the journal of a move: " + why + ".",
            "Look at the file. If it is no journal of the SDK, move it away and call again."));
  }

  private static EnvironmentException damaged(
      Path file, String why, @Nullable RuntimeException cause) {
    Problem problem =
        Problem.of(
            ErrorCode.JOURNAL_DAMAGED,
            "The journal " + PathBytes.printable(file) + " is damaged: " + why + ".",
            "Restore the file, or move it away and plan again: what was copied is found on the"
                + " storage.");
    return cause == null
        ? new EnvironmentException(problem)
        : new EnvironmentException(problem, cause);
  }
}
