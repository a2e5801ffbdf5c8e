package org.nixwsl.storage.linux.copy;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import org.nixwsl.storage.linux.store.StoreDatabase;
import org.sqlite.SQLiteConfig;

/**
 * Adds to one database what an older one has of paths that the first has not: their rows, what they
 * refer to, and their outputs, found by path, as the numbers of the two differ. Of a path that both
 * have the first one's row stands. What was added is compared before it is kept.
 */
final class DatabaseMerge {
  private static final String KEPT = "temp.KeptPaths";

  /** Of each path that is in both by now, its number in each. */
  private static final String IDS = "temp.Ids";

  private final Statement sql;
  private final List<String> notes = new ArrayList<>();

  private DatabaseMerge(Statement sql) {
    this.sql = sql;
  }

  /**
   * Adds, in one transaction.
   *
   * @param database is added to; nobody else has it open
   * @param older is only read; nobody writes to it
   * @param cancelled asked all the while; SQLite gives up then, and nothing is added
   * @return what could not be added, for people
   */
  static List<String> add(Path database, Path older, BooleanSupplier cancelled)
      throws SQLException {
    SQLiteConfig config = new SQLiteConfig();
    config.enforceForeignKeys(true);
    try (Connection connection = config.createConnection(StoreDatabase.url(database, "mode=rw"));
        Statement sql = connection.createStatement()) {
      // The files may be hostile: nothing that their schemas name may run.
      sql.execute("pragma trusted_schema = 0");
      sql.execute(
          "attach 'file:"
              + older.toAbsolutePath().toUri().getRawPath().replace("'", "''")
              + "?mode=ro&immutable=1' as older");
      DatabaseCopier.stopWhen(cancelled, connection);
      DatabaseMerge merge = new DatabaseMerge(sql);
      sql.execute("begin immediate");
      merge.run();
      sql.execute("commit");
      return List.copyOf(merge.notes);
    }
  }

  private void run() throws SQLException {
    sql.execute(
        "create table "
            + KEPT
            + " as select id, path from older.ValidPaths o where path is not null"
            + " and not exists (select 1 from main.ValidPaths m where m.path = o.path)");
    long rows = number("select count(*) from main.ValidPaths");
    String columns = shared("ValidPaths", Set.of("id"));
    sql.execute(
        "insert into main.ValidPaths("
            + columns
            + ") select "
            + columns
            + " from older.ValidPaths where id in (select id from KeptPaths) order by id");
    sql.execute(
        "create table "
            + IDS
            + " as select o.id as was, n.id as now, o.id in (select id from KeptPaths) as kept"
            + " from older.ValidPaths o join main.ValidPaths n on n.path = o.path");
    sql.execute("create unique index temp.IdsByOld on Ids(was)");
    sql.execute(
        "insert into main.Refs(referrer, reference) select a.now, b.now from older.Refs r"
            + " join Ids a on a.was = r.referrer and a.kept join Ids b on b.was = r.reference");
    sql.execute(
        "insert into main.DerivationOutputs(drv, id, path) select a.now, d.id, d.path"
            + " from older.DerivationOutputs d join Ids a on a.was = d.drv and a.kept");
    realisations();
    buildTrace();
    compare(rows);
  }

  /** Of content-addressed derivations, where Nix has that feature on, up to 2.34. */
  private void realisations() throws SQLException {
    if (!inBoth("Realisations")) {
      return;
    }
    String columns = shared("Realisations", Set.of("id", "outputPath"));
    sql.execute(
        "insert into main.Realisations("
            + columns
            + ", outputPath) select "
            + columns
            + ", a.now from older.Realisations r join Ids a on a.was = r.outputPath and a.kept"
            + " where not exists (select 1 from main.Realisations m"
            + " where m.drvPath = r.drvPath and m.outputName = r.outputName)");
    if (inBoth("RealisationsRefs")) {
      sql.execute(
          "insert into main.RealisationsRefs(referrer, realisationReference)"
              + " select m.id, n.id from older.RealisationsRefs f"
              + " join older.Realisations r on r.id = f.referrer"
              + " join Ids a on a.was = r.outputPath and a.kept"
              + " join main.Realisations m on m.drvPath = r.drvPath"
              + " and m.outputName = r.outputName and m.outputPath = a.now"
              + " join older.Realisations s on s.id = f.realisationReference"
              + " join main.Realisations n on n.drvPath = s.drvPath"
              + " and n.outputName = s.outputName");
    }
  }

  /** What Nix 2.35 has in the place of realisations; it names paths by their text. */
  private void buildTrace() throws SQLException {
    if (!inBoth("BuildTraceV3")) {
      return;
    }
    String columns = shared("BuildTraceV3", Set.of("id"));
    sql.execute(
        "insert into main.BuildTraceV3("
            + columns
            + ") select "
            + columns
            + " from older.BuildTraceV3 t where exists (select 1 from KeptPaths k"
            + " where k.path in (t.outputPath, '/nix/store/' || t.outputPath))"
            + " and not exists (select 1 from main.BuildTraceV3 m"
            + " where m.drvPath = t.drvPath and m.outputName = t.outputName)");
  }

  /** By paths and not by the numbers that the rows were added by. */
  private void compare(long rowsBefore) throws SQLException {
    long kept = number("select count(*) from KeptPaths");
    require(
        number("select count(*) from main.ValidPaths") == rowsBefore + kept,
        "the paths of the two do not add up");
    require(
        number(
                "select count(*) from older.Refs r"
                    + " join older.ValidPaths p on p.id = r.referrer"
                    + " join older.ValidPaths q on q.id = r.reference"
                    + " where p.path in (select path from KeptPaths) and not exists ("
                    + "select 1 from main.ValidPaths a join main.Refs m on m.referrer = a.id"
                    + " join main.ValidPaths b on b.id = m.reference"
                    + " where a.path = p.path and b.path = q.path)")
            == 0,
        "a reference of a path that only the older one has is missing");
    require(
        number(
                "select count(*) from older.DerivationOutputs d"
                    + " join older.ValidPaths p on p.id = d.drv"
                    + " where p.path in (select path from KeptPaths) and not exists ("
                    + "select 1 from main.ValidPaths a"
                    + " join main.DerivationOutputs m on m.drv = a.id"
                    + " where a.path = p.path and m.id = d.id and m.path = d.path)")
            == 0,
        "an output of a derivation that only the older one has is missing");
  }

  private static void require(boolean holds, String otherwise) throws SQLException {
    if (!holds) {
      throw new SQLException("after it was merged: " + otherwise);
    }
  }

  private boolean inBoth(String table) throws SQLException {
    boolean there = !columns("main", table).isEmpty();
    if (!there
        && !columns("older", table).isEmpty()
        && number("select count(*) from older." + table) > 0) {
      notes.add(
          "The database has no table "
              + table
              + ": what the old store had in it is not in the new one.");
    }
    return there && !columns("older", table).isEmpty();
  }

  /** The columns that both have, but these, as a list for SQL; letters only. */
  private String shared(String table, Set<String> without) throws SQLException {
    Set<String> both = columns("main", table);
    both.retainAll(columns("older", table));
    both.removeAll(without);
    both.removeIf(column -> !column.matches("[A-Za-z]+"));
    return String.join(", ", both);
  }

  private Set<String> columns(String schema, String table) throws SQLException {
    Set<String> columns = new TreeSet<>();
    try (ResultSet info = sql.executeQuery("pragma " + schema + ".table_info(" + table + ")")) {
      while (info.next()) {
        columns.add(info.getString("name"));
      }
    }
    return columns;
  }

  private long number(String query) throws SQLException {
    try (ResultSet result = sql.executeQuery(query)) {
      return result.next() ? result.getLong(1) : 0;
    }
  }
}
