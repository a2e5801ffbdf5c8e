package org.nixwsl.storage.linux.copy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.copy.destination.TreeRemoval;
import org.nixwsl.storage.linux.copy.held.ChangedException;
import org.nixwsl.storage.linux.copy.held.Checkpoint;
import org.nixwsl.storage.linux.copy.held.HeldDirectory;
import org.nixwsl.storage.linux.copy.tree.NodeMaker;
import org.nixwsl.storage.linux.store.FileFacts;

/**
 * Copies what a store needs besides store paths and database: profiles and roots as the symlinks
 * that they are, logs, the marks of the installer, and the empty directories of the daemon. Locks,
 * sockets and whatever belongs to running processes stay behind.
 */
public final class StateCopier {
  private static final Path STATE = Path.of("var", "nix");
  private static final Path DATABASE = STATE.resolve("db");

  /** Directories that have to be there and whose contents belong to running processes. */
  private static final Set<Path> EMPTIED =
      Set.of(
          STATE.resolve("temproots"), STATE.resolve("daemon-socket"), STATE.resolve("gc-socket"));

  /** What Nix makes anew: locks of build users, live builds, remote build slots. */
  private static final Set<Path> TRANSIENT =
      Set.of(
          STATE.resolve("gc.lock"),
          STATE.resolve("userpool"),
          STATE.resolve("userpool2"),
          STATE.resolve("builds"),
          STATE.resolve("current-load"),
          STATE.resolve("cgroups"));

  private static final Path STORE = Path.of("store");
  private static final Path VAR = Path.of("var");
  private static final List<String> INSTALLER = List.of("receipt.json", "nix-installer");
  private static final String INSTALLER_HOOK = ".nix-installer-hook";
  private static final Path RUN = Path.of("/run");
  private static final Set<Path> LISTED =
      Set.of(STATE.resolve("profiles"), STATE.resolve("gcroots"));
  private static final int BUFFER_BYTES = 64 << 10;
  private static final int NANOS_PER_MICRO = 1000;
  private static final int NANO_DIGITS = 9;

  private final Path source;
  private final Path target;
  private final NodeMaker nodes;
  private final CopyLedger ledger;
  private final ProcessRunner processes;
  private final Operation operation;
  private final Checkpoint checkpoint;

  /**
   * A copier of state.
   *
   * @param source the directory that holds {@code var}
   * @param target where {@code var} goes to
   * @param checkpoint asked between any two steps in the source
   */
  StateCopier(
      Path source,
      Path target,
      NodeMaker nodes,
      CopyLedger ledger,
      ProcessRunner processes,
      Operation operation,
      Checkpoint checkpoint) {
    this.checkpoint = checkpoint;
    this.processes = processes;
    this.source = source;
    this.target = target;
    this.nodes = nodes;
    this.ledger = ledger;
    this.operation = operation;
  }

  /**
   * Copies all state but the database, in place of what an earlier call left. The database
   * directory is made, and stays closed until {@link #finish}.
   *
   * @throws ChangedException if something was replaced or vanished meanwhile: to be called again
   */
  void copy() throws IOException, InterruptedException {
    // The database first: what is left of the rest can then not be taken for a store.
    TreeRemoval.remove(target.resolve(DATABASE));
    TreeRemoval.remove(target.resolve(VAR));
    Copying copying = new Copying();
    StateWalk.walk(source, name -> !name.equals(STORE), copying, checkpoint);
    if (copying.fineTimes.size() > 0) {
      // The date of a generation is the time of its symlink, which Java sets to microseconds only.
      processes.runOk(
          Command.of("xargs", "-0", "-n", "2", "touch", "-h", "-d")
              .reading(copying.fineTimes.toByteArray()),
          operation);
    }
  }

  /** Gives the directories on the way to the database their owners, modes and times. */
  void finish() throws IOException {
    for (Path directory : List.of(DATABASE, STATE, VAR)) {
      nodes.finish(target.resolve(directory), FileFacts.of(source.resolve(directory)));
    }
  }

  /**
   * Profiles and roots as they are: equal for two looks exactly if nothing was switched.
   *
   * @throws ChangedException if something was replaced or vanished meanwhile
   */
  Set<String> profilesAndRoots() throws IOException {
    return profilesAndRoots(source, checkpoint);
  }

  /**
   * Profiles and roots of any directory that holds {@code var}, a sorted line for each with its
   * target and its time, and equal for two looks exactly if nothing was switched. A copy gives the
   * same as its source: what is not copied is not in it. Links into {@code /run} are listed without
   * their time: each boot makes those of the running system anew, and they say nothing of the
   * store.
   *
   * @throws ChangedException if something was replaced or vanished meanwhile: to be called again
   */
  public static Set<String> profilesAndRoots(Path top, Checkpoint checkpoint) throws IOException {
    Listing listing = new Listing();
    StateWalk.walk(top, VAR::equals, listing, checkpoint);
    return listing.all;
  }

  private final class Copying implements StateWalk.Visitor {
    /** Times and copies of symlinks, each with a zero byte behind it. */
    private final ByteArrayOutputStream fineTimes = new ByteArrayOutputStream();

    @Override
    public boolean enter(Path place, FileFacts facts) throws IOException {
      if (!place.startsWith(VAR) || TRANSIENT.contains(place) || isEmptied(place)) {
        ledger.leftOut(place);
        return false;
      }
      nodes.directory(target.resolve(place));
      return !place.equals(DATABASE);
    }

    @Override
    public void leave(Path place, FileFacts facts) throws IOException {
      if (!place.equals(VAR) && !place.equals(STATE)) {
        nodes.finish(target.resolve(place), facts);
      }
    }

    @Override
    public void other(Path place, HeldDirectory in, FileFacts facts) throws IOException {
      if (!belongs(place, facts)) {
        ledger.leftOut(place);
        return;
      }
      Path copy = target.resolve(place);
      if (place.getNameCount() == 1) {
        TreeRemoval.remove(copy);
      }
      if (facts.symlink()) {
        nodes.symlink(copy, in.readSymbolicLink(place.getFileName(), facts), facts);
        noteFineTime(copy, facts);
      } else {
        contents(in, place.getFileName(), copy, facts);
      }
    }

    @Override
    public void odd(Path place, String why) {
      ledger.leftOut(place);
      ledger.note("/nix/" + PathBytes.printable(place) + " was left out: " + why + ".");
    }

    private void noteFineTime(Path copy, FileFacts facts) {
      Instant time = facts.modified().toInstant();
      if (time.getNano() % NANOS_PER_MICRO != 0) {
        BigDecimal seconds =
            BigDecimal.valueOf(time.getEpochSecond())
                .add(BigDecimal.valueOf(time.getNano(), NANO_DIGITS));
        String text = "@" + seconds.toPlainString();
        fineTimes.writeBytes(text.getBytes(StandardCharsets.US_ASCII));
        fineTimes.write(0);
        fineTimes.writeBytes(PathBytes.of(copy));
        fineTimes.write(0);
      }
    }
  }

  private static boolean belongs(Path place, FileFacts facts) {
    if (!facts.regular() && !facts.symlink()) {
      return false;
    }
    String name = PathBytes.printable(PathBytes.ofName(place));
    if (place.getNameCount() == 1) {
      return INSTALLER.contains(name) || name.startsWith(INSTALLER_HOOK);
    }
    return place.startsWith(VAR)
        && !TRANSIENT.contains(place)
        && !isEmptied(place)
        && !name.endsWith(".lock");
  }

  private static boolean isEmptied(Path place) {
    Path parent = place.getParent();
    return parent != null && EMPTIED.contains(parent);
  }

  private void contents(HeldDirectory in, Path name, Path copy, FileFacts facts)
      throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
    try (SeekableByteChannel from = in.openFile(name, facts);
        NodeMaker.FileMaking out = nodes.file(copy, facts)) {
      // A log may grow meanwhile: what was there at the look is copied.
      long left = facts.size();
      while (left > 0) {
        checkpoint.pass();
        buffer.clear().limit((int) Math.min(left, BUFFER_BYTES));
        int read = from.read(buffer);
        if (read < 0) {
          throw in.replaced(name);
        }
        left -= read;
        out.write(buffer.flip());
      }
    }
  }

  private static final class Listing implements StateWalk.Visitor {
    private final Set<String> all = new TreeSet<>();

    @Override
    public boolean enter(Path place, FileFacts facts) {
      return place.equals(VAR)
          || place.equals(STATE)
          || LISTED.stream().anyMatch(place::startsWith);
    }

    @Override
    public void leave(Path place, FileFacts facts) {}

    @Override
    public void other(Path place, HeldDirectory in, FileFacts facts) throws IOException {
      if (LISTED.stream().noneMatch(place::startsWith) || !belongs(place, facts)) {
        return;
      }
      String line = PathBytes.printable(place);
      if (facts.symlink()) {
        Path to = in.readSymbolicLink(place.getFileName(), facts);
        line += " -> " + PathBytes.printable(to);
        if (to.startsWith(RUN)) {
          all.add(line);
          return;
        }
      }
      all.add(line + " " + facts.modified());
    }

    @Override
    public void odd(Path place, String why) {}
  }
}
