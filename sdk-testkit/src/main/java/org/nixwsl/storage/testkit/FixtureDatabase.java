package org.nixwsl.storage.testkit;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import org.nixwsl.storage.linux.store.StoreDatabase;

/** Makes and changes a Nix database of schema 10, the one of Nix 2.0 and later. */
final class FixtureDatabase implements AutoCloseable {
  private static final List<String> SCHEMA =
      List.of(
          "create table ValidPaths (id integer primary key autoincrement not null,"
              + " path text unique not null, hash text not null,"
              + " registrationTime integer not null, deriver text, narSize integer,"
              + " ultimate integer, sigs text, ca text)",
          "create table Refs (referrer integer not null, reference integer not null,"
              + " primary key (referrer, reference),"
              + " foreign key (referrer) references ValidPaths(id) on delete cascade,"
              + " foreign key (reference) references ValidPaths(id) on delete restrict)",
          "create index IndexReferrer on Refs(referrer)",
          "create index IndexReference on Refs(reference)",
          "create trigger DeleteSelfRefs before delete on ValidPaths begin"
              + " delete from Refs where referrer = old.id and reference = old.id; end",
          "create table DerivationOutputs (drv integer not null, id text not null,"
              + " path text not null, primary key (drv, id),"
              + " foreign key (drv) references ValidPaths(id) on delete cascade)",
          "create index IndexDerivationOutputs on DerivationOutputs(path)");

  private final Connection connection;

  private FixtureDatabase(Connection connection) {
    this.connection = connection;
  }

  /** Makes a database with empty tables, in WAL mode as Nix has it. */
  static FixtureDatabase create(Path file) {
    return create(file, SCHEMA);
  }

  /** Makes a database with other tables. */
  static FixtureDatabase create(Path file, List<String> schema) {
    FixtureDatabase database = connect(file, "mode=rwc");
    database.execute("pragma journal_mode = wal");
    schema.forEach(database::execute);
    return database;
  }

  /** Opens the database that is there. */
  static FixtureDatabase open(Path file) {
    return connect(file, "mode=rw");
  }

  private static FixtureDatabase connect(Path file, String mode) {
    try {
      FixtureDatabase database =
          new FixtureDatabase(DriverManager.getConnection(StoreDatabase.url(file, mode)));
      database.execute("pragma foreign_keys = 1");
      return database;
    } catch (SQLException e) {
      throw new IllegalStateException("Cannot open " + file, e);
    }
  }

  /** Registers a path, with references to paths that are registered or to itself. */
  void register(String path, FileTree.Nar nar, long time, List<String> references) {
    update(
        "insert into ValidPaths (path, hash, registrationTime, narSize, ultimate)"
            + " values (?, ?, ?, ?, 1)",
        path,
        nar.databaseText(),
        time,
        nar.size());
    for (String reference : references) {
      update(
          "insert into Refs select a.id, b.id from ValidPaths a, ValidPaths b"
              + " where a.path = ? and b.path = ?",
          path,
          reference);
    }
  }

  /** Changes rows. */
  void update(String sql, Object... values) {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      for (int i = 0; i < values.length; i++) {
        statement.setObject(i + 1, values[i]);
      }
      if (statement.executeUpdate() != 1) {
        throw new IllegalStateException("Not one row: " + sql);
      }
    } catch (SQLException e) {
      throw new IllegalStateException("Cannot run " + sql, e);
    }
  }

  private void execute(String sql) {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    } catch (SQLException e) {
      throw new IllegalStateException("Cannot run " + sql, e);
    }
  }

  @Override
  public void close() {
    try {
      connection.close();
    } catch (SQLException e) {
      throw new IllegalStateException("Cannot close the database", e);
    }
  }
}
