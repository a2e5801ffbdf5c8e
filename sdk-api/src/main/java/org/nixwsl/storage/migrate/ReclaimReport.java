package org.nixwsl.storage.migrate;

import java.util.List;

/**
 * The trash of a storage was emptied.
 *
 * @param removed the names that are gone from it; those of snapshots begin with {@code snapshots/}
 * @param kept the names that are in use and were kept, and the trash ({@code
 *     INSTANCE/.nixwsl/trash}) that others than the caller could write to, or to a directory on the
 *     way to it: nothing in such a one is touched
 */
public record ReclaimReport(List<String> removed, List<String> kept) {
  /** Copies the lists. */
  public ReclaimReport {
    removed = List.copyOf(removed);
    kept = List.copyOf(kept);
  }
}
