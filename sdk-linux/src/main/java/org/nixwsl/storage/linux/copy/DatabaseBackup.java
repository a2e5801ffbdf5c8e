package org.nixwsl.storage.linux.copy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.linux.store.StoreDatabase;
import org.nixwsl.storage.store.NixStore;
import org.sqlite.SQLiteConfig;
import org.sqlite.SQLiteConnection;
import org.sqlite.core.DB;

/**
 * Brings the database of a store into one file as it is at one moment, by SQLite's backup, which
 * sees what is only in the write-ahead log.
 */
final class DatabaseBackup {
  private static final int BUSY_MILLIS = 5000;
  private static final int BACKUP_SLEEP_MILLIS = 50;
  private static final int BACKUP_RETRIES = 100;
  private static final int ALL_PAGES = -1;
  private static final int ATTEMPTS = 5;

  private final Path source;
  private final Path copy;

  private DatabaseBackup(Path source, Path copy) {
    this.source = source;
    this.copy = copy;
  }

  /**
   * Makes it.
   *
   * @param copy the file; not there yet
   */
  static void of(NixStore store, Path copy) throws SQLException, IOException {
    new DatabaseBackup(store.database(), copy).make();
  }

  private void make() throws SQLException, IOException {
    for (int attempt = 1; ; attempt++) {
      FileFacts before = FileFacts.of(source);
      boolean hasLog = exists("-wal") || exists("-journal");
      // Without a log the file holds everything; opened as immutable it gets no files beside it.
      make(hasLog ? "mode=ro" : "mode=ro&immutable=1");
      boolean stoodStill = !exists("-wal") && FileFacts.of(source).equals(before);
      if (hasLog || stoodStill) {
        return;
      }
      if (attempt == ATTEMPTS) {
        throw new SQLException("it was written to whenever it was copied");
      }
      Files.delete(copy);
    }
  }

  private void make(String mode) throws SQLException {
    SQLiteConfig config = new SQLiteConfig();
    config.setReadOnly(true);
    config.setBusyTimeout(BUSY_MILLIS);
    try (Connection connection = config.createConnection(StoreDatabase.url(source, mode))) {
      String to = "file:" + copy.toUri().getRawPath();
      // All pages in one step: they are of one moment.
      int result =
          connection
              .unwrap(SQLiteConnection.class)
              .getDatabase()
              .backup("main", to, null, BACKUP_SLEEP_MILLIS, BACKUP_RETRIES, ALL_PAGES);
      if (result != 0) {
        throw DB.newSQLException(result, "backup");
      }
    }
  }

  private boolean exists(String suffix) throws IOException {
    Path file = source.resolveSibling(source.getFileName() + suffix);
    try {
      return FileFacts.of(file).regular();
    } catch (NoSuchFileException absent) {
      return false;
    }
  }
}
