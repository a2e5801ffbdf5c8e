package org.nixwsl.storage.linux.freeze;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotLinkException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.nixwsl.storage.core.io.DurableFiles;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.platform.StoreFreezer.Token;
import org.nixwsl.storage.linux.machine.OwnDirectory;

/**
 * The one freeze of this machine as files: a directory in {@code /run/nixwsl} with the script, its
 * orders and what it has done, and the link {@code freeze} to it, of which there can be one. The
 * files are described in {@code freeze.sh}. All of it is on a tmpfs of root's and ends with the
 * instance.
 */
final class Claim {
  private static final Path RUN = OwnDirectory.RUN;
  private static final Path LINK = RUN.resolve("freeze");
  private static final Path LAST = RUN.resolve("freeze.last");
  private static final Path THAW = Path.of("thaw");
  private static final Path HELD = Path.of("held");
  private static final String SCRIPT = "freeze.sh";

  private final Token token;
  private final Path directory;

  private Claim(Token token) {
    this.token = token;
    this.directory = RUN.resolve(token.text());
  }

  /**
   * What a freeze is to do.
   *
   * @param caller the process whose end thaws it: its id and start, as {@code freeze.sh} has them
   * @param graceSeconds how long after that end
   * @param longestSeconds how long it lasts at most
   * @param units what is done with the units of Nix
   */
  record Orders(String caller, long graceSeconds, long longestSeconds, NixUnits units) {}

  /** The freeze that is there, finished or not. */
  static Optional<Claim> find() throws IOException {
    try {
      return Optional.of(new Claim(Token.parse(Files.readSymbolicLink(LINK).toString())));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (NotLinkException | IllegalArgumentException e) {
      throw new IOException(LINK + " was not made by this program", e);
    }
  }

  /**
   * Makes the files of a freeze, complete before they can be found.
   *
   * @throws FileAlreadyExistsException if there is a freeze already
   */
  static Claim make(Token token, Orders orders) throws IOException, InterruptedException {
    OwnDirectory.make(RUN);
    Claim claim = new Claim(token);
    Files.createDirectory(claim.directory, OwnDirectory.permissions("rwx------"));
    boolean made = false;
    try {
      claim.write(SCRIPT, script());
      claim.write("caller", text(List.of(orders.caller())));
      claim.write("limits", text(List.of(orders.graceSeconds() + " " + orders.longestSeconds())));
      claim.write("stop", text(orders.units().stopped()));
      claim.write("block", text(orders.units().blocked()));
      claim.write("restart", text(orders.units().restarted()));
      Files.createSymbolicLink(LINK, Path.of(token.text()));
      made = true;
      return claim;
    } finally {
      if (!made) {
        claim.removeDirectory();
      }
    }
  }

  Token token() {
    return token;
  }

  /** The name of the script, which is plain ASCII. */
  String scriptPath() {
    return directory.resolve(SCRIPT).toString();
  }

  /** Whether it is there at this moment. */
  boolean present() throws IOException {
    return find().map(found -> found.token.equals(token)).orElse(false);
  }

  /** How far it is, in one word. */
  String phase() throws IOException {
    try {
      return Files.readString(directory.resolve("phase")).strip().split(" ", 2)[0];
    } catch (NoSuchFileException e) {
      return "begun";
    }
  }

  /**
   * Whether there is nothing to undo: the script notes its phase before it does anything, and
   * removes that note when all is undone.
   */
  boolean untouched() {
    return Files.notExists(directory.resolve("phase"));
  }

  /** Whether it stays until the instance ends. */
  boolean held() throws IOException {
    return decision().equals(Optional.of(HELD));
  }

  /** Whether it was decided that it ends. */
  boolean ending() throws IOException {
    return decision().equals(Optional.of(THAW));
  }

  /** The process that asked for it, as {@link Orders#caller}; empty if that is not known. */
  String caller() throws IOException {
    try {
      return Files.readString(directory.resolve("caller")).strip();
    } catch (NoSuchFileException e) {
      return "";
    }
  }

  /** Whether it is held and what it is held for is done, as the script decides it. */
  boolean committed() throws IOException {
    if (!held()) {
      return false;
    }
    try {
      Path mark = PathBytes.toAbsolutePath(Files.readAllBytes(directory.resolve("mark")));
      Path parent = mark.getParent();
      return Files.exists(mark) || parent == null || !Files.isDirectory(parent);
    } catch (NoSuchFileException withoutMark) {
      return true;
    }
  }

  /**
   * Decides that it stays; of this and {@link #end}, by whomever, the first one counts.
   *
   * @return false if it was decided that it ends
   */
  boolean hold(Optional<Path> mark) throws IOException, InterruptedException {
    if (held()) {
      return true;
    }
    try {
      if (mark.isPresent()) {
        write("mark", PathBytes.of(mark.get()));
      }
      Files.createSymbolicLink(directory.resolve("decision"), HELD);
      return true;
    } catch (FileAlreadyExistsException | NoSuchFileException e) {
      return held();
    }
  }

  /** Decides that it ends, also one that was held. */
  void end() throws IOException {
    Path decision = directory.resolve("decision");
    try {
      if (held()) {
        Files.deleteIfExists(decision);
      }
      Files.createSymbolicLink(decision, THAW);
    } catch (FileAlreadyExistsException decidedAlready) {
      return;
    } catch (NoSuchFileException endedAlready) {
      return;
    }
  }

  /** Removes the files of a freeze with nothing to undo. */
  void remove() throws IOException {
    removeDirectory();
    if (present()) {
      Files.deleteIfExists(LINK);
    }
  }

  /** Why a freeze ended, in a few words; empty if that is not known any more. */
  static Optional<String> lastWords(Token token) throws IOException {
    try {
      String words = Files.readString(LAST).strip();
      String name = token.text() + " ";
      return words.startsWith(name)
          ? Optional.of(words.substring(name.length()))
          : Optional.empty();
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }

  private Optional<Path> decision() throws IOException {
    try {
      return Optional.of(Files.readSymbolicLink(directory.resolve("decision")));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }

  /** Name by name: what is not known is not removed. */
  private void removeDirectory() throws IOException {
    for (String name :
        List.of(
            "caller", "limits", "stop", "block", "restart", "mounts", "mark", "decision", SCRIPT)) {
      Files.deleteIfExists(directory.resolve(name));
    }
    Files.deleteIfExists(directory);
  }

  private void write(String name, byte[] bytes) throws IOException, InterruptedException {
    DurableFiles.replace(
        directory.resolve(name), channel -> DurableFiles.writeFully(channel, bytes));
  }

  private static byte[] text(List<String> lines) {
    StringBuilder text = new StringBuilder();
    lines.forEach(line -> text.append(line).append('\n'));
    return text.toString().getBytes(StandardCharsets.US_ASCII);
  }

  private static byte[] script() throws IOException {
    try (InputStream in = Claim.class.getResourceAsStream(SCRIPT)) {
      return Objects.requireNonNull(in, SCRIPT).readAllBytes();
    }
  }
}
