package org.nixwsl.storage.linux.verify;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.linux.store.StoreDatabase;
import org.nixwsl.storage.linux.store.StoreRow;
import org.nixwsl.storage.linux.store.TreeWalker;
import org.nixwsl.storage.linux.store.UnreadableException;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.store.Verdict;
import org.nixwsl.storage.store.VerifyLevel;

/** Walks the paths that are there and judges each. Used by several threads. */
final class PathCheck {
  private final NixStore store;
  private final StoreDatabase database;
  private final VerifyLevel level;
  private final Findings findings;
  private final Existence existence;
  private final Operation operation;
  private final StageProgress progress;
  private final LongAdder bytes = new LongAdder();
  private final LongAdder deepPaths = new LongAdder();
  private volatile String someDeepPath = "";

  PathCheck(
      NixStore store,
      StoreDatabase database,
      VerifyLevel level,
      Findings findings,
      Existence existence,
      Operation operation,
      StageProgress progress) {
    this.store = store;
    this.database = database;
    this.level = level;
    this.findings = findings;
    this.existence = existence;
    this.operation = operation;
    this.progress = progress;
  }

  /**
   * Judges the paths.
   *
   * @return the sum of the NAR sizes as seen
   */
  long check(List<StoreRow> rows, Readers readers) throws IOException, InterruptedException {
    int owner = FileFacts.of(store.storeDirectory()).uid();
    List<StoreRow> ordered = new ArrayList<>(rows);
    // A path cannot be divided: the largest one last would leave the other threads idle.
    ordered.sort(Comparator.comparingLong(StoreRow::narSize).reversed());
    readers.forEach(ordered.iterator(), (row, walker) -> check(row, walker, owner));
    if (deepPaths.sum() > 0) {
      findings.note(
          deepPaths.sum()
              + " paths are nested deeper than the "
              + TreeWalker.NIX_DEPTH
              + " levels that current versions of Nix accept, such as "
              + someDeepPath
              + ".");
    }
    return bytes.sum();
  }

  private void check(StoreRow row, TreeWalker walker, int owner) throws IOException {
    Path top = store.storeDirectory().resolve(row.name());
    CanonicalMetadata metadata = new CanonicalMetadata(top, owner);
    long[] reported = {0};
    try {
      TreeWalker.Walk walk =
          level == VerifyLevel.SIZES
              ? walker.measure(top, metadata, operation)
              : walker.walk(
                  top,
                  metadata,
                  operation,
                  read -> {
                    reported[0] += read;
                    progress.advance(read, 0);
                  });
      bytes.add(walk.narSize());
      judge(row, walk);
      metadata
          .deviation()
          .ifPresent(detail -> findings.add(row.logicalPath(), Verdict.METADATA, detail));
    } catch (UnreadableException e) {
      unreadable(row, top, e);
    }
    // The total is in NAR sizes; contents alone would never reach it.
    progress.advance(Math.max(0, row.narSize() - reported[0]), 1);
  }

  private void judge(StoreRow row, TreeWalker.Walk walk) {
    if (walk.depth() > TreeWalker.NIX_DEPTH) {
      deepPaths.increment();
      someDeepPath = row.logicalPath();
    }
    if (row.hash().isPresent() && row.hash().get().unknown()) {
      findings.unknownHash();
    }
    Optional<Judgement> first = Judgement.of(row, walk);
    if (first.isEmpty()) {
      return;
    }
    // The path may have been collected, or made anew, while it was read.
    Optional<StoreRow> now = database.requery(row.name());
    if (now.isEmpty()) {
      existence.reportCollected(row);
      return;
    }
    Judgement.of(now.get(), walk)
        .ifPresent(j -> findings.add(row.logicalPath(), j.verdict(), j.detail()));
  }

  private void unreadable(StoreRow row, Path top, UnreadableException e) {
    boolean there = Files.exists(top, LinkOption.NOFOLLOW_LINKS);
    if (e.gone() && !there) {
      existence.reportGone(row);
    } else if (database.requery(row.name()).isEmpty()) {
      existence.reportCollected(row);
    } else {
      findings.add(row.logicalPath(), Verdict.UNREADABLE, String.valueOf(e.getMessage()));
    }
  }
}
