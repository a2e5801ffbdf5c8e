package org.nixwsl.storage.linux.copy;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
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
import org.nixwsl.storage.linux.store.DirectoryEntries;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.linux.store.StoreContents;
import org.nixwsl.storage.linux.store.StoreDatabase;
import org.nixwsl.storage.linux.store.TreeSink;
import org.nixwsl.storage.linux.store.TreeWalker;
import org.nixwsl.storage.linux.store.UnreadableException;
import org.nixwsl.storage.store.NixStore;
import org.sqlite.ProgressHandler;
import org.sqlite.SQLiteConfig;

/**
 * Copies the database by SQLite's backup, which sees what is only in the write-ahead log. The copy
 * is made and checked in a place of its own and then moved in, so that the target is a store from
 * one moment to the next.
 */
final class DatabaseCopier {

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
          throw broken(source, name + " beside it is not a file", null);
        }
        Files.copy(from, directory.resolve(name), LinkOption.NOFOLLOW_LINKS);
        finishLike(from, directory.resolve(name));
      }
    }
    try {
      DatabaseBackup.of(source, staged.database());
      check();
    } catch (SQLException e) {
      operation.checkCancelled();
      throw broken(source, String.valueOf(e.getMessage()), e);
    }
    finishLike(source.database(), staged.database());
    return StoreDatabase.of(staged).read(operation);
  }

  /**
   * Adds to the staged copy what the target's database has of paths that the source has not. Nobody
   * has the target open meanwhile.
   */
  void mergeTarget() throws IOException {
    Path older = staged.directory().resolve("older.sqlite");
    try {
      Files.deleteIfExists(older);
      DatabaseBackup.of(target, older);
      DatabaseMerge.add(staged.database(), older, operation::cancelled).forEach(ledger::note);
      check();
    } catch (SQLException e) {
      operation.checkCancelled();
      throw broken(target, String.valueOf(e.getMessage()), e);
    }
    // SQLite leaves none behind; one that is there would hold what the file lacks.
    for (String suffix : COMPANIONS) {
      if (Files.exists(beside(staged, suffix), LinkOption.NOFOLLOW_LINKS)) {
        throw broken(target, "the merged database was not closed", null);
      }
    }
    finishLike(source.database(), staged.database());
  }

  /** The directory of the database as it was written, by its bytes. */
  CopiedPath written() throws IOException {
    return hashed(directory(staged));
  }

  /** The files of the database as they were written, by their names. */
  Map<String, CopiedPath> writtenFiles() throws IOException {
    Map<String, CopiedPath> files = new TreeMap<>();
    for (Path file : stagedFiles()) {
      files.put(file.getFileName().toString(), hashed(file));
    }
    return files;
  }

  /** The files that {@link #place} and {@link #replace} put into the target. */
  List<Path> stagedFiles() throws IOException {
    List<Path> files = new ArrayList<>();
    DirectoryEntries.each(directory(staged), files::add);
    return files;
  }

  private CopiedPath hashed(Path tree) throws IOException {
    try {
      TreeWalker.Walk walk = new TreeWalker().walk(tree, TreeSink.none(), operation, bytes -> {});
      return new CopiedPath(walk.hash().orElseThrow(), walk.narSize(), walk.files(), walk.files());
    } catch (UnreadableException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  /** Moves the staged copy into the target, durably; the database itself last. */
  void place() throws IOException {
    removeCompanions();
    placeSchema();
    DurableFiles.forceDirectory(directory(target));
    move(staged.database(), target.database());
    DurableFiles.forceDirectory(directory(target));
    TreeRemoval.remove(staged.directory());
  }

  /**
   * Puts the staged copy in the place of the target's database, durably, in one step: the target is
   * a store before and after. Nobody has the target open meanwhile.
   */
  void replace() throws IOException {
    try {
      settleTarget();
    } catch (SQLException e) {
      operation.checkCancelled();
      throw broken(target, String.valueOf(e.getMessage()), e);
    }
    removeCompanions();
    DurableFiles.forceDirectory(directory(target));
    move(staged.database(), target.database());
    DurableFiles.forceDirectory(directory(target));
    // They say what the database has, so that they may not come before it.
    placeSchema();
    DurableFiles.forceDirectory(directory(target));
    TreeRemoval.remove(staged.directory());
  }

  /** Brings into the file what is only in its log: the log goes before the file does. */
  private void settleTarget() throws SQLException, IOException {
    if (!hasContents("-wal") && !hasContents("-journal")) {
      return;
    }
    SQLiteConfig config = new SQLiteConfig();
    try (Connection connection =
            config.createConnection(StoreDatabase.url(target.database(), "mode=rw"));
        Statement statement = connection.createStatement()) {
      statement.execute("pragma trusted_schema = 0");
      statement.execute("pragma synchronous = full");
      try (ResultSet rows = statement.executeQuery("select count(*) from ValidPaths")) {
        rows.next(); // whatever a crash left is rolled back by the first look
      }
      try (ResultSet done = statement.executeQuery("pragma wal_checkpoint(truncate)")) {
        if (done.next() && done.getInt(1) != 0) {
          throw new SQLException("its log cannot be brought into the file: somebody has it open");
        }
      }
    }
    if (hasContents("-wal") || hasContents("-journal")) {
      throw new SQLException("its log cannot be brought into the file");
    }
  }

  private boolean hasContents(String suffix) throws IOException {
    Path file = beside(target, suffix);
    return Files.exists(file, LinkOption.NOFOLLOW_LINKS) && FileFacts.of(file).size() > 0;
  }

  private void removeCompanions() throws IOException {
    for (String suffix : COMPANIONS) {
      Files.deleteIfExists(beside(target, suffix));
    }
  }

  private void placeSchema() throws IOException {
    for (String name : SCHEMA_FILES) {
      Path from = directory(staged).resolve(name);
      if (Files.exists(from, LinkOption.NOFOLLOW_LINKS)) {
        move(from, directory(target).resolve(name));
      }
    }
  }

  private static Path beside(NixStore store, String suffix) {
    return store.database().resolveSibling(store.database().getFileName() + suffix);
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
      stopWhen(operation::cancelled, connection);
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

  /** Makes what runs on a connection fail as soon as this is so. */
  static void stopWhen(BooleanSupplier cancelled, Connection connection) throws SQLException {
    ProgressHandler.setHandler(
        connection,
        STEPS_BETWEEN_LOOKS,
        new ProgressHandler() {
          @Override
          protected int progress() {
            return cancelled.getAsBoolean() ? 1 : 0;
          }
        });
  }

  private static EnvironmentException broken(
      NixStore store, String why, @Nullable SQLException cause) {
    Problem problem =
        Problem.of(
                ErrorCode.DATABASE_UNREADABLE,
                "Cannot copy the Nix database "
                    + PathBytes.printable(store.database())
                    + ": "
                    + why
                    + ".",
                "Run `nix-store --verify` on that store and call again.")
            .leaving(StateLeft.RESUMABLE);
    return cause == null
        ? new EnvironmentException(problem)
        : new EnvironmentException(problem, cause);
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
