package org.nixwsl.storage.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.linux.store.StoreContents;
import org.nixwsl.storage.linux.store.StoreDatabase;
import org.nixwsl.storage.linux.store.StoreRow;

class StoreDatabaseTest {
  @TempDir Path directory;

  private static StoreContents read(StoreFixture fixture) {
    return Operation.quiet("read", operation -> StoreDatabase.of(fixture.store()).read(operation));
  }

  private static List<String> paths(StoreContents contents) {
    return contents.rows().stream().map(StoreRow::logicalPath).sorted().toList();
  }

  @Test
  void readsTheRowsWhateverBytesThePathOfTheStoreHas() throws IOException {
    for (String name :
        List.of(
            "with space",
            "hash#",
            "question?mode=memory",
            "percent%41",
            "semi;colon&x=y",
            "quote'\"",
            "latin1-\u00e9",
            "broken-\u00ff\u00fe",
            "new\nline")) {
      Path root = Files.createDirectory(directory.resolve(FileTreeWriter.nameOf(name)));
      StoreFixture fixture = StoreFixture.create(root, 1);

      assertThat(paths(read(fixture))).as(name).isEqualTo(fixture.paths());
    }
  }

  @Test
  void seesWhatIsInTheLogOnly() throws IOException {
    StoreFixture fixture = StoreFixture.create(directory, 1);
    FileTree tree = FileTree.Regular.text("new");
    String path = StoreFixture.logicalPath("new", 1);
    try (FixtureDatabase database = FixtureDatabase.open(fixture.store().database())) {
      StoreContents before = read(fixture);
      database.register(path, tree.nar(), 1, List.of());

      assertThat(Files.size(fixture.store().database().resolveSibling("db.sqlite-wal")))
          .isPositive();
      assertThat(paths(read(fixture))).contains(path);
      assertThat(read(fixture).fingerprint()).isNotEqualTo(before.fingerprint());
      assertThat(StoreDatabase.of(fixture.store()).requery(StoreFixture.baseName(path)))
          .hasValueSatisfying(row -> assertThat(row.hash()).contains(tree.nar().hash()));
    }
  }

  @Test
  void makesNoFilesBesideADatabaseThatNobodyUses() throws IOException {
    StoreFixture fixture = StoreFixture.create(directory, 1);
    Path db = fixture.store().stateDirectory().resolve("db");
    List<Path> before = list(db);

    read(fixture);
    StoreDatabase.of(fixture.store()).requery("nothing");

    assertThat(list(db)).isEqualTo(before);
  }

  private static List<Path> list(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.sorted().toList();
    }
  }

  @Test
  void givesTheSameFingerprintForTheSameRows() throws IOException {
    StoreFixture fixture = StoreFixture.create(directory, 1);

    assertThat(read(fixture).fingerprint()).isEqualTo(read(fixture).fingerprint());
    assertThat(read(fixture).fingerprint().rows()).isEqualTo(fixture.paths().size());
  }

  @Test
  void readsAnOldSchemaThatLacksColumns() throws IOException {
    StoreFixture fixture = StoreFixture.create(directory, 1);
    Files.writeString(fixture.store().database().resolveSibling("schema"), "5\n");
    Files.delete(fixture.store().database());
    try (FixtureDatabase database =
        FixtureDatabase.create(
            fixture.store().database(),
            List.of("create table ValidPaths (id integer primary key, path text, hash text)"))) {
      database.update("insert into ValidPaths values (7, ?, 'x')", fixture.paths().get(0));
    }

    assertThat(read(fixture).rows())
        .singleElement()
        .satisfies(
            row -> {
              assertThat(row.id()).isEqualTo(7);
              assertThat(row.narSize()).isZero();
              assertThat(row.hash()).isEmpty();
            });
  }

  @Test
  void refusesASchemaThatItDoesNotKnow() throws IOException {
    StoreFixture fixture = StoreFixture.create(directory, 1);
    Files.writeString(fixture.store().database().resolveSibling("schema"), "11");
    assertCode(fixture, ErrorCode.SCHEMA_TOO_NEW);
  }

  @Test
  void refusesAFileThatIsNoDatabase() throws IOException {
    StoreFixture fixture = StoreFixture.create(directory, 1);
    Files.writeString(fixture.store().database(), "not a database ".repeat(1000));
    assertCode(fixture, ErrorCode.DATABASE_UNREADABLE);
  }

  @Test
  void followsNoSymlinkToADatabase() throws IOException {
    StoreFixture fixture = StoreFixture.create(directory, 1);
    Path database = fixture.store().database();
    Files.move(database, database.resolveSibling("other"));
    Files.createSymbolicLink(database, Path.of("other"));
    assertCode(fixture, ErrorCode.DATABASE_UNREADABLE);
  }

  private static void assertCode(StoreFixture fixture, ErrorCode code) {
    assertThatThrownBy(() -> read(fixture))
        .isInstanceOf(StorageSdkException.class)
        .extracting(e -> ((StorageSdkException) e).code())
        .isEqualTo(code);
  }
}
