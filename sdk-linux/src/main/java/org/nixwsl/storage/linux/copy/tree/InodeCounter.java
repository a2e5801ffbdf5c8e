package org.nixwsl.storage.linux.copy.tree;

import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.linux.store.TreeSink;

/** Counts inodes that no counter with the same memory has counted. Used by one thread. */
public final class InodeCounter implements TreeSink {
  /** The block of the file systems that hold stores. */
  public static final long BLOCK = 4096;

  private final Set<Long> seen;
  private long files;
  private long directories;
  private long diskBytes;

  /**
   * A counter.
   *
   * @param seen inodes with several names that were counted; thread-safe if counters share it
   */
  public InodeCounter(Set<Long> seen) {
    this.seen = seen;
  }

  /** Files and symlinks counted. */
  public long files() {
    return files;
  }

  /** Directories counted. */
  public long directories() {
    return directories;
  }

  /** The lengths of all that was counted, each rounded up to whole blocks. */
  public long diskBytes() {
    return diskBytes;
  }

  /** Counts a file that was not reached by a walk. */
  public void file(FileFacts facts) {
    if (facts.links() == 1 || seen.add(facts.inode())) {
      files++;
      diskBytes += blocks(facts);
    }
  }

  @Override
  public void enterDirectory(Path source, FileFacts facts) {
    directories++;
    diskBytes += blocks(facts);
  }

  @Override
  public void leaveDirectory(Path source, FileFacts facts) {}

  @Override
  public void symlink(Path source, Path target, FileFacts facts) {
    file(facts);
  }

  @Override
  public Optional<FileSink> regular(Path source, FileFacts facts) {
    file(facts);
    return Optional.empty();
  }

  private static long blocks(FileFacts facts) {
    return (facts.size() + BLOCK - 1) / BLOCK * BLOCK;
  }
}
