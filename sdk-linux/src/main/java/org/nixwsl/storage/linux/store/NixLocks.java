package org.nixwsl.storage.linux.store;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.process.RunningProcess;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.store.NixStore;

/**
 * Takes part in Nix's locking. Nix locks with {@code flock(2)}, which Java's own file locks neither
 * see nor keep out; so a child, the program {@code flock}, holds the lock as long as its standard
 * input is open. It lets go when the lock is closed and when this process dies. Never waits for a
 * lock, never makes a lock file. Thread-safe.
 */
public final class NixLocks {
  /** {@code flock -E}: the status for a lock that somebody else has; any other means trouble. */
  private static final int BUSY_STATUS = 75;

  private static final String HELD = "held\n";

  /**
   * The text is fixed. The name of the file comes as the first line of the input, because arguments
   * cannot hold every byte that a name may have.
   */
  private static final String SCRIPT =
      "IFS= read -r file && exec flock \"$1\" -n -E "
          + BUSY_STATUS
          + " \"$file\" sh -c 'echo held; exec cat'";

  private static final Duration LIMIT = Duration.ofSeconds(10);

  private final ProcessRunner processes;

  /** Locks that are held by children of this runner. */
  public NixLocks(ProcessRunner processes) {
    this.processes = processes;
  }

  /** How an attempt ended. */
  public enum Outcome {
    /** The lock is ours until it is closed. */
    HELD,
    /** Somebody else has it in a way that excludes us. */
    BUSY,
    /** It cannot be taken here: no such file, no right, no {@code flock}. */
    UNAVAILABLE
  }

  /**
   * Keeps the garbage collector out: registered paths stay. Builds go on. Busy means that a
   * collection is running.
   */
  public NixLock gcShared(NixStore store, Operation operation)
      throws IOException, InterruptedException {
    return take(store.stateDirectory().resolve("gc.lock"), "-s", operation);
  }

  /**
   * Stands for a store that nobody uses: held means that no process has it open, and none can open
   * it until the lock is closed. Does not keep out what changes profiles only.
   */
  public NixLock bigLockExclusive(NixStore store, Operation operation)
      throws IOException, InterruptedException {
    return take(store.database().resolveSibling("big-lock"), "-x", operation);
  }

  private NixLock take(Path file, String kind, Operation operation)
      throws IOException, InterruptedException {
    byte[] name = PathBytes.of(file);
    try {
      if (!FileFacts.of(file).regular()) {
        return NixLock.none(Outcome.UNAVAILABLE, PathBytes.printable(name) + " is not a file");
      }
    } catch (NoSuchFileException e) {
      return NixLock.none(Outcome.UNAVAILABLE, PathBytes.printable(name) + " does not exist");
    } catch (IOException e) {
      return NixLock.none(Outcome.UNAVAILABLE, "cannot look at " + PathBytes.printable(name));
    }
    if (new String(name, StandardCharsets.ISO_8859_1).indexOf('\n') >= 0) {
      return NixLock.none(Outcome.UNAVAILABLE, "a path with a line break cannot be locked");
    }
    RunningProcess child;
    try {
      child = processes.startLasting(Command.of("sh", "-c", SCRIPT, "sh", kind));
    } catch (EnvironmentException e) {
      if (e.code() == ErrorCode.TOOL_MISSING) {
        return NixLock.none(Outcome.UNAVAILABLE, e.problem().message());
      }
      throw e;
    }
    boolean kept = false;
    try {
      NixLock lock = settle(child, name, operation);
      kept = lock.outcome() == Outcome.HELD;
      return lock;
    } finally {
      if (!kept) {
        child.close();
      }
    }
  }

  private static NixLock settle(RunningProcess child, byte[] name, Operation operation)
      throws IOException, InterruptedException {
    byte[] line = Arrays.copyOf(name, name.length + 1);
    line[name.length] = '\n';
    try {
      OutputStream input = child.input();
      input.write(line);
      input.flush();
    } catch (IOException e) {
      return NixLock.none(Outcome.UNAVAILABLE, "the child that locks ended at once");
    }
    boolean settled =
        operation.await(
            "lock " + PathBytes.printable(name),
            LIMIT,
            () -> child.output().available() >= HELD.length() || !child.alive());
    String said =
        new String(
            child.output().readNBytes(child.output().available()), StandardCharsets.ISO_8859_1);
    if (said.equals(HELD) && child.alive()) {
      return NixLock.held(child);
    }
    String shown = PathBytes.printable(name);
    if (settled && !child.alive() && child.exitCode() == BUSY_STATUS) {
      return NixLock.none(Outcome.BUSY, shown + " is locked by another process");
    }
    return NixLock.none(
        Outcome.UNAVAILABLE,
        "flock could not lock "
            + shown
            + (settled && !child.alive() ? " (exit status " + child.exitCode() + ")" : ""));
  }
}
