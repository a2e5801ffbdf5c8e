package org.nixwsl.storage.linux.copy;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Predicate;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.nar.NarSize;
import org.nixwsl.storage.core.platform.StoreHost.Measure;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.linux.copy.destination.TargetFileSystem;
import org.nixwsl.storage.linux.copy.share.OtherStore;
import org.nixwsl.storage.linux.copy.tree.InodeCounter;
import org.nixwsl.storage.linux.copy.tree.Workers;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.linux.store.StoreContents;
import org.nixwsl.storage.linux.store.StoreDatabase;
import org.nixwsl.storage.linux.store.StoreRow;
import org.nixwsl.storage.linux.store.TreeWalker;
import org.nixwsl.storage.linux.store.UnreadableException;
import org.nixwsl.storage.store.NixStore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How large a store is: measured by lstat alone, or bounded by what the database says. */
final class StoreMeasure {
  private static final Logger LOG = LoggerFactory.getLogger(StoreMeasure.class);

  /** A pebibyte: larger is no store but a database that lies, and would overflow. */
  private static final long MOST_BYTES = 1L << 50;

  private StoreMeasure() {}

  /** Measures; a store path that cannot be read counts as far as it goes. */
  static Measure of(NixStore store, int threads, Operation operation)
      throws IOException, InterruptedException {
    checkPlace(store);
    StoreContents contents = StoreDatabase.of(store).read(operation);
    Set<Long> seen = ConcurrentHashMap.newKeySet();
    Measure paths = of(store, contents.rows(), seen, threads, operation);
    InodeCounter links = new InodeCounter(seen);
    countLinks(store, seen.size(), links, operation);
    return new Measure(
        paths.paths(),
        paths.narBytes(),
        paths.inodes() + links.files(),
        paths.diskBytes() + links.diskBytes() + FileFacts.of(store.database()).size());
  }

  /**
   * Measures those store paths that another store lacks or has with another hash, by what the two
   * databases say; without what {@code .links} holds besides. A row without a hash is the same
   * where both have the same in its place, and the same size.
   */
  static Measure lacking(NixStore store, NixStore other, int threads, Operation operation)
      throws IOException, InterruptedException {
    Map<String, StoreRow> there = StoreDatabase.of(other).read(operation).byName();
    return unless(
        row -> {
          StoreRow same = there.get(row.name());
          return same != null
              && same.hashText().equals(row.hashText())
              && same.narSize() == row.narSize();
        },
        store,
        other,
        threads,
        operation);
  }

  /**
   * Measures what a copy into a store that stays one has to bring. It brings rows without a hash
   * always.
   *
   * @param brought name and hash of what earlier calls brought
   */
  static Measure missing(
      NixStore store, NixStore other, Map<String, String> brought, int threads, Operation operation)
      throws IOException, InterruptedException {
    return unless(
        row -> row.hash().filter(hash -> hash.toHex().equals(brought.get(row.name()))).isPresent(),
        store,
        other,
        threads,
        operation);
  }

  private static Measure unless(
      Predicate<StoreRow> had, NixStore store, NixStore other, int threads, Operation operation)
      throws IOException, InterruptedException {
    List<StoreRow> rows = new ArrayList<>(StoreDatabase.of(store).read(operation).rows());
    rows.removeIf(had.or(OtherStore.of(other, operation)::has));
    return of(store, rows, ConcurrentHashMap.newKeySet(), threads, operation);
  }

  private static Measure of(
      NixStore store, List<StoreRow> rows, Set<Long> seen, int threads, Operation operation)
      throws IOException, InterruptedException {
    LongAdder inodes = new LongAdder();
    LongAdder diskBytes = new LongAdder();
    Workers.each(
        rows,
        threads,
        TreeWalker::new,
        (row, walker) -> {
          InodeCounter counter = new InodeCounter(seen);
          walk(store, row, walker, counter, operation);
          inodes.add(counter.files() + counter.directories());
          diskBytes.add(counter.diskBytes());
        });
    long narBytes = rows.stream().mapToLong(row -> Math.max(0, row.narSize())).sum();
    return new Measure(rows.size(), narBytes, inodes.sum(), diskBytes.sum());
  }

  /**
   * A bound that takes no look at the tree: no store path can be larger on the disk, with as small
   * files as its NAR has room for. That is some 25 times the size of the NARs; it is less where the
   * file system of the store has fewer inodes in use. A new disk has more. Names in {@code .links}
   * that no store path shares are not in it; there are few, as Nix removes them.
   *
   * @return empty if the database does not know the size of a path, or tells of more than a
   *     pebibyte
   */
  static Optional<Measure> atMost(NixStore store, ProcessRunner processes, Operation operation)
      throws IOException, InterruptedException {
    checkPlace(store);
    StoreContents contents = StoreDatabase.of(store).read(operation);
    long narBytes = 0;
    long inodes = 0;
    for (StoreRow row : contents.rows()) {
      if (row.narSize() <= 0 || row.narSize() > MOST_BYTES - narBytes) {
        return Optional.empty();
      }
      narBytes += row.narSize();
      inodes += NarSize.mostNodes(row.narSize());
    }
    TargetFileSystem.Free there =
        new TargetFileSystem(processes, store.storeDirectory()).free(operation);
    inodes = Math.min(inodes, there.usedInodes().orElse(inodes));
    long diskBytes = narBytes + inodes * InodeCounter.BLOCK + FileFacts.of(store.database()).size();
    return Optional.of(new Measure(contents.rows().size(), narBytes, inodes, diskBytes));
  }

  private static void walk(
      NixStore store, StoreRow row, TreeWalker walker, InodeCounter counter, Operation operation)
      throws IOException {
    try {
      walker.measure(store.storeDirectory().resolve(row.name()), counter, operation);
    } catch (UnreadableException e) {
      // The copy meets it again and reports it; here it only makes the estimate smaller.
      LOG.debug("measuring {}", row.name(), e);
    }
  }

  /**
   * Looks at the names in {@code .links} only where some may belong to no store path: no two of
   * them are the same file, and each file of a store path that has several names is normally there.
   */
  private static void countLinks(
      NixStore store, int shared, InodeCounter counter, Operation operation) throws IOException {
    Path links = store.storeDirectory().resolve(".links");
    if (names(links, operation) <= shared) {
      return;
    }
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(links)) {
      for (Path entry : entries) {
        operation.checkCancelled();
        counter.file(FileFacts.of(entry));
      }
    }
  }

  private static long names(Path directory, Operation operation) throws IOException {
    long count = 0;
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      for (Iterator<Path> names = entries.iterator(); names.hasNext(); names.next()) {
        operation.checkCancelled();
        count++;
      }
    } catch (NoSuchFileException neverOptimised) {
      return 0;
    }
    return count;
  }

  private static void checkPlace(NixStore store) throws IOException {
    for (String overlay : new String[] {".rw-store", ".ro-store"}) {
      if (Files.exists(store.directory().resolve(overlay))) {
        throw notAStore(store, "it is the overlay of a live image (" + overlay + ")");
      }
    }
    Path database = store.stateDirectory().resolve("db");
    for (Path directory : List.of(store.storeDirectory(), store.stateDirectory(), database)) {
      Path place = store.directory().relativize(directory);
      try {
        if (!FileFacts.of(directory).directory()) {
          throw notAStore(store, place + " in it is not a directory");
        }
      } catch (NoSuchFileException e) {
        throw notAStore(store, "it has no directory " + place);
      }
    }
    if (FileFacts.of(store.directory().resolve("var")).symlink()) {
      throw notAStore(store, "var in it is a symlink");
    }
  }

  private static EnvironmentException notAStore(NixStore store, String why) {
    return new EnvironmentException(
        Problem.of(
            ErrorCode.NOT_A_STORE,
            "Cannot copy " + PathBytes.printable(store.directory()) + ": " + why + ".",
            "Name a directory that holds store and var, as /nix does."));
  }
}
