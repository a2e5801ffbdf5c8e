package org.nixwsl.storage.linux.copy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Rows of one database of Nix that another lacks come into it. */
class DatabaseMergeTest {
  /** As Nix 2.8 makes it, and the tables that it adds for content-addressed derivations. */
  private static final List<String> SCHEMA =
      List.of(
          "create table ValidPaths (id integer primary key autoincrement not null, path text unique"
              + " not null, hash text not null, registrationTime integer not null, deriver text,"
              + " narSize integer, ultimate integer, sigs text, ca text)",
          "create table Refs (referrer integer not null, reference integer not null, primary key"
              + " (referrer, reference), foreign key (referrer) references ValidPaths(id) on delete"
              + " cascade, foreign key (reference) references ValidPaths(id) on delete restrict)",
          "create table DerivationOutputs (drv integer not null, id text not null, path text not"
              + " null, primary key (drv, id), foreign key (drv) references ValidPaths(id) on"
              + " delete cascade)");

  private static final List<String> REALISATIONS =
      List.of(
          "create table Realisations (id integer primary key autoincrement not null, drvPath text"
              + " not null, outputName text not null, outputPath integer not null, signatures text,"
              + " foreign key (outputPath) references ValidPaths(id) on delete cascade)",
          "create table RealisationsRefs (referrer integer not null, realisationReference integer,"
              + " foreign key (referrer) references Realisations(id) on delete cascade, foreign key"
              + " (realisationReference) references Realisations(id) on delete restrict)");

  private static final String BUILD_TRACE =
      "create table BuildTraceV3 (id integer primary key autoincrement not null, drvPath text not"
          + " null, outputName text not null, outputPath text not null, signatures text)";

  @TempDir Path folder;

  @Test
  void rowsAreFoundByPathAsTheNumbersDiffer() throws SQLException {
    Path newer = database("newer", SCHEMA);
    Path older = database("older", SCHEMA);
    run(newer, path("both", "new"), path("fresh", "f"), refs("fresh", "both"));
    run(
        older,
        path("only", "o"),
        path("both", "old"),
        path("drv", "d"),
        refs("only", "only"),
        refs("only", "both"),
        refs("drv", "only"),
        refs("both", "drv"),
        "insert into DerivationOutputs values (3, 'out', '/nix/store/not-there')");

    assertThat(add(newer, older)).isEmpty();

    assertThat(query(newer, "select path || ' ' || hash from ValidPaths order by id"))
        .containsExactly("both new", "fresh f", "only o", "drv d");
    assertThat(references(newer))
        .as("the newer row of a path goes with its own references")
        .containsExactly("drv only", "fresh both", "only both", "only only");
    assertThat(
            query(
                newer,
                "select p.path || ' ' || d.id || ' ' || d.path from DerivationOutputs d"
                    + " join ValidPaths p on p.id = d.drv"))
        .containsExactly("drv out /nix/store/not-there");
    assertThat(query(older, "select path from ValidPaths order by id"))
        .containsExactly("only", "both", "drv");
    assertThat(
            query(newer, "select ca || sigs || ultimate || deriver from ValidPaths where id = 3"))
        .containsExactly("cas1d");
  }

  @Test
  void realisationsComeWithTheirPathsAndWhatTheyReferTo() throws SQLException {
    Path newer = database("newer", SCHEMA);
    Path older = database("older", SCHEMA);
    for (String table : REALISATIONS) {
      run(newer, table);
      run(older, table);
    }
    run(newer, path("both", "h"), "insert into Realisations values (7, 'a', 'out', 1, 's')");
    run(
        older,
        path("only", "o"),
        path("both", "h"),
        "insert into Realisations values (1, 'b', 'out', 1, 'sig')",
        "insert into Realisations values (2, 'a', 'out', 2, 'old')",
        "insert into RealisationsRefs values (1, 2)",
        "insert into RealisationsRefs values (2, 1)");

    assertThat(add(newer, older)).isEmpty();

    assertThat(
            query(
                newer,
                "select r.drvPath || ' ' || p.path || ' ' || r.signatures from Realisations r"
                    + " join ValidPaths p on p.id = r.outputPath order by 1"))
        .containsExactly("a both s", "b only sig");
    assertThat(
            query(
                newer,
                "select a.drvPath || ' ' || b.drvPath from RealisationsRefs"
                    + " join Realisations a on a.id = referrer"
                    + " join Realisations b on b.id = realisationReference"))
        .containsExactly("b a");
  }

  @Test
  void theTableOfNewerVersionsComesByItsTexts() throws SQLException {
    Path newer = database("newer", SCHEMA);
    Path older = database("older", SCHEMA);
    run(newer, BUILD_TRACE, path("/nix/store/both", "h"));
    run(
        older,
        BUILD_TRACE,
        path("/nix/store/only", "o"),
        path("/nix/store/both", "h"),
        "insert into BuildTraceV3 values (1, 'a', 'out', 'only', 's')",
        "insert into BuildTraceV3 values (2, 'b', 'out', 'both', 's')");
    add(newer, older);
    assertThat(query(newer, "select drvPath || outputPath from BuildTraceV3"))
        .containsExactly("aonly");
  }

  @Test
  void whatTheNewerOneHasNoTableForIsSaid() throws SQLException {
    Path newer = database("newer", SCHEMA);
    Path older = database("older", SCHEMA);
    run(older, REALISATIONS.get(0));
    assertThat(add(newer, older)).isEmpty();
    run(older, path("only", "o"), "insert into Realisations values (1, 'b', 'out', 1, 'sig')");
    assertThat(add(newer, older)).singleElement().asString().contains("Realisations");
    assertThat(query(newer, "select path from ValidPaths")).containsExactly("only");
  }

  @Test
  void aRowWithoutAPathInEitherKeepsNoPathFromComing() throws SQLException {
    List<String> loose = new ArrayList<>(SCHEMA);
    loose.set(0, SCHEMA.get(0).replace("path text unique not null", "path text"));
    Path newer = database("newer", loose);
    Path older = database("older", loose);
    String nameless = "insert into ValidPaths(path, hash, registrationTime) values (null, 'h', 1)";
    run(newer, nameless, path("both", "h"));
    run(older, nameless, path("only", "o"));
    add(newer, older);
    assertThat(query(newer, "select path from ValidPaths where path is not null"))
        .containsExactlyInAnyOrder("both", "only");
    assertThat(query(newer, "select count(*) from ValidPaths")).containsExactly("3");
  }

  @Test
  void nothingIsAddedWhereTheOlderOneIsBroken() throws SQLException {
    Path newer = database("newer", SCHEMA);
    Path older = database("older", SCHEMA);
    run(older, path("only", "o"), "insert into Refs values (1, 99)");
    run(newer, path("both", "h"));
    run(older, "drop table DerivationOutputs");
    assertThatThrownBy(() -> add(newer, older)).isInstanceOf(SQLException.class);
    assertThat(query(newer, "select path from ValidPaths")).containsExactly("both");
  }

  @Test
  void nothingIsAddedByACallThatIsCancelled() throws SQLException {
    Path newer = database("newer", SCHEMA);
    Path older = database("older", SCHEMA);
    run(
        older,
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)"
            + " insert into ValidPaths(path, hash, registrationTime) select 'p' || i, 'h', 1 from n");
    assertThatThrownBy(() -> DatabaseMerge.add(newer, older, () -> true))
        .isInstanceOf(SQLException.class);
    assertThat(query(newer, "select count(*) from ValidPaths")).containsExactly("0");
    add(newer, older);
    assertThat(query(newer, "select count(*) from ValidPaths")).containsExactly("20000");
  }

  private static List<String> add(Path newer, Path older) throws SQLException {
    return DatabaseMerge.add(newer, older, () -> false);
  }

  private Path database(String name, List<String> schema) throws SQLException {
    Path file = folder.resolve(name);
    run(file, schema.toArray(new String[0]));
    run(file, "pragma journal_mode = wal");
    return file;
  }

  private static String path(String path, String hash) {
    return "insert into ValidPaths(path, hash, registrationTime, deriver, narSize, ultimate, sigs,"
        + " ca) values ('"
        + path
        + "', '"
        + hash
        + "', 5, 'd', 112, 1, 's', 'ca')";
  }

  private static String refs(String from, String to) {
    return "insert into Refs select p.id, q.id from ValidPaths p, ValidPaths q where p.path = '"
        + from
        + "' and q.path = '"
        + to
        + "'";
  }

  private static List<String> references(Path database) throws SQLException {
    return query(
        database,
        "select p.path || ' ' || q.path from Refs join ValidPaths p on p.id = referrer"
            + " join ValidPaths q on q.id = reference order by 1");
  }

  private static void run(Path database, String... statements) throws SQLException {
    try (var connection = DriverManager.getConnection("jdbc:sqlite:" + database);
        var statement = connection.createStatement()) {
      for (String sql : statements) {
        statement.execute(sql);
      }
    }
  }

  private static List<String> query(Path database, String sql) throws SQLException {
    List<String> lines = new ArrayList<>();
    try (var connection = DriverManager.getConnection("jdbc:sqlite:" + database);
        var statement = connection.createStatement();
        var rows = statement.executeQuery(sql)) {
      while (rows.next()) {
        lines.add(rows.getString(1));
      }
    }
    return lines;
  }
}
