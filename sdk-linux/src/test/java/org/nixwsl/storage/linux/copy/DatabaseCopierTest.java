package org.nixwsl.storage.linux.copy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.OperationCancelledException;
import org.nixwsl.storage.event.CancellationToken;
import org.nixwsl.storage.linux.copy.tree.NodeMaker;
import org.nixwsl.storage.store.NixStore;

/** The check of a copied database. */
class DatabaseCopierTest {
  private static final FileTime LONG_AGO = FileTime.from(Instant.ofEpochSecond(1_000_000_000));

  @TempDir Path directory;
  private NixStore source;
  private Path workspace;
  private Path staged;

  @BeforeEach
  void makeDatabase() throws IOException, SQLException {
    source = NixStore.ofNixDirectory(directory.resolve("source"));
    workspace = Files.createDirectory(directory.resolve("workspace"));
    staged = NixStore.ofNixDirectory(workspace.resolve("staged")).database();
    Files.createDirectories(source.stateDirectory().resolve("db"));
    try (var connection = DriverManager.getConnection("jdbc:sqlite:" + source.database());
        var statement = connection.createStatement()) {
      statement.execute("create table Numbers (id integer primary key, text text unique)");
      statement.execute(
          "with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)"
              + " insert into Numbers select i, 'number ' || i from n");
    }
    Files.setLastModifiedTime(source.database(), LONG_AGO);
  }

  @Test
  void stopsTheCheckInTheMiddleWhenItIsCancelled() throws IOException {
    CancellationToken token = new CancellationToken();
    token.cancel();
    assertThatThrownBy(() -> stage(RunOptions.builder().cancelWith(token).build()))
        .isInstanceOf(OperationCancelledException.class);
    // What comes after the check gives the copy the time of the source.
    assertThat(staged).exists();
    assertThat(Files.getLastModifiedTime(staged)).isNotEqualTo(LONG_AGO);
  }

  @Test
  void refusesADatabaseWhoseIndexIsDamaged() throws SQLException {
    try (var connection = DriverManager.getConnection("jdbc:sqlite:" + source.database());
        var statement = connection.createStatement()) {
      statement.execute("pragma writable_schema = 1");
      // The index is now said to be of the other column, and is in the wrong order for it.
      statement.execute("create index other on Numbers (text)");
      statement.execute(
          "update sqlite_schema set sql = 'create index other on Numbers (length(text))'"
              + " where name = 'other'");
    }
    assertThatThrownBy(() -> stage(RunOptions.ofDefaults()))
        .isInstanceOfSatisfying(
            EnvironmentException.class,
            e -> {
              assertThat(e.code()).isEqualTo(ErrorCode.DATABASE_UNREADABLE);
              assertThat(e.getMessage()).contains("integrity_check");
            });
  }

  private void stage(RunOptions options) {
    Operation.run(
        "stage",
        options,
        Ticker.system(),
        Map.of(),
        operation ->
            new DatabaseCopier(
                    source,
                    NixStore.ofNixDirectory(directory.resolve("target")),
                    workspace,
                    NodeMaker.probing(workspace),
                    new CopyLedger(operation),
                    operation)
                .stage());
  }
}
