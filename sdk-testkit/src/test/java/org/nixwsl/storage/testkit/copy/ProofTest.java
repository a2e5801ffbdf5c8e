package org.nixwsl.storage.testkit.copy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.platform.StoreHost.CopySession;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.IntegrityException;
import org.nixwsl.storage.linux.copy.destination.TreeRemoval;
import org.nixwsl.storage.linux.store.TreeSink;
import org.nixwsl.storage.linux.store.TreeWalker;
import org.nixwsl.storage.linux.store.UnreadableException;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.store.StoreFinding;
import org.nixwsl.storage.testkit.StoreFixture;

/** What is read back from the target's device before a copy counts. */
class ProofTest {
  @TempDir Path directory;
  private LoopFileSystem disk;
  private NixStore source;
  private NixStore target;

  @BeforeEach
  void mount() throws IOException {
    disk = LoopFileSystem.ext4(directory, 64L << 20);
    source = StoreFixture.create(Files.createDirectory(directory.resolve("source")), 815).store();
    target = NixStore.ofNixDirectory(disk.path().resolve("instance"));
  }

  @AfterEach
  void unmount() {
    if (disk != null) {
      disk.close();
    }
  }

  @Test
  void refusesATargetThatComesBackWrongAndMendsItOnTheNextCall() throws Exception {
    copyPathsWithoutReadingThemBack();
    flipFirstByte(CopyBench.regularFileIn(target));
    IntegrityException damaged = assertThrows(IntegrityException.class, this::copyPaths);
    assertThat(damaged.code()).isEqualTo(ErrorCode.TARGET_DAMAGED);
    assertThat(damaged.findings()).isNotEmpty();
    CopyBench.copy(source, target);
    CopyBench.assertSame(source, target);
  }

  @Test
  void readsEachStorePathBackOnceHoweverOftenACopyIsCutShort() throws Exception {
    copyPaths();
    flipFirstByte(CopyBench.regularFileIn(target));
    copyPaths();
  }

  @Test
  void readsAStorePathBackAgainThatWasCopiedAgain() throws Exception {
    copyPaths();
    Path file = CopyBench.regularFileIn(target);
    remove(storePath(file));
    copyPathsWithoutReadingThemBack();
    flipFirstByte(file);
    IntegrityException damaged = assertThrows(IntegrityException.class, this::copyPaths);
    assertThat(damaged.findings().stream().map(StoreFinding::path))
        .containsExactly("/nix/store/" + storePath(file));
  }

  /** Killed before the journal had the new copy: what it says of the old one must not count. */
  @Test
  void doesNotTakeACopyForReadBackThatTheJournalKnowsOnlyFromBefore() throws Exception {
    copyPaths();
    Path file = CopyBench.regularFileIn(target);
    remove(storePath(file));
    Path journal = target.directory().resolve(".nixwsl-copy/journal");
    copyPathsWithoutReadingThemBack();
    List<String> lines = Files.readAllLines(journal);
    String last = lines.get(lines.size() - 1);
    assertThat(last).startsWith(storePath(file) + " ");
    Files.writeString(journal, String.join("\n", lines.subList(0, lines.size() - 1)) + "\n");
    flipFirstByte(file);
    copyPaths();
    CopyBench.copy(source, target);
    CopyBench.assertSame(source, target);
  }

  /** One thread copies the largest first, which is more than one sync is made for. */
  @Test
  void readsBackWhatIsOnTheDeviceWhileTheRestIsCopied() throws Exception {
    disk.close();
    disk = LoopFileSystem.ext4(directory, 512L << 20).withoutCacheBelow();
    target = NixStore.ofNixDirectory(disk.path().resolve("instance"));
    String large = addLarge(140L << 20);
    CopyBench.inSession(
        CopyRequest.builder().source(source).target(target).threads(1).build(),
        CopySession::copyPaths);
    List<String> lines = Files.readAllLines(target.directory().resolve(".nixwsl-copy/journal"));
    int copied = indexOf(lines, large + " ");
    int readBack = indexOf(lines, "read-back " + large);
    assertThat(readBack).isGreaterThan(copied).isLessThan(lines.size());
    assertThat(lines.subList(readBack + 1, lines.size()))
        .as("what was copied after that")
        .anyMatch(line -> !line.startsWith("read-back "));
  }

  /** Mostly a hole: it takes no room, and time to hash only. */
  private String addLarge(long bytes) throws Exception {
    String name = "0".repeat(32) + "-large";
    Path file = source.storeDirectory().resolve(name);
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(new byte[] {1}), bytes - 1);
    }
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("r--r--r--"));
    TreeWalker.Walk walk =
        Operation.quiet(
            "hash",
            operation -> {
              try {
                return new TreeWalker().walk(file, TreeSink.none(), operation, read -> {});
              } catch (UnreadableException e) {
                throw new IOException(e);
              }
            });
    CopyBench.sql(
        source,
        "insert into ValidPaths (path, hash, registrationTime, narSize) values ('/nix/store/"
            + name
            + "', '"
            + walk.hash().orElseThrow()
            + "', 1700009999, "
            + walk.narSize()
            + ")");
    return name;
  }

  private static int indexOf(List<String> lines, String beginning) {
    for (int i = 0; i < lines.size(); i++) {
      if (lines.get(i).startsWith(beginning)) {
        return i;
      }
    }
    throw new AssertionError("no line begins with " + beginning + " in " + lines);
  }

  private String storePath(Path file) {
    return target.storeDirectory().relativize(file).getName(0).toString();
  }

  private void remove(String storePath) throws Exception {
    TreeRemoval.remove(target.storeDirectory().resolve(storePath));
  }

  @Test
  void readsBackFromADeviceThatHasNothingCachedBelow() throws Exception {
    disk.withoutCacheBelow();
    copyPathsWithoutReadingThemBack();
    flipFirstByte(CopyBench.regularFileIn(target));
    assertThrows(IntegrityException.class, this::copyPaths);
    CopyBench.copy(source, target);
    CopyBench.assertSame(source, target);
  }

  /** btrfs keeps small files in its metadata, unless it is told not to; see docs/layouts.md. */
  @Tag("alone")
  @Test
  void saysOfABtrfsThatKeepsFilesInItsMetadataThatTheyMayComeFromMemory() throws IOException {
    disk.close();
    disk = LoopFileSystem.btrfs(directory, 256L << 20, "max_inline=2048");
    assertThat(CopyBench.copy(source, onDisk("inline")).notes())
        .anyMatch(note -> note.contains("may come from memory"));
    LoopFileSystem.run("mount", "-o", "remount,max_inline=0", disk.path().toString());
    assertThat(CopyBench.copy(source, onDisk("outside")).notes())
        .noneMatch(note -> note.contains("may come from memory"));
  }

  private NixStore onDisk(String name) {
    return NixStore.ofNixDirectory(disk.path().resolve(name));
  }

  private void copyPaths() {
    CopyBench.inSession(source, target, CopySession::copyPaths);
  }

  private void copyPathsWithoutReadingThemBack() {
    CopyBench.inSession(
        CopyRequest.builder().source(source).target(target).reread(false).build(),
        CopySession::copyPaths);
  }

  @Test
  void refusesADatabaseThatComesBackWrong() throws Exception {
    assertFoundDamaged("/nix/var/nix/db", () -> flipFirstByte(target.database()));
  }

  @Test
  void refusesARootThatComesBackWrong() throws Exception {
    Path root = Path.of("gcroots", "result");
    Files.createSymbolicLink(source.stateDirectory().resolve(root), Path.of("/home/a/result"));
    assertFoundDamaged(
        "/nix/var/nix",
        () -> {
          Path copy = target.stateDirectory().resolve(root);
          FileTime time = Files.getLastModifiedTime(copy, LinkOption.NOFOLLOW_LINKS);
          Files.delete(copy);
          Files.createSymbolicLink(copy, Path.of("/home/b/result"));
          Files.getFileAttributeView(copy, BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
              .setTimes(time, time, null);
        });
  }

  private interface Harm {
    void done() throws IOException;
  }

  /** Harms a finished copy before it is read back; the next call has to mend it. */
  private void assertFoundDamaged(String where, Harm harm) throws IOException {
    IntegrityException damaged =
        assertThrows(
            IntegrityException.class,
            () ->
                CopyBench.inSession(
                    source,
                    target,
                    (session, progress) -> {
                      session.copyPaths(progress);
                      session.copyState(progress);
                      harm.done();
                      session.prove(progress);
                    }));
    assertThat(damaged.code()).isEqualTo(ErrorCode.TARGET_DAMAGED);
    assertThat(damaged.findings().stream().map(StoreFinding::path)).containsExactly(where);
    CopyBench.copy(source, target);
    CopyBench.assertSame(source, target);
  }

  @Test
  void readsBackWithoutTheCacheOfTheFileBelowALoopDevice() {
    CopyBench.inSession(
        source,
        target,
        (session, progress) -> {
          long before = dropsOfCache();
          session.copyPaths(progress);
          long after = dropsOfCache();
          assertThat(after).isGreaterThan(before);
          session.copyState(progress);
          session.prove(progress);
          assertThat(dropsOfCache()).isGreaterThan(after);
        });
  }

  private static void flipFirstByte(Path file) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      ByteBuffer first = ByteBuffer.allocate(1);
      channel.read(first, 0);
      channel.write(ByteBuffer.wrap(new byte[] {(byte) (first.get(0) ^ 1)}), 0);
    }
  }

  /** The kernel counts each time in {@code /proc/vmstat}. */
  private static long dropsOfCache() throws IOException {
    return Files.readAllLines(Path.of("/proc/vmstat")).stream()
        .filter(line -> line.startsWith("drop_pagecache "))
        .mapToLong(line -> Long.parseLong(line.substring("drop_pagecache ".length())))
        .findFirst()
        .orElseThrow();
  }
}
