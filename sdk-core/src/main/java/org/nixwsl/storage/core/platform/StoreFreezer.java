package org.nixwsl.storage.core.platform;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.nixwsl.storage.core.run.Operation;

/**
 * Makes the Nix store of a running instance stand still, and lets it go again. A freeze is not held
 * by the process that asked for it but by the instance's own systemd, so that it outlives that
 * process: until it is thawed, or, if its caller is lost before it was {@link #hold held}, until it
 * thaws itself. What is done and how is in {@code docs/freeze.md}.
 *
 * <p>Whoever begins a freeze thaws it; there is one at a time in an instance. Root only. Calls
 * belong to one thread unless an implementation says otherwise.
 */
public interface StoreFreezer {
  /**
   * Freezes: Nix's units are stopped and cannot be started, nobody has the store open or can open
   * it, {@code /nix} is read-only, and nobody has a file in it open for writing. Builds that run
   * are waited for, not ended. A failure thaws what was frozen so far.
   *
   * @throws org.nixwsl.storage.error.ConflictException {@code STORE_IN_USE} with the processes that
   *     did not end, {@code STORE_FROZEN} if there is a freeze already
   * @throws org.nixwsl.storage.error.EnvironmentException {@code FREEZE_FAILED}, {@code NOT_ROOT},
   *     {@code NOT_A_STORE}
   */
  Frozen begin(Options options, Operation operation) throws IOException, InterruptedException;

  /** The freeze of this instance, whoever began it, also one that a crash left half done. */
  Optional<Found> find(Operation operation) throws IOException, InterruptedException;

  /**
   * What the store holds now. Equal under two freezes, or twice under one, exactly if nothing was
   * registered, collected or switched in between; also works without a freeze.
   */
  Fingerprint fingerprint(Operation operation) throws IOException, InterruptedException;

  /**
   * Proves that a freeze is in force.
   *
   * @throws org.nixwsl.storage.error.ConflictException {@code FREEZE_LOST} if it is not, with what
   *     became of it
   */
  void check(Token token, Operation operation) throws IOException, InterruptedException;

  /**
   * Keeps a freeze until the instance ends, or {@link #thaw}. Called before a commit: from here on
   * the freeze does not thaw itself while its caller lives. When the caller ends and the mark is
   * not there, it does, as then there was no commit.
   *
   * @param mark the file whose presence is the commit, as the instance sees it; without one the
   *     freeze stays whatever happens
   * @throws org.nixwsl.storage.error.ConflictException {@code FREEZE_LOST} if the freeze is not in
   *     force, or was begun by another process: then there must be no commit
   */
  void hold(Token token, Optional<Path> mark, Operation operation)
      throws IOException, InterruptedException;

  /**
   * Undoes a freeze, held or not, finished or not, whoever began it.
   *
   * @throws org.nixwsl.storage.error.ConflictException {@code STORE_FROZEN} if the freeze that is
   *     in force is another one: it is left alone
   * @throws org.nixwsl.storage.error.EnvironmentException {@code FREEZE_FAILED} if something could
   *     not be undone, such as a unit that does not start again
   */
  Thaw thaw(Token token, Operation operation) throws IOException, InterruptedException;

  /**
   * How a freeze is done.
   *
   * @param patience how long builds and clients may take to close the store, and then whoever
   *     writes to it to end
   * @param grace how long after its caller's end a freeze that is not held thaws itself
   * @param longest how long a freeze that is not held lasts at most
   * @param units systemd units that use the store, in addition to the ones of Nix, Lix and
   *     Determinate Nix: plain names such as {@code hydra-evaluator.service}
   */
  record Options(Duration patience, Duration grace, Duration longest, List<String> units) {
    /** unit names that systemd accepts (systemd.unit(5)), less the backslash of escaped ones. */
    private static final Pattern UNIT =
        Pattern.compile("[A-Za-z0-9:_.@-]{1,200}\\.(service|socket|timer|path|target)");

    /** Refuses what is no unit, and times that are none. */
    public Options {
      units = List.copyOf(units);
      for (String unit : units) {
        if (!UNIT.matcher(unit).matches() || unit.startsWith("-")) {
          throw new IllegalArgumentException("Not the name of a systemd unit: " + unit);
        }
      }
      if (patience.isNegative() || grace.isNegative() || longest.toSeconds() < 1) {
        throw new IllegalArgumentException("A freeze needs time");
      }
    }

    /** A minute for what runs, a minute for a lost caller, an hour for all. */
    public static Options ofDefaults() {
      return new Options(
          Duration.ofMinutes(1), Duration.ofMinutes(1), Duration.ofHours(1), List.of());
    }
  }

  /**
   * Which freeze: one of this boot of this instance. An instance of WSL that starts again keeps the
   * boot id, as that is the one of the virtual machine, but gets another PID 1.
   *
   * @param bootId the kernel's id of the boot
   * @param startOfInit when PID 1 started, in clock ticks since the boot
   * @param id eight hexadecimal digits, at random
   */
  record Token(String bootId, long startOfInit, String id) {
    private static final Pattern TEXT =
        Pattern.compile("freeze\\.([0-9a-f-]{36})\\.([0-9]{1,18})\\.([0-9a-f]{8})");

    /** Refuses parts that no token has. */
    public Token {
      if (!TEXT.matcher(text(bootId, startOfInit, id)).matches()) {
        throw new IllegalArgumentException("Not the parts of a freeze's token");
      }
    }

    /**
     * Reads {@link #text}.
     *
     * @throws IllegalArgumentException if it is none
     */
    public static Token parse(String text) {
      Matcher matcher = TEXT.matcher(text);
      if (!matcher.matches()) {
        throw new IllegalArgumentException("Not the token of a freeze: " + text);
      }
      return new Token(matcher.group(1), Long.parseLong(matcher.group(2)), matcher.group(3));
    }

    /** One word for journals and messages; also a file name. */
    public String text() {
      return text(bootId, startOfInit, id);
    }

    /** The systemd unit that holds the freeze. */
    public String unit() {
      return "nixwsl-freeze-" + id + ".service";
    }

    private static String text(String bootId, long startOfInit, String id) {
      return "freeze." + bootId + "." + startOfInit + "." + id;
    }
  }

  /**
   * What a store holds at one moment.
   *
   * @param rows how many valid paths the database has
   * @param greatestId the greatest id of a row; 0 when there is none
   * @param digest SHA-256 over all rows, in hex
   * @param roots SHA-256 over profiles and roots with their targets and times, in hex
   */
  record Fingerprint(long rows, long greatestId, String digest, String roots) {
    /** All of it in one line. */
    public String text() {
      return rows + " " + greatestId + " " + digest + " " + roots;
    }
  }

  /**
   * A store that stands still.
   *
   * @param token names the freeze
   * @param fingerprint what the store holds
   * @param notes what limits the freeze, for people
   */
  record Frozen(Token token, Fingerprint fingerprint, List<String> notes) {
    /** Copies the list. */
    public Frozen {
      notes = List.copyOf(notes);
    }
  }

  /**
   * A freeze that is there.
   *
   * @param token names it
   * @param phase how far it came, one word: {@code begun}, {@code stopping}, {@code blocking},
   *     {@code locking}, {@code mounting}, {@code frozen} or {@code ending}
   * @param held whether it stays until the instance ends
   * @param running whether its unit runs; if not, a crash left it behind
   * @param orphaned whether the process that began it has ended, and no commit came of it: it may
   *     be thawed, as nobody relies on it
   */
  record Found(Token token, String phase, boolean held, boolean running, boolean orphaned) {}

  /** How a thaw ended. */
  enum Thaw {
    /** It was frozen, and is not any more. */
    DONE,
    /** The freeze had ended before. */
    ENDED_BEFORE,
    /** The freeze was one of an earlier start of this instance, and ended with it. */
    OTHER_BOOT
  }
}
