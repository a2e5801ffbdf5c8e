package org.nixwsl.storage.testkit.copy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.HashSet;
import java.util.Set;
import java.util.SortedMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.migrate.CopyEngine;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.testkit.StoreFixture;
import org.nixwsl.storage.testkit.nix.NixProgram;
import org.nixwsl.storage.testkit.nix.RealNixStore;

/** Two instances on one disk that share what is identical, and nothing else. */
@Tag("once")
class LinkIdenticalTest {
  private static final long SEED = 31;

  /** {@code EXT4_LINK_MAX} of the kernel. */
  private static final int EXT4_LINKS = 65_000;

  @TempDir Path directory;
  private LoopFileSystem disk;
  private NixStore source;
  private NixStore first;
  private NixStore second;

  @BeforeEach
  void mount() throws IOException {
    disk = LoopFileSystem.ext4(directory, 256L << 20);
    source = StoreFixture.create(Files.createDirectory(directory.resolve("source")), SEED).store();
    first = NixStore.ofNixDirectory(disk.path().resolve("first"));
    second = NixStore.ofNixDirectory(disk.path().resolve("second"));
  }

  @AfterEach
  void unmount() {
    if (disk != null) {
      disk.close();
    }
  }

  @Test
  void sharesEveryFileOfAnEqualStoreAndLeavesTheOtherAsItWas() throws IOException {
    CopyBench.copy(source, first);
    SortedMap<String, String> before = TreeListing.of(first.directory(), name -> true);

    CopyReport report = copyLinked(first);

    CopyBench.assertSame(source, second);
    assertThat(inodesOf(second)).isEqualTo(inodesOf(first));
    assertThat(report.inodes()).isEqualTo(CopyBench.inodes(source));
    assertThat(report.notes()).anyMatch(note -> note.contains("are shared with"));
    assertThat(TreeListing.of(first.directory(), name -> true)).isEqualTo(before);
  }

  @Test
  void findsTheFilesOfAStoreThatWasNeverOptimised() throws IOException {
    NixStore plain =
        StoreFixture.createUnoptimised(Files.createDirectory(directory.resolve("plain")), SEED)
            .store();
    CopyBench.copy(plain, first);
    CopyReport report = copyLinked(plain, second, first);
    CopyBench.assertSame(plain, second);
    assertThat(inodesOf(second)).isEqualTo(inodesOf(first));
    assertThat(report.inodes()).isEqualTo(CopyBench.inodes(plain));
  }

  @Test
  void copiesWhatDiffersThoughNameSizeAndTimeAreTheSame() throws IOException {
    CopyBench.copy(source, first);
    Path damaged = CopyBench.regularFileIn(first);
    damage(damaged);
    SortedMap<String, String> before = TreeListing.of(first.directory(), name -> true);

    CopyReport report = copyLinked(first);

    CopyBench.assertSame(source, second);
    assertThat(report.findings()).isEmpty();
    assertThat(inodesOf(second)).doesNotContain(inode(damaged));
    assertThat(report.notes()).anyMatch(note -> note.contains("has not the contents"));
    assertThat(TreeListing.of(first.directory(), name -> true)).isEqualTo(before);
  }

  @Test
  void copiesWhatHasAnotherTimeModeOrOwner() throws IOException {
    CopyBench.copy(source, first);
    Set<Long> odd = new HashSet<>();
    try (Stream<Path> files = Files.walk(first.storeDirectory().resolve(".links"))) {
      int number = 0;
      for (Path file : (Iterable<Path>) files.sorted()::iterator) {
        if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
          continue;
        }
        switch (number++ % 4) {
          case 0 -> Files.setLastModifiedTime(file, FileTime.fromMillis(2000));
          case 1 -> Files.setAttribute(file, "unix:mode", 0644);
          case 2 -> Files.setAttribute(file, "unix:uid", 1234);
          default -> Files.setAttribute(file, "unix:gid", 1234);
        }
        odd.add(inode(file));
      }
    }
    assertThat(odd).hasSizeGreaterThan(4);
    copyLinked(first);
    CopyBench.assertSame(source, second);
    assertThat(inodesOf(second)).doesNotContainAnyElementsOf(odd);
  }

  @Test
  void followsNoSymlinkInTheOtherStore() throws IOException {
    NixStore plain =
        StoreFixture.createUnoptimised(Files.createDirectory(directory.resolve("plain")), SEED)
            .store();
    CopyBench.copy(plain, first);
    Path inside = CopyBench.regularFileIn(first);
    Path store = first.storeDirectory();
    Path top = store.resolve(store.relativize(inside).getName(0));
    assertThat(top).isNotEqualTo(inside);
    Path elsewhere = disk.path().resolve("elsewhere");
    Files.move(top, elsewhere);
    Files.createSymbolicLink(top, elsewhere);
    copyLinked(plain, second, first);
    CopyBench.assertSame(plain, second);
    Set<Long> outside = new HashSet<>();
    try (Stream<Path> files = Files.walk(elsewhere)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        outside.add(inode(file));
      }
    }
    assertThat(inodesOf(second)).doesNotContainAnyElementsOf(outside);
  }

  @Test
  void copiesAFileThatHasAllTheLinksItCanHave() throws IOException {
    CopyBench.copy(source, first);
    Path full = CopyBench.regularFileIn(first);
    Path many = Files.createDirectory(disk.path().resolve("many"));
    int left = EXT4_LINKS - (Integer) Files.getAttribute(full, "unix:nlink");
    for (int i = 0; i < left; i++) {
      Files.createLink(many.resolve(Integer.toString(i)), full);
    }
    copyLinked(first);
    CopyBench.assertSame(source, second);
    assertThat(inodesOf(second)).doesNotContain(inode(full));
  }

  @Test
  void goesOnAfterACrashAsIfThereHadBeenNone() throws IOException {
    CopyBench.copy(source, first);
    CopyBench.inSession(
        request(source, second, first), (session, progress) -> session.copyPaths(progress));
    // The crash lost the journal but for its head, and with it what vouched for the contents.
    Path journal = second.directory().resolve(".nixwsl-copy").resolve("journal");
    String head = Files.readAllLines(journal).get(0) + "\n";
    Files.writeString(journal, head);
    damage(CopyBench.regularFileIn(first));
    CopyReport report = copyLinked(first);
    CopyBench.assertSame(source, second);
    assertThat(report.inodes()).isEqualTo(CopyBench.inodes(source));
  }

  @Test
  @Tag("long")
  void aSecondStoreWithNineOfTenPathsEqualTakesAtMost15PercentMoreSpace() throws IOException {
    assumeTrue(NixProgram.installed(), "skipped: Nix is missing");
    NixProgram nix = NixProgram.in(Files.createDirectory(directory.resolve("work")));
    NixStore one = RealNixStore.make(nix, directory.resolve("one"), 19, SEED);
    NixStore other = RealNixStore.make(nix, directory.resolve("other"), 20, SEED);
    long empty = usedBytes();
    CopyBench.copy(one, first);
    long withOne = usedBytes();
    copyLinked(other, second, first);
    CopyBench.assertSame(other, second);
    long ofFirst = withOne - empty;
    long ofSecond = usedBytes() - withOne;
    assertThat(100 * ofSecond / ofFirst)
        .as("percent of %d bytes, %d more", ofFirst, ofSecond)
        .isLessThanOrEqualTo(15);
    assertThat(nix.verify(second).healthy()).isTrue();
    assertThat(nix.verify(first).healthy()).isTrue();
  }

  @Test
  void refusesStoresThatCannotBeLinkedTo() throws IOException {
    CopyBench.copy(source, first);
    NixStore elsewhere =
        StoreFixture.create(Files.createDirectory(directory.resolve("elsewhere")), 1).store();
    refused(elsewhere, ErrorCode.CANNOT_LINK);
    refused(source, ErrorCode.CANNOT_LINK);
    refused(second, ErrorCode.NOT_A_STORE);
    refused(
        NixStore.ofNixDirectory(Files.createDirectory(disk.path().resolve("empty"))),
        ErrorCode.NOT_A_STORE);
    Path link = Files.createSymbolicLink(disk.path().resolve("link"), first.directory());
    refused(NixStore.ofNixDirectory(link), ErrorCode.CANNOT_LINK);
    Path bound = Files.createDirectory(disk.path().resolve("bound"));
    LoopFileSystem.run("mount", "--bind", first.directory().toString(), bound.toString());
    try {
      refused(NixStore.ofNixDirectory(bound), ErrorCode.CANNOT_LINK);
    } finally {
      LoopFileSystem.run("umount", bound.toString());
    }
    NixStore around = second;
    second = NixStore.ofNixDirectory(first.directory().resolve("inside"));
    refused(first, ErrorCode.CANNOT_LINK);
    second = first;
    refused(first, ErrorCode.CANNOT_LINK);
    second = around;
    Files.setAttribute(first.directory(), "unix:mode", 0777);
    refused(first, ErrorCode.CANNOT_LINK);
  }

  /** Another last byte, and all the rest as it was. */
  private static void damage(Path file) throws IOException {
    FileTime time = Files.getLastModifiedTime(file);
    byte[] contents = Files.readAllBytes(file);
    contents[contents.length - 1] ^= 1;
    Files.write(file, contents);
    Files.setLastModifiedTime(file, time);
  }

  private void refused(NixStore other, ErrorCode code) throws IOException {
    SortedMap<String, String> before = TreeListing.of(disk.path(), name -> true);
    assertThatThrownBy(() -> copyLinked(other))
        .isInstanceOfSatisfying(
            StorageSdkException.class,
            e -> {
              assertThat(e.code()).as(e.getMessage()).isEqualTo(code);
              assertThat(e.stateLeft()).isEqualTo(StateLeft.NOTHING_CHANGED);
            });
    assertThat(TreeListing.of(disk.path(), name -> true)).isEqualTo(before);
  }

  private CopyReport copyLinked(NixStore other) {
    return copyLinked(source, second, other);
  }

  private static CopyReport copyLinked(NixStore from, NixStore to, NixStore other) {
    return new CopyEngine(CopyBench.host(), Ticker.system())
        .copy(request(from, to, other), RunOptions.ofDefaults());
  }

  private static CopyRequest request(NixStore from, NixStore to, NixStore other) {
    return CopyRequest.builder().source(from).target(to).linkIdenticalFrom(other).build();
  }

  /** Of files and symlinks. */
  private static Set<Long> inodesOf(NixStore store) throws IOException {
    Set<Long> inodes = new HashSet<>();
    try (Stream<Path> files = Files.walk(store.storeDirectory())) {
      for (Path file : (Iterable<Path>) files::iterator) {
        if (!Files.isDirectory(file, LinkOption.NOFOLLOW_LINKS)) {
          inodes.add(inode(file));
        }
      }
    }
    return inodes;
  }

  private static Long inode(Path file) throws IOException {
    return (Long) Files.getAttribute(file, "unix:ino", LinkOption.NOFOLLOW_LINKS);
  }

  private long usedBytes() throws IOException {
    LoopFileSystem.run("sync", "-f", disk.path().toString());
    var space = Files.getFileStore(disk.path());
    return space.getTotalSpace() - space.getUnallocatedSpace();
  }
}
