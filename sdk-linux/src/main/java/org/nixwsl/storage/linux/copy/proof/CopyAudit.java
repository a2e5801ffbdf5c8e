package org.nixwsl.storage.linux.copy.proof;

import java.io.IOException;
import java.nio.file.Path;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.function.Function;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.nar.NarHash;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.read.DirectIo;
import org.nixwsl.storage.linux.read.FileReader;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.linux.store.TreeSink;
import org.nixwsl.storage.linux.store.TreeWalker;
import org.nixwsl.storage.linux.store.UnreadableException;

/**
 * Looks whether a tree that an earlier call copied is still what a copy is: the contents by their
 * hash, as the device gives them, and type, mode, owner, time and hard links of each node beside
 * its source. Not thread-safe: each thread has its own.
 */
public final class CopyAudit {
  private final TreeWalker reader;
  private final TreeWalker walker = new TreeWalker();
  private final Function<FileFacts, Optional<Path>> anchor;
  private final Operation operation;

  /**
   * An audit with buffers of its own, under two megabytes.
   *
   * @param direct whether to read past the cache; {@link DirectIo#possible} tells where that can be
   * @param anchor the name in the target's {@code .links} that shares its inode with the copies of
   *     a file of the source; empty for a file that need not have one
   */
  public CopyAudit(
      boolean direct, Function<FileFacts, Optional<Path>> anchor, Operation operation) {
    this.reader = new TreeWalker(direct ? FileReader.Cache.AVOIDED : FileReader.Cache.USED);
    this.anchor = anchor;
    this.operation = operation;
  }

  /**
   * Whether a copy is whole. What is not in the source any more has nothing to be compared with but
   * the hash.
   *
   * @param hash the NAR hash that it has to have
   */
  public boolean isWhole(Path copy, Path source, NarHash hash) {
    try {
      if (!hash(copy).equals(hash)) {
        return false;
      }
      Beside beside = new Beside(copy, source);
      walker.measure(copy, beside, operation);
      return beside.same;
    } catch (IOException | UnreadableException e) {
      operation.checkCancelled();
      return false;
    }
  }

  private NarHash hash(Path tree) throws IOException, UnreadableException {
    return reader.walk(tree, TreeSink.none(), operation, bytes -> {}).hash().orElseThrow();
  }

  /** Whether an entry of {@code .links} has the contents that its name says. */
  public boolean isNamedRight(Path link) {
    try {
      String name = PathBytes.printable(PathBytes.ofName(link));
      return hash(link).toBase32().equals(name);
    } catch (IOException | UnreadableException e) {
      operation.checkCancelled();
      return false;
    }
  }

  /** The times of symlinks are copied with microseconds. */
  private static boolean sameTime(FileFacts a, FileFacts b) {
    return a.symlink()
        ? a.modified()
            .toInstant()
            .truncatedTo(ChronoUnit.MICROS)
            .equals(b.modified().toInstant().truncatedTo(ChronoUnit.MICROS))
        : a.modified().equals(b.modified());
  }

  private final class Beside implements TreeSink {
    private final Path copyTop;
    private final Path sourceTop;
    private boolean same = true;

    Beside(Path copyTop, Path sourceTop) {
      this.copyTop = copyTop;
      this.sourceTop = sourceTop;
    }

    private void compare(Path copy, FileFacts facts) {
      FileFacts there;
      try {
        there =
            FileFacts.of(
                copy.equals(copyTop) ? sourceTop : sourceTop.resolve(copyTop.relativize(copy)));
      } catch (IOException goneFromTheSource) {
        return;
      }
      Optional<Path> shared = facts.directory() ? Optional.empty() : anchor.apply(there);
      same &=
          facts.mode() == there.mode()
              && facts.uid() == there.uid()
              && facts.gid() == there.gid()
              && sameTime(facts, there)
              && (shared.isEmpty() || isInode(shared.get(), facts));
    }

    private boolean isInode(Path name, FileFacts facts) {
      try {
        FileFacts named = FileFacts.of(name);
        return named.inode() == facts.inode() && named.device() == facts.device();
      } catch (IOException gone) {
        return false;
      }
    }

    @Override
    public void enterDirectory(Path copy, FileFacts facts) {
      compare(copy, facts);
    }

    @Override
    public void leaveDirectory(Path copy, FileFacts facts) {}

    @Override
    public void symlink(Path copy, Path target, FileFacts facts) {
      compare(copy, facts);
    }

    @Override
    public Optional<FileSink> regular(Path copy, FileFacts facts) {
      compare(copy, facts);
      return Optional.empty();
    }
  }
}
