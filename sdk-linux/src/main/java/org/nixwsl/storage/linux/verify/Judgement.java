package org.nixwsl.storage.linux.verify;

import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.nar.NarHash;
import org.nixwsl.storage.linux.store.StoreRow;
import org.nixwsl.storage.linux.store.TreeWalker.Walk;
import org.nixwsl.storage.store.Verdict;

/**
 * What is the matter with a path, from its row and what a walk saw.
 *
 * @param verdict one that is damage
 * @param detail what was seen and what was expected
 */
record Judgement(Verdict verdict, String detail) {
  /** Empty when row and files agree, as far as the row says anything. */
  static Optional<Judgement> of(StoreRow row, Walk walk) {
    boolean sizeDiffers = row.narSize() != 0 && row.narSize() != walk.narSize();
    if (row.hash().isEmpty()) {
      return of(Verdict.DB, badHash(row) + (sizeDiffers ? "; " + sizes(row, walk) : ""));
    }
    NarHash expected = row.hash().get();
    if (expected.unknown() || walk.hash().isEmpty()) {
      return sizeDiffers ? of(Verdict.MODIFIED, sizes(row, walk)) : Optional.empty();
    }
    NarHash seen = walk.hash().get();
    if (!seen.equals(expected)) {
      return of(
          Verdict.MODIFIED,
          "NAR hash " + seen.text() + ", expected " + expected.text() + "; " + sizes(row, walk));
    }
    return sizeDiffers
        ? of(Verdict.DB, sizes(row, walk) + ", though the hash is right")
        : Optional.empty();
  }

  /** A row whose hash is no hash. */
  static String badHash(StoreRow row) {
    return "the hash in the database cannot be read: \""
        + PathBytes.printable(row.hashText().getBytes(StandardCharsets.UTF_8))
        + "\"";
  }

  private static Optional<Judgement> of(Verdict verdict, String detail) {
    return Optional.of(new Judgement(verdict, detail));
  }

  private static String sizes(StoreRow row, Walk walk) {
    return "NAR size "
        + walk.narSize()
        + ", "
        + (row.narSize() == 0 ? "unknown to the database" : "expected " + row.narSize());
  }
}
