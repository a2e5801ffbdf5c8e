package org.nixwsl.storage.linux.verify;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.store.StoreContents.BadRow;
import org.nixwsl.storage.linux.store.StoreRow;
import org.nixwsl.storage.store.StoreFinding;
import org.nixwsl.storage.store.Verdict;

/** Gathers what the threads find and tells listeners at once. Thread-safe. */
final class Findings {
  private final Operation operation;
  private final List<StoreFinding> findings = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();
  private final LongAdder unknownHashes = new LongAdder();

  Findings(Operation operation) {
    this.operation = operation;
  }

  /** A finding about a path that is written as in {@link StoreFinding#path}. */
  void add(String logicalPath, Verdict verdict, String detail) {
    StoreFinding finding = new StoreFinding(logicalPath, verdict, detail);
    synchronized (this) {
      findings.add(finding);
    }
    operation.found(finding);
  }

  void badRow(BadRow row) {
    add(row.path(), Verdict.DB, row.problem());
  }

  synchronized void note(String note) {
    notes.add(note);
  }

  /** Counts a path whose contents nothing vouches for; one note tells of all of them. */
  void unknownHash() {
    unknownHashes.increment();
  }

  /** What can be said of a row without its files. */
  void rowAlone(StoreRow row) {
    if (row.hash().isEmpty()) {
      add(row.logicalPath(), Verdict.DB, Judgement.badHash(row));
    }
  }

  synchronized List<StoreFinding> sorted() {
    List<StoreFinding> result = new ArrayList<>(findings);
    result.sort(
        Comparator.comparing(StoreFinding::path)
            .thenComparing(StoreFinding::verdict)
            .thenComparing(StoreFinding::detail));
    return result;
  }

  synchronized List<String> notes() {
    List<String> result = new ArrayList<>(notes);
    if (unknownHashes.sum() > 0) {
      result.add(
          "For "
              + unknownHashes.sum()
              + " paths the database has no hash (old versions of Nix left it out): they were read,"
              + " but there is nothing to compare them with.");
    }
    return result;
  }
}
