package org.nixwsl.storage.testkit.copy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.SortedMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.linux.store.StoreDatabase;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.testkit.StoreFixture;

/** Bad sources and bad targets: a typed error, and nothing changed. */
class RefusalTest {
  private static final long SIZE = 64L << 20;

  @TempDir Path directory;
  private StoreFixture fixture;

  @BeforeEach
  void makeSource() throws IOException {
    LoopFileSystem.assumeRoot();
    fixture = StoreFixture.create(Files.createDirectory(directory.resolve("source")), 5);
  }

  @Test
  void refusesMemoryFileSystems() throws IOException {
    try (LoopFileSystem disk = LoopFileSystem.of("tmpfs", "size=64m", directory)) {
      assertRefused(disk.path().resolve("x"), disk.path(), ErrorCode.UNSUITABLE_FILE_SYSTEM);
    }
  }

  @Test
  void refusesOverlays() throws IOException {
    try (LoopFileSystem disk = LoopFileSystem.ext4(directory, SIZE)) {
      Path lower = Files.createDirectory(disk.path().resolve("lower"));
      Path upper = Files.createDirectory(disk.path().resolve("upper"));
      Path work = Files.createDirectory(disk.path().resolve("work"));
      String options = "lowerdir=" + lower + ",upperdir=" + upper + ",workdir=" + work;
      try (LoopFileSystem overlay = LoopFileSystem.of("overlay", options, directory)) {
        assertRefused(
            overlay.path().resolve("x"), overlay.path(), ErrorCode.UNSUITABLE_FILE_SYSTEM);
      }
    }
  }

  @Test
  void refusesReadOnlyMounts() throws IOException {
    try (LoopFileSystem disk = LoopFileSystem.ext4(directory, SIZE)) {
      LoopFileSystem.run("mount", "-o", "remount,ro", disk.path().toString());
      assertRefused(disk.path().resolve("x"), disk.path(), ErrorCode.UNSUITABLE_FILE_SYSTEM);
    }
  }

  @Test
  void refusesASymlinkOnTheWay() throws IOException {
    try (LoopFileSystem disk = LoopFileSystem.ext4(directory, SIZE)) {
      Files.createDirectory(disk.path().resolve("real"));
      Files.createSymbolicLink(disk.path().resolve("link"), Path.of("real"));
      assertRefused(
          disk.path().resolve("link").resolve("x"), disk.path(), ErrorCode.UNSUITABLE_FILE_SYSTEM);
      Files.createSymbolicLink(disk.path().resolve("dangling"), Path.of("nowhere"));
      assertRefused(disk.path().resolve("dangling"), disk.path(), ErrorCode.UNSUITABLE_FILE_SYSTEM);
    }
  }

  @Test
  void refusesADirectoryThatHoldsAnything() throws IOException {
    try (LoopFileSystem disk = LoopFileSystem.ext4(directory, SIZE)) {
      Path target = Files.createDirectory(disk.path().resolve("target"));
      Files.writeString(target.resolve("letter"), "mine");
      assertRefused(target, disk.path(), ErrorCode.TARGET_NOT_EMPTY);
      Path file = Files.createFile(disk.path().resolve("file"));
      assertRefused(file, disk.path(), ErrorCode.TARGET_NOT_EMPTY);
    }
  }

  @Test
  void refusesAFinishedCopyAndAnUnfinishedOneOfAnotherStore() throws IOException {
    try (LoopFileSystem disk = LoopFileSystem.ext4(directory, SIZE)) {
      NixStore finished = NixStore.ofNixDirectory(disk.path().resolve("finished"));
      CopyBench.copy(fixture.store(), finished);
      assertRefused(finished.directory(), disk.path(), ErrorCode.TARGET_NOT_EMPTY);

      StoreFixture other =
          StoreFixture.create(Files.createDirectory(directory.resolve("other")), 6);
      NixStore begun = NixStore.ofNixDirectory(disk.path().resolve("begun"));
      Operation.quiet(
          "begin",
          operation -> {
            CopyBench.host().begin(CopyRequest.of(other.store(), begun), operation).close();
            return true;
          });
      assertRefused(begun.directory(), disk.path(), ErrorCode.TARGET_NOT_EMPTY);
    }
  }

  @Test
  void refusesTargetsInsideTheSourceAndAroundItAlsoThroughBindMounts() throws IOException {
    Path nix = fixture.store().directory();
    for (Path target :
        new Path[] {nix, nix.resolve("store"), nix.resolve("x").resolve("y"), fixture.root()}) {
      assertRefused(target, nix, ErrorCode.TARGET_INSIDE_SOURCE);
    }
    Path bound = Files.createDirectory(directory.resolve("bound"));
    LoopFileSystem.run("mount", "--bind", nix.toString(), bound.toString());
    try {
      assertRefused(bound, nix, ErrorCode.TARGET_INSIDE_SOURCE);
      assertRefused(bound.resolve("x"), nix, ErrorCode.TARGET_INSIDE_SOURCE);
    } finally {
      LoopFileSystem.run("umount", bound.toString());
    }
  }

  @Test
  void refusesACommittedStorageAlsoIfItsWorkspaceWasLeft() throws IOException {
    try (LoopFileSystem disk = LoopFileSystem.ext4(directory, SIZE)) {
      NixStore begun = NixStore.ofNixDirectory(disk.path().resolve("begun"));
      Operation.quiet(
          "begin",
          operation -> {
            CopyBench.host().begin(CopyRequest.of(fixture.store(), begun), operation).close();
            return true;
          });
      Files.writeString(begun.directory().resolve(".nix-storage-id"), "some id");
      assertRefused(begun.directory(), disk.path(), ErrorCode.TARGET_NOT_EMPTY);
    }
  }

  @Test
  void refusesADiskThatIsTooSmallInBytesOrInodes() throws IOException {
    try (LoopFileSystem disk = LoopFileSystem.ext4(directory, 1L << 20)) {
      assertRefused(disk.path().resolve("x"), disk.path(), ErrorCode.NO_SPACE);
    }
  }

  /** Ten times the NARs are free: less than the smallest files would take that these could hold. */
  @Test
  void looksAtNoFileWhereTheInodesInUseShowThatThereIsRoom() throws IOException {
    try (LoopFileSystem disk = LoopFileSystem.ext4(directory, SIZE)) {
      NixStore source =
          StoreFixture.create(Files.createDirectory(disk.path().resolve("source")), 7).store();
      long narBytes =
          Operation.quiet("rows", operation -> StoreDatabase.of(source).read(operation)).narBytes();
      try (LoopFileSystem small = LoopFileSystem.ext4(directory, 10 * narBytes)) {
        LoopFileSystem.run("mount", "-o", "remount,strictatime", disk.path().toString());
        Path listed;
        try (Stream<Path> tops = Files.list(source.storeDirectory())) {
          listed =
              tops.filter(top -> Files.isDirectory(top, LinkOption.NOFOLLOW_LINKS))
                  .filter(top -> !top.endsWith(".links"))
                  .findFirst()
                  .orElseThrow();
        }
        Object before = Files.getAttribute(listed, "lastAccessTime");
        NixStore target = NixStore.ofNixDirectory(small.path().resolve("x"));
        Operation.quiet(
            "begin",
            operation -> {
              CopyBench.host().begin(CopyRequest.of(source, target), operation).close();
              return true;
            });
        assertThat(Files.getAttribute(listed, "lastAccessTime")).isEqualTo(before);
      }
    }
  }

  @Test
  void refusesWhatIsNoStoreAndWhatIsTooNew() throws IOException {
    try (LoopFileSystem disk = LoopFileSystem.ext4(directory, SIZE)) {
      Path target = disk.path().resolve("x");
      NixStore nothing =
          NixStore.ofNixDirectory(Files.createDirectory(directory.resolve("nothing")));
      assertRefused(nothing, target, disk.path(), ErrorCode.NOT_A_STORE);
      Path schema = fixture.store().database().resolveSibling("schema");
      Files.writeString(schema, "11");
      assertRefused(target, disk.path(), ErrorCode.SCHEMA_TOO_NEW);
      Files.writeString(schema, "10");
      Files.delete(fixture.store().database());
      assertRefused(target, disk.path(), ErrorCode.NOT_A_STORE);
    }
  }

  private void assertRefused(Path target, Path unchanged, ErrorCode code) throws IOException {
    assertRefused(fixture.store(), target, unchanged, code);
  }

  private static void assertRefused(NixStore source, Path target, Path unchanged, ErrorCode code)
      throws IOException {
    SortedMap<String, String> before = TreeListing.of(unchanged, name -> true);
    assertThatThrownBy(() -> CopyBench.copy(source, NixStore.ofNixDirectory(target)))
        .isInstanceOfSatisfying(
            StorageSdkException.class,
            e -> {
              assertThat(e.code()).as(e.getMessage()).isEqualTo(code);
              assertThat(e.stateLeft()).isEqualTo(StateLeft.NOTHING_CHANGED);
              assertThat(e.remedy()).isNotBlank();
            });
    assertThat(TreeListing.of(unchanged, name -> true)).isEqualTo(before);
  }
}
