package org.nixwsl.storage.linux.copy;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.io.DurableFiles;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.linux.copy.destination.TreeRemoval;
import org.nixwsl.storage.linux.copy.tree.NodeMaker;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.linux.store.StoreContents;
import org.nixwsl.storage.linux.store.StoreDatabase;
import org.nixwsl.storage.linux.store.TreeSink;
import org.nixwsl.storage.linux.store.TreeWalker;
import org.nixwsl.storage.linux.store.UnreadableException;
import org.nixwsl.storage.store.NixStore;
import org.sqlite.ProgressHandler;
import org.sqlite.SQLiteConfig;
import org.sqlite.SQLiteConnection;
import org.sqlite.core.DB;

/**
 * Copies the database by SQLite's backup, which sees what is only in the write-ahead log. The copy
 * is made and checked in a place of its own and then moved in, so that the target is a store from
 * one moment to the next.
 */
final class DatabaseCopier {
  private static final int BUSY_MILLIS = 5000;
  private static final int BACKUP_SLEEP_MILLIS = 50;
  private static final int BACKUP_RETRIES = 100;
  private static final int ALL_PAGES = -1;
  private static final int ATTEMPTS = 5;

  /** Instructions of SQLite's machine, far below a millisecond. */
  private static final int STEPS_BETWEEN_LOOKS = 1000;

  /** The database is copied apart, the others only describe it. */
  private static final List<String> SCHEMA_FILES = List.of("schema", "ca-schema");

  /** Beside a new database each of these would be taken for its own: damage. */
  private static final List<String> COMPANIONS = List.of("-wal", "-shm", "-journal");

  private final NixStore source;
  private final NixStore target;
  private final NixStore staged;
  private final NodeMaker nodes;
  private final CopyLedger ledger;
  private final Operation operation;

  /**
   * A copier of one database.
   *
   * @param workspace a directory of ours on the target's file system
   */
  DatabaseCopier(
      NixStore source,
      NixStore target,
      Path workspace,
      NodeMaker nodes,
      CopyLedger ledger,
      Operation operation) {
    this.ledger = ledger;
    this.source = source;
    this.target = target;
    this.staged = NixStore.ofNixDirectory(workspace.resolve("staged"));
    this.nodes = nodes;
    this.operation = operation;
  }

  /**
   * Makes a copy of the database as it is now, outside the store, and checks it.
   *
   * @return what the copy holds
   */
  StoreContents stage() throws IOException {
    TreeRemoval.remove(staged.directory());
    Path directory = directory(staged);
    Files.createDirectories(directory);
    for (String name : SCHEMA_FILES) {
      Path from = directory(source).resolve(name);
      if (Files.exists(from, LinkOption.NOFOLLOW_LINKS)) {
        if (!FileFacts.of(from).regular()) {
          throw broken(name + " beside it is not a file", null);
        }
        Files.copy(from, directory.resolve(name), LinkOption.NOFOLLOW_LINKS);
        finishLike(from, directory.resolve(name));
      }
    }
    try {
      backUp();
      check();
    } catch (SQLException e) {
      operation.checkCancelled();
      throw broken(String.valueOf(e.getMessage()), e);
    }
    finishLike(source.database(), staged.database());
    return StoreDatabase.of(staged).read(operation);
  }

  /** The directory of the database as it was written, by its bytes. */
  CopiedPath written() throws IOException {
    try {
      TreeWalker.Walk walk =
          new TreeWalker().walk(directory(staged), TreeSink.none(), operation, bytes -> {});
      return new CopiedPath(walk.hash().orElseThrow(), walk.narSize(), walk.files(), walk.files());
    } catch (UnreadableException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  /** Moves the staged copy into the target, durably; the database itself last. */
  void place() throws IOException {
    for (String suffix : COMPANIONS) {
      Path stale = target.database().resolveSibling(target.database().getFileName() + suffix);
      Files.deleteIfExists(stale);
    }
    for (String name : SCHEMA_FILES) {
      Path from = directory(staged).resolve(name);
      if (Files.exists(from, LinkOption.NOFOLLOW_LINKS)) {
        move(from, directory(target).resolve(name));
      }
    }
    DurableFiles.forceDirectory(directory(target));
    move(staged.database(), target.database());
    DurableFiles.forceDirectory(directory(target));
    TreeRemoval.remove(staged.directory());
  }

  private void backUp() throws SQLException, IOException {
    for (int attempt = 1; ; attempt++) {
      FileFacts before = FileFacts.of(source.database());
      boolean hasLog = exists("-wal") || exists("-journal");
      // Without a log the file holds everything; opened as immutable it gets no files beside it.
      backUp(hasLog ? "mode=ro" : "mode=ro&immutable=1");
      boolean stoodStill = !exists("-wal") && FileFacts.of(source.database()).equals(before);
      if (hasLog || stoodStill) {
        return;
      }
      if (attempt == ATTEMPTS) {
        throw new SQLException("it was written to whenever it was copied");
      }
      Files.delete(staged.database());
    }
  }

  private void backUp(String mode) throws SQLException {
    SQLiteConfig config = new SQLiteConfig();
    config.setReadOnly(true);
    config.setBusyTimeout(BUSY_MILLIS);
    try (Connection connection =
        config.createConnection(StoreDatabase.url(source.database(), mode))) {
      String to = "file:" + staged.database().toUri().getRawPath();
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

  private void check() throws SQLException {
    SQLiteConfig config = new SQLiteConfig();
    config.setReadOnly(true);
    try (Connection connection =
            config.createConnection(StoreDatabase.url(staged.database(), "mode=ro&immutable=1"));
        Statement statement = connection.createStatement()) {
      // The file may be hostile: nothing that its schema names may run.
      statement.execute("pragma trusted_schema = 0");
      // A check of a large database takes seconds.
      ProgressHandler.setHandler(
          connection,
          STEPS_BETWEEN_LOOKS,
          new ProgressHandler() {
            @Override
            protected int progress() {
              return operation.cancelled() ? 1 : 0;
            }
          });
      try (ResultSet integrity = statement.executeQuery("pragma integrity_check(1)")) {
        if (!integrity.next() || !"ok".equals(integrity.getString(1))) {
          throw new SQLException("integrity_check: " + integrity.getString(1));
        }
      }
      try (ResultSet foreign = statement.executeQuery("pragma foreign_key_check")) {
        if (foreign.next()) {
          ledger.note(
              "The source's database is not consistent, and so is the copy: a row of "
                  + foreign.getString(1)
                  + " refers to nothing.");
        }
      }
    }
  }

  private EnvironmentException broken(String why, @Nullable SQLException cause) {
    Problem problem =
        Problem.of(
                ErrorCode.DATABASE_UNREADABLE,
                "Cannot copy the Nix database "
                    + PathBytes.printable(source.database())
                    + ": "
                    + why
                    + ".",
                "Run `nix-store --verify` on the source and call again.")
            .leaving(StateLeft.RESUMABLE);
    return cause == null
        ? new EnvironmentException(problem)
        : new EnvironmentException(problem, cause);
  }

  private boolean exists(String suffix) throws IOException {
    Path file = source.database().resolveSibling(source.database().getFileName() + suffix);
    try {
      return FileFacts.of(file).regular();
    } catch (NoSuchFileException absent) {
      return false;
    }
  }

  private void finishLike(Path from, Path copy) throws IOException {
    try (FileChannel channel = FileChannel.open(copy, StandardOpenOption.WRITE)) {
      channel.force(true);
    }
    nodes.finish(copy, FileFacts.of(from));
  }

  private static void move(Path from, Path to) throws IOException {
    Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
  }

  private static Path directory(NixStore store) {
    return store.stateDirectory().resolve("db");
  }
}
