package org.nixwsl.storage.linux.copy.tree;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.store.DirectoryEntries;
import org.nixwsl.storage.linux.store.FileFacts;

/**
 * Gives each inode of the source that has several names one inode in the target. Whoever meets an
 * inode first copies it and gives it an anchor, a name in the target that stays: its entry in
 * {@code .links} when the source has one, else a name in the workspace. Whoever comes later links
 * to the anchor, or waits until it is there.
 *
 * <p>An anchor without any other name is worth nothing after a crash, as nothing says that its
 * contents reached the device. {@link #dropUnproven} removes these before a copy is taken up; what
 * is left then belongs to a store path that the journal has.
 *
 * <p>Thread-safe.
 */
public final class LinkTable {
  /**
   * No file system that can hold a store allows fewer links, so that a link that fails at fewer has
   * another reason. (ext4: 65000; NTFS, the lowest known: 1023.)
   */
  private static final int LOWEST_LINK_LIMIT = 1000;

  /**
   * Locks are shared by inodes: one each would take a fifth of the memory of this table. A thread
   * holds one at a time, so that sharing costs a wait now and then and no more.
   */
  private static final int LOCKS = 1024;

  private final long device;
  private final Path targetLinks;
  private final Path spareAnchors;
  private final boolean resumed;
  private final Map<Long, Inode> inodes = new ConcurrentHashMap<>();
  private final List<ReentrantLock> locks =
      Stream.generate(ReentrantLock::new).limit(LOCKS).toList();
  private volatile @Nullable Path sourceLinks;

  /**
   * A table that knows no inode yet.
   *
   * @param device the file system of the source's store directory; an inode of another one may have
   *     the same number and is not shared
   * @param targetLinks the target's {@code .links}, or what stands for it while a copy is made
   * @param spareAnchors a directory in the target for anchors that have no name in {@code .links}
   * @param resumed whether the two may hold anchors of an earlier call
   */
  public LinkTable(long device, Path targetLinks, Path spareAnchors, boolean resumed) {
    this.device = device;
    this.targetLinks = targetLinks;
    this.spareAnchors = spareAnchors;
    this.resumed = resumed;
  }

  /**
   * Its lock is held by whoever is copying the inode. The witness is a name in the source that had
   * the number at the time of the last change that was seen, and is not kept while it is the one in
   * {@code .links}; known is the first change time. There may be a million: times are nanoseconds.
   */
  private static final class Inode {
    final @Nullable Path linkName;
    @Nullable Path witness;
    long changed;
    long known;
    int generation;
    boolean anchored;

    Inode(@Nullable Path linkName, @Nullable Path witness, FileFacts facts) {
      this.linkName = linkName;
      this.witness = witness;
      this.changed = changeTime(facts);
      this.known = changed;
    }
  }

  private static long changeTime(FileFacts facts) {
    return facts.changed().to(TimeUnit.NANOSECONDS);
  }

  /** The duty to copy an inode; held by one thread, which ends it by publish or abandon. */
  public static final class Claim {
    private final Inode inode;
    private final Path anchor;
    private final ReentrantLock lock;

    private Claim(Inode inode, Path anchor, ReentrantLock lock) {
      this.inode = inode;
      this.anchor = anchor;
      this.lock = lock;
    }

    /** The copy is whole, with its owner, mode and time: gives it its anchor. */
    void publish(Path copy) throws IOException {
      try {
        if (!anchor.equals(copy)) {
          Files.createLink(anchor, copy);
        }
        inode.anchored = true;
      } finally {
        lock.unlock();
      }
    }

    /** There will be no copy: the next one who meets the inode tries. */
    void abandon() {
      lock.unlock();
    }
  }

  /** Where the names of {@code .links} come to lie. */
  public Path names() {
    return targetLinks;
  }

  /** Whether a file of the source may share its inode with other names. */
  public boolean mayBeShared(FileFacts facts) {
    return facts.links() > 1 && facts.device() == device;
  }

  /**
   * Says that the source's {@code .links} has a name for an inode.
   *
   * @param entry the whole path of that name
   */
  public void nameInLinks(Path entry, FileFacts facts) {
    sourceLinks = entry.getParent();
    inodes.putIfAbsent(facts.inode(), new Inode(entry.getFileName(), null, facts));
  }

  /** The name that the source's {@code .links} has for a file of the source. */
  public Optional<Path> nameInLinks(FileFacts facts) {
    return facts.device() == device
        ? Optional.ofNullable(inodes.get(facts.inode())).map(inode -> inode.linkName)
        : Optional.empty();
  }

  /** The name in the target's {@code .links} that copies of a file of the source are links to. */
  public Optional<Path> anchorOf(FileFacts facts) {
    return nameInLinks(facts).map(targetLinks::resolve);
  }

  /** Names in {@code .links} that are not in the target, because no store path has their inode. */
  public List<Path> missingNames() {
    return inodes.values().stream()
        .filter(inode -> !(inode.anchored && inode.generation == 0))
        .flatMap(inode -> Stream.ofNullable(inode.linkName))
        .filter(name -> !Files.exists(targetLinks.resolve(name), LinkOption.NOFOLLOW_LINKS))
        .sorted()
        .toList();
  }

  /**
   * Makes a place a link to the copy of an inode.
   *
   * @param source a name of the inode
   * @return nothing when it is a link now; else the duty to copy the inode there
   */
  public Optional<Claim> linkOrClaim(Path source, FileFacts facts, Path place, Operation operation)
      throws IOException {
    Inode inode = inodes.computeIfAbsent(facts.inode(), absent -> new Inode(null, source, facts));
    ReentrantLock lock = locks.get(Math.floorMod(facts.inode(), LOCKS));
    lock(lock, operation);
    boolean claimed = false;
    try {
      if (!isStillThatFile(inode, facts)) {
        inode.generation++;
        inode.anchored = false;
        inode.witness = source;
        inode.known = changeTime(facts);
      }
      inode.changed = changeTime(facts);
      Path anchor = anchor(inode, facts.inode());
      while (inode.anchored || (resumed && sameShape(anchor, facts))) {
        if (linked(place, anchor)) {
          inode.anchored = true;
          return Optional.empty();
        }
        // The anchor has all the links it can have: a second inode takes over.
        inode.generation++;
        inode.anchored = false;
        anchor = anchor(inode, facts.inode());
      }
      if (resumed) {
        Files.deleteIfExists(anchor);
      }
      claimed = true;
      return Optional.of(new Claim(inode, anchor, lock));
    } finally {
      if (!claimed) {
        lock.unlock();
      }
    }
  }

  private static void lock(ReentrantLock lock, Operation operation) {
    try {
      while (!lock.tryLock(100, TimeUnit.MILLISECONDS)) {
        operation.checkCancelled();
      }
    } catch (InterruptedException e) {
      // Interruption means cancellation, and with the flag set the check throws.
      Thread.currentThread().interrupt();
      operation.checkCancelled();
      throw new IllegalStateException("An interrupted operation counts as cancelled", e);
    }
  }

  /**
   * Removes anchors that no store path shares: an earlier call left them, or the store paths were
   * removed. While nothing is copied only.
   *
   * @param keep names in {@code .links} that stay all the same
   * @param inUse the inodes with several names of the store paths in the target; the number of
   *     names alone would not do, as another store may share an inode
   */
  public void dropUnproven(Predicate<Path> keep, Set<Long> inUse) throws IOException {
    Set<Path> dropped = new HashSet<>();
    for (Path directory : List.of(targetLinks, spareAnchors)) {
      if (Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
        DirectoryEntries.each(
            directory,
            entry -> {
              if (!inUse.contains(FileFacts.of(entry).inode()) && !keep.test(entry.getFileName())) {
                Files.delete(entry);
                dropped.add(entry);
              }
            });
      }
    }
    if (!dropped.isEmpty()) {
      inodes.forEach(
          (number, inode) -> {
            if (inode.anchored && dropped.contains(anchor(inode, number))) {
              inode.anchored = false;
            }
          });
    }
  }

  /** Removes names from the target's {@code .links} that the source's has not. */
  public void dropUnknown() throws IOException {
    if (!Files.isDirectory(targetLinks, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    Set<Path> known = new HashSet<>();
    inodes.values().forEach(inode -> Stream.ofNullable(inode.linkName).forEach(known::add));
    DirectoryEntries.each(
        targetLinks,
        entry -> {
          if (!known.contains(entry.getFileName())) {
            Files.delete(entry);
          }
        });
  }

  /**
   * The change time tells an inode from a later one of the same number. A second inode of a file
   * gets a name of its own.
   */
  private Path anchor(Inode inode, long number) {
    if (inode.linkName != null && inode.generation == 0) {
      return targetLinks.resolve(inode.linkName);
    }
    return spareAnchors.resolve(number + "-" + inode.known + "-" + inode.generation);
  }

  /**
   * In a store that is in use, a file may go and its number come back as another file. The change
   * time moves as well when a name is added, so that the witness has the last word.
   */
  private boolean isStillThatFile(Inode inode, FileFacts facts) throws IOException {
    if (inode.changed == changeTime(facts)) {
      return true;
    }
    try {
      FileFacts witness = FileFacts.of(witness(inode));
      return witness.inode() == facts.inode() && witness.device() == facts.device();
    } catch (NoSuchFileException gone) {
      return false;
    }
  }

  private Path witness(Inode inode) {
    return inode.witness != null
        ? inode.witness
        : Objects.requireNonNull(sourceLinks).resolve(Objects.requireNonNull(inode.linkName));
  }

  /**
   * Makes a place a link to a file.
   *
   * @return whether it is one now; else the file has all the links that it can have
   */
  public static boolean linked(Path place, Path anchor) throws IOException {
    try {
      Files.createLink(place, anchor);
      return true;
    } catch (NoSuchFileException | FileAlreadyExistsException e) {
      throw e;
    } catch (FileSystemException e) {
      if (FileFacts.of(anchor).links() < LOWEST_LINK_LIMIT) {
        throw e;
      }
      return false;
    }
  }

  private static boolean sameShape(Path anchor, FileFacts source) throws IOException {
    if (!Files.exists(anchor, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    FileFacts there = FileFacts.of(anchor);
    return there.mode() == source.mode() && there.size() == source.size();
  }
}
