package org.nixwsl.storage.linux.store;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.store.NixStore;
import org.sqlite.SQLiteConfig;

/**
 * The Nix database of a store, only ever read: each call opens it, reads in one short transaction
 * and closes it again, so that a daemon beside us can go on checkpointing.
 *
 * <p>While anybody has the database open there is a write-ahead log, and it is read through SQLite
 * with that log ({@code mode=ro}). When there is none, the file holds everything; then it is read
 * as immutable, which unlike {@code mode=ro} makes no files beside it and works on a read-only
 * medium, and the reading is thrown away if the file or the log changed meanwhile.
 *
 * <p>Thread-safe; holds nothing open.
 */
public final class StoreDatabase {
  /** Nix 2.0 to 2.35 and Lix write this. */
  private static final int NEWEST_SCHEMA = 10;

  private static final int BUSY_MILLIS = 5000;
  private static final int ATTEMPTS = 5;
  private static final String WITH_LOG = "mode=ro";
  private static final String AT_REST = "mode=ro&immutable=1";

  private final Path file;

  private StoreDatabase(Path file) {
    this.file = file;
  }

  /** The database of a store; touches no file yet. */
  public static StoreDatabase of(NixStore store) {
    return new StoreDatabase(store.database());
  }

  /**
   * The address of a database file for JDBC, for any bytes that its path may have.
   *
   * @param parameters SQLite's URI parameters, such as {@code mode=ro}
   */
  public static String url(Path file, String parameters) {
    return "jdbc:sqlite:file:" + file.toAbsolutePath().toUri().getRawPath() + "?" + parameters;
  }

  /**
   * Reads all valid paths.
   *
   * @throws EnvironmentException {@code NOT_A_STORE}, {@code SCHEMA_TOO_NEW}, {@code
   *     DATABASE_UNREADABLE}
   */
  public StoreContents read(Operation operation) {
    checkSchema();
    return query(
        (connection, notes) -> {
          RowReader reader = new RowReader();
          try (Statement statement = connection.createStatement();
              ResultSet rows = statement.executeQuery(select(connection) + " order by id")) {
            while (rows.next()) {
              operation.checkCancelled();
              reader.add(rows);
            }
          }
          return reader.contents(notes);
        });
  }

  /**
   * Asks again for one path, as it stands now.
   *
   * @param name the base name
   * @return its row; empty if the path is not valid any more
   */
  public Optional<StoreRow> requery(String name) {
    return query(
        (connection, notes) -> {
          try (PreparedStatement statement =
              connection.prepareStatement(select(connection) + " where path = ?")) {
            statement.setString(1, StoreRow.LOGICAL_PREFIX + name);
            try (ResultSet rows = statement.executeQuery()) {
              RowReader reader = new RowReader();
              while (rows.next()) {
                reader.add(rows);
              }
              return reader.contents(notes).rows().stream().findFirst();
            }
          }
        });
  }

  private interface Query<T> {
    T run(Connection connection, List<String> notes) throws SQLException;
  }

  /** What shows that somebody wrote; a log of -1 bytes is not there. */
  private record Moment(FileFacts database, long logBytes, long journalBytes) {
    boolean atRest() {
      return logBytes < 0 && journalBytes <= 0;
    }

    /** Nothing in the log: the file alone holds everything at this moment. */
    boolean complete() {
      return logBytes <= 0 && journalBytes <= 0;
    }
  }

  private <T> T query(Query<T> query) {
    for (int attempt = 1; ; attempt++) {
      Moment before = moment();
      boolean atRest = before.atRest() && attempt < ATTEMPTS;
      try {
        T result = run(atRest ? AT_REST : WITH_LOG, List.of(), query);
        if (!atRest || moment().equals(before)) {
          return result;
        }
      } catch (SQLException e) {
        if (atRest) {
          if (moment().equals(before)) {
            throw unreadable(e);
          }
        } else {
          return withoutSharedMemory(before, query, e);
        }
      }
    }
  }

  /**
   * Reading beside a log needs a file of shared memory. Where it cannot be made, because the
   * directory is not ours to write in, an empty log is as good as none.
   */
  private <T> T withoutSharedMemory(Moment before, Query<T> query, SQLException first) {
    if (!before.complete()) {
      throw unreadable(first);
    }
    try {
      T result =
          run(
              AT_REST,
              List.of(
                  "The database was read without its (empty) log, because the shared memory file"
                      + " beside it cannot be made: "
                      + first.getMessage()),
              query);
      if (moment().equals(before)) {
        return result;
      }
    } catch (SQLException e) {
      first.addSuppressed(e);
    }
    throw unreadable(first);
  }

  private <T> T run(String mode, List<String> notes, Query<T> query) throws SQLException {
    SQLiteConfig config = new SQLiteConfig();
    config.setReadOnly(true);
    config.setBusyTimeout(BUSY_MILLIS);
    config.setPragma(SQLiteConfig.Pragma.TRANSACTION_MODE, "DEFERRED");
    try (Connection connection = config.createConnection(url(file, mode))) {
      try (Statement statement = connection.createStatement()) {
        statement.execute("pragma query_only = 1");
        // The file may be hostile: nothing that its schema names may run.
        statement.execute("pragma trusted_schema = 0");
      }
      connection.setAutoCommit(false);
      T result = query.run(connection, notes);
      connection.rollback();
      return result;
    }
  }

  /** Columns that an old schema lacks are read as nothing; texts are cut, as they may be huge. */
  private static String select(Connection connection) throws SQLException {
    Set<String> columns = new HashSet<>();
    try (Statement statement = connection.createStatement();
        ResultSet info = statement.executeQuery("pragma table_info(ValidPaths)")) {
      while (info.next()) {
        columns.add(info.getString("name").toLowerCase(Locale.ROOT));
      }
    }
    if (!columns.containsAll(Set.of("id", "path", "hash"))) {
      throw new SQLException("the table ValidPaths is not there or lacks its columns");
    }
    return "select id, substr(cast(path as text), 1, "
        + RowReader.PATH_CHARACTERS
        + "), substr(cast(hash as text), 1, "
        + RowReader.HASH_CHARACTERS
        + "), "
        + (columns.contains("narsize") ? "narSize" : "0")
        + ", "
        + (columns.contains("registrationtime") ? "registrationTime" : "0")
        + " from ValidPaths";
  }

  private Moment moment() {
    try {
      FileFacts facts = FileFacts.of(file);
      if (!facts.regular()) {
        throw new EnvironmentException(
            Problem.of(
                ErrorCode.DATABASE_UNREADABLE,
                "The Nix database " + shown() + " is a " + facts.typeName() + ", not a file.",
                "Give the directory that really holds the store."));
      }
      return new Moment(facts, sizeBeside("-wal"), sizeBeside("-journal"));
    } catch (NoSuchFileException e) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.NOT_A_STORE,
              "There is no Nix store here: the database " + shown() + " does not exist.",
              "Give a directory that holds nix/store and nix/var, or / for this machine's store."),
          e);
    } catch (IOException e) {
      throw unreadable(e);
    }
  }

  private long sizeBeside(String suffix) throws IOException {
    Path beside = file.resolveSibling(file.getFileName() + suffix);
    try {
      return FileFacts.of(beside).size();
    } catch (NoSuchFileException e) {
      return -1;
    }
  }

  private void checkSchema() {
    moment();
    Path schema = file.resolveSibling("schema");
    String text;
    try {
      // Opening a FIFO would wait for ever.
      if (!FileFacts.of(schema).regular()) {
        throw new IOException(PathBytes.printable(schema) + " is not a file");
      }
    } catch (IOException e) {
      throw unreadable(e);
    }
    try (InputStream in = Files.newInputStream(schema, LinkOption.NOFOLLOW_LINKS)) {
      text = new String(in.readNBytes(20), StandardCharsets.ISO_8859_1).strip();
    } catch (IOException e) {
      throw unreadable(e);
    }
    boolean number = !text.isEmpty() && text.length() < 9 && text.chars().allMatch(this::digit);
    if (!number) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.DATABASE_UNREADABLE,
              "The file " + PathBytes.printable(schema) + " holds no version number.",
              "Run any command of Nix on that store, which writes it, and call again."));
    }
    if (Integer.parseInt(text) > NEWEST_SCHEMA) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.SCHEMA_TOO_NEW,
              "The Nix database "
                  + shown()
                  + " has schema "
                  + text
                  + "; this SDK knows up to "
                  + NEWEST_SCHEMA
                  + ".",
              "Use a newer version of the SDK."));
    }
  }

  private boolean digit(int c) {
    return c >= '0' && c <= '9';
  }

  private EnvironmentException unreadable(Exception e) {
    Problem problem =
        Problem.of(
            ErrorCode.DATABASE_UNREADABLE,
            "Cannot read the Nix database " + shown() + ": " + reason(e) + ".",
            "Call as root or as the owner of the store; if it is damaged, run `sqlite3` with"
                + " `pragma integrity_check` on a copy of it.");
    boolean busy = Stream.of("BUSY", "LOCKED").anyMatch(reason(e)::contains);
    return new EnvironmentException(busy ? problem.mayGoAway() : problem, e);
  }

  private static String reason(Exception e) {
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
  }

  private String shown() {
    return PathBytes.printable(file);
  }
}
