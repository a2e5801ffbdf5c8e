package org.nixwsl.storage.linux.store;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.nar.NarHash;
import org.nixwsl.storage.linux.store.StoreContents.BadRow;
import org.nixwsl.storage.linux.store.StoreContents.Fingerprint;

/** Makes rows of values out of rows of SQLite, and sorts out the ones that name no store path. */
final class RowReader {
  /** A store path has at most 255 characters; one that was cut is too long in any case. */
  static final int PATH_CHARACTERS = 300;

  /** The longest way to write a hash has 71. */
  static final int HASH_CHARACTERS = 200;

  private final List<StoreRow> rows = new ArrayList<>();
  private final List<BadRow> badRows = new ArrayList<>();
  private final Set<String> names = new HashSet<>();
  private final MessageDigest digest = sha256();
  private long count;
  private long greatestId;

  /** Takes the row that the result stands on: id, path, hash, narSize, registrationTime. */
  void add(ResultSet row) throws SQLException {
    long id = row.getLong(1);
    String path = orEmpty(row.getString(2));
    String hashText = orEmpty(row.getString(3));
    long narSize = row.getLong(4);
    long time = row.getLong(5);
    count++;
    greatestId = Math.max(greatestId, id);
    String line = id + "\0" + path + "\0" + hashText + "\0" + narSize + "\0" + time + "\n";
    digest.update(line.getBytes(StandardCharsets.UTF_8));

    String name =
        path.startsWith(StoreRow.LOGICAL_PREFIX)
            ? path.substring(StoreRow.LOGICAL_PREFIX.length())
            : "";
    if (!StoreRow.isStoreName(name)) {
      badRows.add(bad(id, path, "the row names no path that a store can have"));
    } else if (!names.add(name)) {
      badRows.add(bad(id, path, "the database has a second row for the path"));
    } else {
      rows.add(new StoreRow(id, name, hashText, hash(hashText), narSize, time));
    }
  }

  /** Everything that was added. */
  StoreContents contents(List<String> notes) {
    return new StoreContents(
        rows,
        badRows,
        new Fingerprint(count, greatestId, HexFormat.of().formatHex(digest.digest())),
        notes);
  }

  private static BadRow bad(long id, String path, String problem) {
    return new BadRow(
        id,
        PathBytes.printable(path.getBytes(StandardCharsets.UTF_8)),
        problem + " (row " + id + ")");
  }

  private static Optional<NarHash> hash(String text) {
    try {
      return Optional.of(NarHash.parse(text));
    } catch (IllegalArgumentException e) {
      // Not a failure: the finding is made where the row is judged, from the text that stays in it.
      return Optional.empty();
    }
  }

  /** {@code getString} gives null for NULL; it is not annotated. */
  private static String orEmpty(@Nullable String text) {
    return text == null ? "" : text;
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }
}
