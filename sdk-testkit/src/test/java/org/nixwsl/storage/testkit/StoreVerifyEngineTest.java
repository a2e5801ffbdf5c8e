package org.nixwsl.storage.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.StoreVerifier;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.OperationCancelledException;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.event.CancellationToken;
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.linux.verify.StoreVerifyEngine;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.store.StoreFinding;
import org.nixwsl.storage.store.Verdict;
import org.nixwsl.storage.store.VerifyLevel;
import org.nixwsl.storage.store.VerifyReport;
import org.nixwsl.storage.store.VerifyRequest;

@Tag("once")
class StoreVerifyEngineTest {
  private final StoreVerifier verifier =
      new StoreVerifyEngine(new ProcessRunner(), Ticker.system());

  @TempDir Path root;

  private VerifyReport verify(StoreFixture fixture, VerifyLevel level) {
    return verifier.verify(request(fixture.store(), level));
  }

  private static VerifyRequest request(NixStore store, VerifyLevel level) {
    return VerifyRequest.builder().store(store).level(level).threads(3).build();
  }

  /** Path and verdict of each finding. */
  private static List<String> verdicts(List<StoreFinding> findings) {
    return findings.stream().map(f -> f.verdict() + " " + f.path()).sorted().toList();
  }

  private static List<String> expected(List<DamageDone> damages, VerifyLevel level) {
    List<String> all = new ArrayList<>();
    for (DamageDone done : damages) {
      if (done.kind().level().compareTo(level) <= 0) {
        done.kind()
            .verdict()
            .ifPresent(verdict -> done.paths().forEach(path -> all.add(verdict + " " + path)));
      }
      if (level == VerifyLevel.LINKS) {
        done.links().forEach(link -> all.add(Verdict.LINK + " /nix/store/.links/" + link));
      }
    }
    return all.stream().sorted().toList();
  }

  @ParameterizedTest
  @EnumSource
  void findsNothingInAHealthyStore(VerifyLevel level) throws IOException {
    StoreFixture fixture = StoreFixture.create(root, 1);

    VerifyReport report = verify(fixture, level);

    assertThat(report.findings()).isEmpty();
    assertThat(report.notes()).isEmpty();
    assertThat(report.damaged()).isFalse();
    assertThat(report.paths()).isEqualTo(fixture.paths().size());
  }

  @ParameterizedTest
  @EnumSource
  void findsEachDamageAndNothingElse(Damage kind) throws IOException {
    if (kind == Damage.FIFO) {
      NixTool.require("mkfifo");
    }
    StoreFixture fixture = StoreFixture.create(root, 2);
    List<DamageDone> done = List.of(fixture.damage(kind));

    assertThat(verdicts(verify(fixture, VerifyLevel.LINKS).findings()))
        .isEqualTo(expected(done, VerifyLevel.LINKS));
  }

  @Test
  void findsAllDamagesAtOnceWhateverTheSeed(@TempDir Path other) throws IOException {
    NixTool.require("mkfifo");
    for (long seed : new long[] {3, 4}) {
      StoreFixture fixture = StoreFixture.create(seed == 3 ? root : other, seed);
      List<DamageDone> done = fixture.damageAll();

      for (VerifyLevel level :
          List.of(VerifyLevel.EXISTENCE, VerifyLevel.CONTENTS, VerifyLevel.LINKS)) {
        VerifyReport report = verify(fixture, level);
        assertThat(verdicts(report.findings())).isEqualTo(expected(done, level));
        assertThat(report.damaged()).isTrue();
      }
    }
  }

  @Test
  void seesFromMetadataAloneWhatChangesTheSize() throws IOException {
    for (Damage kind : Damage.values()) {
      if (kind.level() != VerifyLevel.SIZES || kind == Damage.FIFO) {
        continue;
      }
      Path own = Files.createDirectory(root.resolve(kind.name()));
      StoreFixture fixture = StoreFixture.create(own, 5);
      List<DamageDone> done = List.of(fixture.damage(kind));

      assertThat(verdicts(verify(fixture, VerifyLevel.SIZES).findings()))
          .as("%s", kind)
          .isEqualTo(expected(done, VerifyLevel.SIZES));
    }
  }

  @Test
  void doesNotCallAnUnregisteredPathDamage() throws IOException {
    StoreFixture fixture = StoreFixture.create(root, 1);
    fixture.damage(Damage.UNREGISTERED);

    assertThat(verify(fixture, VerifyLevel.CONTENTS).damaged()).isFalse();
  }

  @Test
  void leavesOutWhatNixItselfKeepsInTheStoreDirectory() throws IOException {
    StoreFixture fixture = StoreFixture.create(root, 1);
    Path store = fixture.store().storeDirectory();
    Files.createFile(store.resolve("0123456789abcdfghijklmnpqrsvwxyz-building-1.0.lock"));
    Files.createDirectory(store.resolve("0123456789abcdfghijklmnpqrsvwxyz-failed-1.0.chroot"));
    Files.createDirectory(store.resolve("tmp-12-0"));
    Files.createFile(store.resolve(".tmp-link-1-2"));
    Files.createDirectory(store.resolve("trash"));

    VerifyReport report = verify(fixture, VerifyLevel.CONTENTS);

    assertThat(report.findings()).isEmpty();
    assertThat(report.notes()).singleElement().asString().startsWith("4 leftovers");
  }

  @Test
  void callsAPathCollectedWhoseRowWentAwayMeanwhile() throws IOException {
    StoreFixture fixture = StoreFixture.create(root, 1);
    List<String> gone = new ArrayList<>();
    gone.addAll(fixture.damage(Damage.DELETE_LEAF).paths());
    gone.addAll(fixture.damage(Damage.DELETE_LEAF).paths());
    AtomicInteger found = new AtomicInteger();

    VerifyReport report =
        verifier.verify(
            request(fixture.store(), VerifyLevel.EXISTENCE),
            RunOptions.builder()
                .on(
                    StorageEvent.Found.class,
                    event -> {
                      if (found.incrementAndGet() == 1) {
                        gone.stream()
                            .filter(path -> !path.equals(event.finding().path()))
                            .forEach(path -> unregister(fixture, path));
                      }
                    })
                .build());

    assertThat(report.findings().stream().map(StoreFinding::verdict))
        .containsExactlyInAnyOrder(Verdict.MISSING, Verdict.COLLECTED);
  }

  private static void unregister(StoreFixture fixture, String path) {
    try (FixtureDatabase database = FixtureDatabase.open(fixture.store().database())) {
      database.update("delete from ValidPaths where path = ?", path);
    }
  }

  @Test
  void changesNothingInTheStore() throws IOException {
    StoreFixture fixture = StoreFixture.create(root, 1);
    fixture.damage(Damage.DELETE_LEAF);
    Map<String, String> before = snapshot();

    verify(fixture, VerifyLevel.LINKS);

    assertThat(snapshot()).isEqualTo(before);
  }

  private Map<String, String> snapshot() throws IOException {
    Map<String, String> all = new TreeMap<>();
    try (Stream<Path> walk = Files.walk(root)) {
      for (Path file : walk.toList()) {
        all.put(
            file.toUri().getRawPath(),
            Files.readAttributes(
                    file, "unix:mode,ino,size,lastModifiedTime,ctime", LinkOption.NOFOLLOW_LINKS)
                .toString());
      }
    }
    return all;
  }

  @Test
  void saysWhenTheCollectorCouldNotBeKeptOut() throws IOException {
    StoreFixture fixture = StoreFixture.create(root, 1);
    Files.delete(fixture.store().stateDirectory().resolve("gc.lock"));

    assertThat(verify(fixture, VerifyLevel.EXISTENCE).notes())
        .singleElement()
        .asString()
        .contains("collector", "gc.lock does not exist");
  }

  @Test
  void judgesTheRowWhenTheHashCannotBeRead() throws IOException {
    StoreFixture fixture = StoreFixture.create(root, 1);
    String path = fixture.paths().get(0);
    change(fixture, "update ValidPaths set hash = 'nonsense' where path = ?", path);

    for (VerifyLevel level : VerifyLevel.values()) {
      assertThat(verdicts(verify(fixture, level).findings())).containsExactly("DB " + path);
    }
  }

  @Test
  void notesAHashThatOldVersionsOfNixLeftOut() throws IOException {
    StoreFixture fixture = StoreFixture.create(root, 1);
    change(
        fixture,
        "update ValidPaths set narSize = null, hash = ? where path = ?",
        "sha256:" + "0".repeat(64),
        fixture.paths().get(0));

    VerifyReport report = verify(fixture, VerifyLevel.CONTENTS);

    assertThat(report.findings()).isEmpty();
    assertThat(report.notes()).singleElement().asString().contains("1 paths", "no hash");
  }

  @Test
  void neverGoesWhereAHostileRowPoints() throws IOException {
    StoreFixture fixture = StoreFixture.create(root, 1);
    for (String path : List.of("/nix/store/..", "/nix/store/a/b", "/etc/passwd", "x%\u00e9")) {
      change(
          fixture,
          "insert into ValidPaths (path, hash, registrationTime) values (?, 'x', 1)",
          path);
    }

    assertThat(verdicts(verify(fixture, VerifyLevel.CONTENTS).findings()))
        .containsExactly(
            "DB /etc/passwd", "DB /nix/store/..", "DB /nix/store/a/b", "DB x%25%C3%A9");
  }

  private static void change(StoreFixture fixture, String sql, Object... values) {
    try (FixtureDatabase database = FixtureDatabase.open(fixture.store().database())) {
      database.update(sql, values);
    }
  }

  @Test
  void tellsProgressUpToTheWhole() throws IOException {
    StoreFixture fixture = StoreFixture.create(root, 1);
    List<StorageEvent.Progress> progress = new ArrayList<>();

    VerifyReport report =
        verifier.verify(
            request(fixture.store(), VerifyLevel.CONTENTS),
            RunOptions.builder().on(StorageEvent.Progress.class, progress::add).build());

    StorageEvent.Progress last = progress.get(progress.size() - 1);
    assertThat(last.fractionOfAll()).isEqualTo(1.0);
    assertThat(last.bytesDone()).isEqualTo(report.bytes().bytes());
    assertThat(last.itemsDone()).isEqualTo(fixture.paths().size());
  }

  @Test
  void stopsWhenItIsCancelled() throws IOException {
    StoreFixture fixture = StoreFixture.create(root, 1);
    CancellationToken token = new CancellationToken();
    RunOptions options =
        RunOptions.builder()
            .cancelWith(token)
            .on(StorageEvent.StageStarted.class, event -> token.cancel())
            .build();

    assertThatThrownBy(
            () -> verifier.verify(request(fixture.store(), VerifyLevel.CONTENTS), options))
        .isInstanceOf(OperationCancelledException.class);
  }

  @Test
  void stopsWhenAListenerHasSeenEnough() throws IOException {
    StoreFixture fixture = StoreFixture.create(root, 1);
    CancellationToken token = new CancellationToken();
    RunOptions options =
        RunOptions.builder()
            .cancelWith(token)
            .on(StorageEvent.Found.class, event -> token.cancel())
            .build();
    fixture.damage(Damage.APPEND);

    assertThatThrownBy(
            () -> verifier.verify(request(fixture.store(), VerifyLevel.CONTENTS), options))
        .isInstanceOf(OperationCancelledException.class);
  }

  @Test
  void refusesADirectoryWithoutAStore() {
    assertThatThrownBy(() -> verifier.verify(request(NixStore.ofRoot(root), VerifyLevel.EXISTENCE)))
        .isInstanceOf(EnvironmentException.class)
        .extracting(e -> ((StorageSdkException) e).code())
        .isEqualTo(ErrorCode.NOT_A_STORE);
  }

  @Test
  void notesATreeDeeperThanNixAccepts() throws IOException {
    StoreFixture fixture = StoreFixture.create(root, 1);
    FileTree deep = FileTree.Regular.text("bottom");
    for (int i = 0; i < 300; i++) {
      deep = FileTree.Directory.empty().with("d", deep);
    }
    String path = StoreFixture.logicalPath("deep", 1);
    FileTreeWriter.plain().write(fixture.physical(path), deep);
    try (FixtureDatabase database = FixtureDatabase.open(fixture.store().database())) {
      database.register(path, deep.nar(), 1, List.of());
    }

    VerifyReport report = verify(fixture, VerifyLevel.CONTENTS);

    assertThat(report.findings()).isEmpty();
    assertThat(report.notes()).singleElement().asString().contains("deeper", path);
  }
}
