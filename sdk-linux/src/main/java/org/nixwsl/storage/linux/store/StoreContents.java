package org.nixwsl.storage.linux.store;

import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * What the database says at one moment.
 *
 * @param rows the valid paths, in the order of their ids; no name twice
 * @param badRows rows that name no store path; nothing on disk can belong to them
 * @param fingerprint tells this moment from another
 * @param notes what limits the reading, for people
 */
public record StoreContents(
    List<StoreRow> rows, List<BadRow> badRows, Fingerprint fingerprint, List<String> notes) {
  /** Copies the lists. */
  public StoreContents {
    rows = List.copyOf(rows);
    badRows = List.copyOf(badRows);
    notes = List.copyOf(notes);
  }

  /** The valid paths by their base names; unmodifiable. */
  public Map<String, StoreRow> byName() {
    return rows.stream().collect(Collectors.toUnmodifiableMap(StoreRow::name, Function.identity()));
  }

  /** The sum of the NAR sizes, as far as the database knows them, in bytes. */
  public long narBytes() {
    return rows.stream().mapToLong(row -> Math.max(0, row.narSize())).sum();
  }

  /**
   * A row whose path no store can have.
   *
   * @param id the row's number
   * @param path its path, at most 300 characters of it, escaped as in a finding
   * @param problem why it is none
   */
  public record BadRow(long id, String path, String problem) {}

  /**
   * Equal for two readings exactly when the valid paths are the same: ids, paths, hashes, sizes and
   * registration times.
   *
   * @param rows how many rows there are
   * @param greatestId the greatest id; 0 when there is none
   * @param digest SHA-256 over all rows, in hex
   */
  public record Fingerprint(long rows, long greatestId, String digest) {}
}
