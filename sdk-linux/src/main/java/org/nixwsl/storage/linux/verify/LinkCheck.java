package org.nixwsl.storage.linux.verify;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.Objects;
import java.util.concurrent.atomic.LongAdder;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.nar.NarHash;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.linux.store.StoreRow;
import org.nixwsl.storage.linux.store.TreeSink;
import org.nixwsl.storage.linux.store.TreeWalker;
import org.nixwsl.storage.linux.store.UnreadableException;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.store.Verdict;

/**
 * Hashes each entry of {@code .links} as a NAR of its own and compares it with the entry's name.
 * Entries are taken as the directory gives them: it may hold a million, and none is kept.
 */
final class LinkCheck {
  private final Path links;
  private final Findings findings;
  private final Operation operation;
  private final StageProgress progress;
  private final LongAdder bytes = new LongAdder();

  LinkCheck(NixStore store, Findings findings, Operation operation, StageProgress progress) {
    this.links = store.storeDirectory().resolve(Existence.LINKS);
    this.findings = findings;
    this.operation = operation;
    this.progress = progress;
  }

  /** How many bytes the entries hold; 0 when there is no such directory. */
  long measure() throws IOException {
    if (!present()) {
      return 0;
    }
    long sum = 0;
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(links)) {
      for (Path entry : entries) {
        operation.checkCancelled();
        sum += sizeOf(entry);
      }
    } catch (DirectoryIteratorException e) {
      throw Objects.requireNonNull(e.getCause());
    }
    return sum;
  }

  /**
   * Checks all entries.
   *
   * @return the bytes read
   */
  long check(Readers readers) throws IOException, InterruptedException {
    if (!present()) {
      return 0;
    }
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(links)) {
      Iterator<Path> iterator = entries.iterator();
      readers.forEach(iterator, this::check);
    } catch (DirectoryIteratorException e) {
      throw Objects.requireNonNull(e.getCause());
    }
    return bytes.sum();
  }

  private boolean present() throws IOException {
    try {
      return FileFacts.of(links).directory();
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  private static long sizeOf(Path entry) throws IOException {
    try {
      return FileFacts.of(entry).size();
    } catch (NoSuchFileException e) {
      // The collector removes entries that nothing shares.
      return 0;
    }
  }

  private void check(Path entry, TreeWalker walker) throws IOException {
    String path =
        StoreRow.LOGICAL_PREFIX
            + Existence.LINKS
            + "/"
            + PathBytes.printable(PathBytes.ofName(entry));
    try {
      if (FileFacts.of(entry).directory()) {
        findings.add(path, Verdict.LINK, "a directory, which nothing can be linked to");
        return;
      }
      TreeWalker.Walk walk =
          walker.walk(
              entry,
              TreeSink.none(),
              operation,
              read -> {
                bytes.add(read);
                progress.advance(read, 0);
              });
      NarHash seen = walk.hash().orElseThrow();
      String name = Objects.requireNonNull(entry.getFileName()).toString();
      if (!name.equals(seen.toBase32())) {
        findings.add(path, Verdict.LINK, "its contents have the hash " + seen.toBase32());
      }
    } catch (NoSuchFileException e) {
      // Removed since the listing; see sizeOf.
      return;
    } catch (UnreadableException e) {
      if (!e.gone()) {
        findings.add(path, Verdict.UNREADABLE, String.valueOf(e.getMessage()));
      }
    }
  }
}
