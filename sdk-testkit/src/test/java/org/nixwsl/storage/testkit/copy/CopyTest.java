package org.nixwsl.storage.testkit.copy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.OperationCancelledException;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.event.CancellationToken;
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.linux.store.StoreDatabase;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.store.StoreFinding;
import org.nixwsl.storage.store.Verdict;
import org.nixwsl.storage.testkit.Damage;
import org.nixwsl.storage.testkit.DamageDone;
import org.nixwsl.storage.testkit.StoreFixture;

/** Copies between real file systems. */
class CopyTest {
  private static final long SEED = 20261124;

  @TempDir Path directory;
  private LoopFileSystem disk;
  private StoreFixture fixture;
  private NixStore source;
  private NixStore target;

  @BeforeEach
  void mount() throws IOException {
    disk = LoopFileSystem.ext4(directory, 64L << 20);
    fixture = StoreFixture.create(Files.createDirectory(directory.resolve("source")), SEED);
    source = fixture.store();
    target = NixStore.ofNixDirectory(disk.path().resolve("instance"));
  }

  @AfterEach
  void unmount() {
    if (disk != null) {
      disk.close();
    }
  }

  @Test
  void keepsContentsOwnersModesTimesAndLinks() throws IOException {
    long open = CopyBench.openFiles();
    CopyReport report = CopyBench.copy(source, target);
    CopyBench.assertSame(source, target);
    assertThat(report.paths()).isEqualTo(fixture.paths().size());
    assertThat(report.findings()).isEmpty();
    assertThat(report.inodes())
        .isEqualTo(CopyBench.inodes(target))
        .isEqualTo(CopyBench.inodes(source));
    assertThat(CopyBench.openFiles()).isLessThanOrEqualTo(open + 1);
  }

  @Test
  void keepsLinksOfAStoreThatWasNeverOptimised() throws IOException {
    StoreFixture plain =
        StoreFixture.createUnoptimised(Files.createDirectory(directory.resolve("plain")), SEED);
    linkTwoFilesOf(plain);
    CopyReport report = CopyBench.copy(plain.store(), target);
    CopyBench.assertSame(plain.store(), target);
    assertThat(report.inodes()).isEqualTo(CopyBench.inodes(plain.store()));
  }

  @Test
  void keepsOddMetadata() throws IOException {
    Path file = CopyBench.regularFileIn(source);
    Files.setAttribute(file, "unix:uid", 1234);
    Files.setAttribute(file, "unix:gid", 4321);
    Files.setAttribute(file, "unix:mode", 06755);
    Files.setLastModifiedTime(file, FileTime.from(Instant.ofEpochSecond(1_600_000_000, 123456789)));
    Files.setAttribute(source.storeDirectory(), "unix:gid", 30000);
    Files.setAttribute(source.storeDirectory(), "unix:mode", 01775);
    CopyBench.copy(source, target);
    CopyBench.assertSame(source, target);
  }

  @Test
  void keepsHolesOfFilesThatAreMostlyZero() throws IOException {
    Path file = source.stateDirectory().resolve("profiles").resolve("big");
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(new byte[] {1}), 30L << 20);
      channel.write(ByteBuffer.wrap(new byte[] {2}), 60L << 20);
      channel.write(ByteBuffer.wrap(new byte[1]), (70L << 20) - 1);
    }
    // Written whole it would not fit on the disk.
    CopyBench.copy(source, target);
    CopyBench.assertSame(source, target);
  }

  @Test
  void copiesDamagedPathsAsTheyAreAndReportsThem() throws IOException {
    List<DamageDone> done = fixture.damageAll();
    CopyReport report = CopyBench.copy(source, target);
    Set<String> expected = new TreeSet<>();
    Set<String> unreadable = new TreeSet<>();
    for (DamageDone damage : done) {
      Optional<Verdict> verdict = damage.kind().verdict();
      if (verdict.isPresent()
          && verdict.get().damage()
          && verdict.get() != Verdict.UNREGISTERED
          && verdict.get() != Verdict.LINK) {
        expected.addAll(damage.paths());
      }
      if (damage.kind() == Damage.FIFO) {
        damage.paths().forEach(path -> unreadable.add(path.substring("/nix/store/".length())));
      }
    }
    assertThat(report.findings().stream().map(StoreFinding::path))
        .filteredOn(path -> !path.contains("/.links/"))
        .containsExactlyElementsOf(expected);
    assertThat(report.findings()).anyMatch(finding -> finding.verdict() == Verdict.LINK);
    CopyBench.assertSame(source, target, unreadable);
    long rows = Operation.quiet("rows", o -> StoreDatabase.of(source).read(o)).rows().size();
    assertThat(report.paths()).isEqualTo(rows - expected.size());
  }

  @Test
  void leavesOutWhatNoRowVouchesFor() throws IOException {
    Path store = source.storeDirectory();
    Files.createFile(store.resolve("00000000000000000000000000000000-x.lock"));
    Files.createDirectories(store.resolve("tmp-1-0").resolve("x"));
    CopyReport report = CopyBench.copy(source, target);
    assertThat(report.leftOut())
        .contains("/nix/store/00000000000000000000000000000000-x.lock", "/nix/store/tmp-1-0");
    CopyBench.assertSame(source, target);
  }

  @Test
  void goesOnAfterTheDiskWasFull() throws Exception {
    Path filler = disk.path().resolve("filler");
    EnvironmentException full =
        assertThrows(
            EnvironmentException.class,
            () ->
                CopyBench.inSession(
                    source,
                    target,
                    (session, progress) -> {
                      fill(filler);
                      session.copyPaths(progress);
                    }));
    assertThat(full.code()).isEqualTo(ErrorCode.NO_SPACE);
    assertThat(full.stateLeft()).isEqualTo(StateLeft.RESUMABLE);
    assertThat(target.database()).doesNotExist();
    Files.delete(filler);
    CopyBench.copy(source, target);
    CopyBench.assertSame(source, target);
  }

  @Test
  void keepsASecondCopyOut() {
    CopyBench.inSession(
        source,
        target,
        (session, progress) ->
            assertThatThrownBy(() -> CopyBench.copy(source, target))
                .isInstanceOfSatisfying(
                    ConflictException.class,
                    e -> {
                      assertThat(e.code()).isEqualTo(ErrorCode.STORAGE_BUSY);
                      assertThat(e.retryable()).isTrue();
                    }));
  }

  @Test
  void takesInWhatWasRegisteredAndRemovesWhatWasDeletedMeanwhile() throws Exception {
    String row = fixture.paths().get(3);
    CopyBench.sql(
        source, "update ValidPaths set path = path || '.gone' where path = '" + row + "'");
    Path hidden = source.storeDirectory().resolve(row.substring("/nix/store/".length()) + ".gone");
    Files.move(fixture.physical(row), hidden);
    CopyBench.inSession(
        source,
        target,
        (session, progress) -> {
          session.copyPaths(progress);
          Files.move(hidden, fixture.physical(row));
          CopyBench.sql(
              source, "update ValidPaths set path = '" + row + "' where path = '" + row + ".gone'");
          session.copyState(progress);
          session.prove(progress);
          session.finish();
        });
    CopyBench.assertSame(source, target);
  }

  @Test
  void stopsSoonWhenCancelledAndGoesOnLater() throws IOException {
    for (Stage stage : List.of(Stage.COPY, Stage.STATE, Stage.PROVE)) {
      CancellationToken token = new CancellationToken();
      RunOptions options =
          RunOptions.builder()
              .on(
                  StorageEvent.StageStarted.class,
                  e -> {
                    if (e.stage() == stage) {
                      token.cancel();
                    }
                  })
              .cancelWith(token)
              .build();
      assertThatThrownBy(() -> CopyBench.copy(source, target, options))
          .isInstanceOf(OperationCancelledException.class);
    }
    CopyBench.copy(source, target);
    CopyBench.assertSame(source, target);
  }

  @Test
  void writesTheIdLastAndLeavesNothingOfItsOwn() throws IOException {
    UUID id = UUID.fromString("6d1f5f6e-3a7b-4c11-9d5e-0a1b2c3d4e5f");
    CopyBench.inSession(
        source,
        target,
        (session, progress) -> {
          session.copyPaths(progress);
          session.copyState(progress);
          session.prove(progress);
          session.commit(id);
        });
    assertThat(target.directory().resolve(".nix-storage-id")).hasContent(id + "\n");
    assertThat(target.directory().resolve(".nixwsl-copy")).doesNotExist();
  }

  @Test
  void neverWritesToTheSource() throws IOException {
    var before = TreeListing.of(source.directory(), name -> true);
    CopyBench.copy(source, target);
    assertThat(TreeListing.of(source.directory(), name -> true)).isEqualTo(before);
  }

  @Test
  void nixAgreesWithTheCopy() throws IOException {
    assumeTrue(Files.exists(Path.of("/usr/bin/nix-store")), "skipped: nix-store is missing");
    NixStore inRoot = NixStore.ofRoot(disk.path().resolve("root"));
    CopyBench.copy(source, inRoot);
    LoopFileSystem.run(
        "env",
        "NIX_REMOTE=local?root=" + disk.path().resolve("root"),
        "nix-store",
        "--verify",
        "--check-contents");
  }

  /** Makes one inode of two files of different store paths that are equal. */
  private static void linkTwoFilesOf(StoreFixture fixture) throws IOException {
    Map<String, Path> seen = new HashMap<>();
    try (Stream<Path> files = Files.walk(fixture.store().storeDirectory())) {
      for (Path file : (Iterable<Path>) files.sorted()::iterator) {
        if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
          continue;
        }
        String key =
            HexFormat.of().formatHex(Files.readAllBytes(file))
                + Files.getAttribute(file, "unix:mode", LinkOption.NOFOLLOW_LINKS);
        Path twin = seen.putIfAbsent(key, file);
        if (twin != null) {
          Path directory = file.getParent();
          FileTime time = Files.getLastModifiedTime(directory);
          Files.delete(file);
          Files.createLink(file, twin);
          Files.setLastModifiedTime(directory, time);
          return;
        }
      }
    }
    throw new IllegalStateException("No two equal files in " + fixture);
  }

  private static void fill(Path filler) throws IOException {
    FileStore store = Files.getFileStore(filler.getParent());
    byte[] block = new byte[1 << 16];
    Arrays.fill(block, (byte) 7);
    try (OutputStream out = Files.newOutputStream(filler)) {
      while (store.getUnallocatedSpace() > 0) {
        out.write(block);
      }
    } catch (IOException full) {
      assertThat(store.getUsableSpace()).isLessThan(1 << 20);
    }
  }
}
