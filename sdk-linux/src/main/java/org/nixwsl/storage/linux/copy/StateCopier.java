package org.nixwsl.storage.linux.copy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.copy.destination.TreeRemoval;
import org.nixwsl.storage.linux.copy.tree.NodeMaker;
import org.nixwsl.storage.linux.store.FileFacts;

/**
 * Copies what a store needs besides store paths and database: profiles and roots as the symlinks
 * that they are, logs, the marks of the installer, and the empty directories of the daemon. Locks,
 * sockets and whatever belongs to running processes stay behind.
 */
final class StateCopier {
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
  private static final int BUFFER_BYTES = 64 << 10;

  private final Path source;
  private final Path target;
  private final NodeMaker nodes;
  private final CopyLedger ledger;
  private final ProcessRunner processes;
  private final Operation operation;

  /**
   * A copier of state.
   *
   * @param source the directory that holds {@code var}
   * @param target where {@code var} goes to
   */
  StateCopier(
      Path source,
      Path target,
      NodeMaker nodes,
      CopyLedger ledger,
      ProcessRunner processes,
      Operation operation) {
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
   */
  void copy() throws IOException, InterruptedException {
    // The database first: what is left of the rest can then not be taken for a store.
    TreeRemoval.remove(target.resolve(DATABASE));
    TreeRemoval.remove(target.resolve(VAR));
    ByteArrayOutputStream fineTimes = new ByteArrayOutputStream();
    Files.walkFileTree(source, new Copying(fineTimes));
    if (fineTimes.size() > 0) {
      // The date of a generation is the time of its symlink, which Java sets to microseconds only.
      processes.runOk(
          Command.of("xargs", "-0", "-n", "2", "touch", "-h", "-r")
              .reading(fineTimes.toByteArray()),
          operation);
    }
  }

  /** Gives the directories on the way to the database their owners, modes and times. */
  void finish() throws IOException {
    for (Path directory : List.of(DATABASE, STATE, VAR)) {
      nodes.finish(target.resolve(directory), FileFacts.of(source.resolve(directory)));
    }
  }

  /** Profiles and roots as they are: equal for two looks exactly if nothing was switched. */
  Set<String> profilesAndRoots() throws IOException {
    Set<String> all = new TreeSet<>();
    for (String name : List.of("profiles", "gcroots")) {
      Path top = source.resolve(STATE).resolve(name);
      if (Files.isDirectory(top, LinkOption.NOFOLLOW_LINKS)) {
        Files.walkFileTree(top, new Listing(all));
      }
    }
    return all;
  }

  private final class Copying extends SimpleFileVisitor<Path> {
    /** Symlinks and their copies, each with a zero byte behind it. */
    private final ByteArrayOutputStream fineTimes;

    Copying(ByteArrayOutputStream fineTimes) {
      this.fineTimes = fineTimes;
    }

    @Override
    public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes)
        throws IOException {
      operation.checkCancelled();
      Path place = source.relativize(directory);
      if (directory.equals(source)) {
        return FileVisitResult.CONTINUE;
      }
      if (place.equals(STORE)) {
        return FileVisitResult.SKIP_SUBTREE;
      }
      if (!place.startsWith(VAR) || TRANSIENT.contains(place) || isEmptied(place)) {
        ledger.leftOut(place);
        return FileVisitResult.SKIP_SUBTREE;
      }
      Path copy = target.resolve(place);
      nodes.directory(copy);
      if (place.equals(DATABASE)) {
        return FileVisitResult.SKIP_SUBTREE;
      }
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
      operation.checkCancelled();
      Path place = source.relativize(file);
      FileFacts facts = FileFacts.of(file);
      boolean plain = facts.regular() || facts.symlink();
      if (!plain || !belongs(place)) {
        ledger.leftOut(place);
        return FileVisitResult.CONTINUE;
      }
      Path copy = target.resolve(place);
      if (place.getNameCount() == 1) {
        TreeRemoval.remove(copy);
      }
      if (facts.symlink()) {
        nodes.symlink(copy, Files.readSymbolicLink(file), facts);
        if (facts.modified().to(TimeUnit.NANOSECONDS) % 1000 != 0) {
          for (Path path : List.of(file, copy)) {
            fineTimes.writeBytes(PathBytes.of(path));
            fineTimes.write(0);
          }
        }
      } else {
        contents(file, copy, facts);
      }
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException failure)
        throws IOException {
      if (failure != null) {
        throw failure;
      }
      Path place = source.relativize(directory);
      boolean later = directory.equals(source) || place.equals(VAR) || place.equals(STATE);
      if (!later) {
        nodes.finish(target.resolve(place), FileFacts.of(directory));
      }
      return FileVisitResult.CONTINUE;
    }
  }

  private static boolean belongs(Path place) {
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

  private void contents(Path file, Path copy, FileFacts facts) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
    try (FileChannel in =
            FileChannel.open(file, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
        NodeMaker.FileMaking out = nodes.file(copy, facts)) {
      while (in.read(buffer) >= 0) {
        operation.checkCancelled();
        out.write(buffer.flip());
        buffer.clear();
      }
    }
  }

  private static final class Listing extends SimpleFileVisitor<Path> {
    private final Set<String> all;

    Listing(Set<String> all) {
      this.all = all;
    }

    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
      String name = PathBytes.printable(file);
      if (attributes.isSymbolicLink()) {
        name += " -> " + PathBytes.printable(Files.readSymbolicLink(file));
      }
      all.add(name + " " + attributes.lastModifiedTime());
      return FileVisitResult.CONTINUE;
    }
  }
}
