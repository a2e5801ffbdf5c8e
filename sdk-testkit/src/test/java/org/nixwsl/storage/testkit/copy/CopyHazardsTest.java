package org.nixwsl.storage.testkit.copy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.linux.store.TreeSink;
import org.nixwsl.storage.linux.store.TreeWalker;
import org.nixwsl.storage.linux.store.UnreadableException;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.testkit.StoreFixture;

/** Copies beside other users, other copies, hostile stores and stores that changed. */
@Tag("once")
class CopyHazardsTest {
  private static final long SEED = 4711;

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
  void aRefusedSecondCopyLeavesTheLockOfTheFirstInPlace() {
    CopyBench.inSession(
        source,
        target,
        (session, progress) -> {
          Path lock = target.directory().resolve(".nixwsl-copy/lock");
          String inode = ":" + Files.getAttribute(lock, "unix:ino") + " ";
          assertThat(Files.readString(Path.of("/proc/locks"))).contains(inode);
          refused(ErrorCode.STORAGE_BUSY, target);
          assertThat(Files.readString(Path.of("/proc/locks"))).contains(inode);
        });
    CopyBench.copy(source, target);
  }

  @Test
  void tidiesWhatACopyLeftThatWasKilledAfterItsEnd() throws IOException {
    CopyBench.inSession(
        source,
        target,
        (session, progress) -> {
          session.copyPaths(progress);
          session.copyState(progress);
        });
    Path workspace = target.directory().resolve(".nixwsl-copy");
    Path id = Files.writeString(target.directory().resolve(".nix-storage-id"), "id");
    refused(ErrorCode.TARGET_NOT_EMPTY, target);
    assertThat(workspace).as("left after the id was written").doesNotExist();
    Files.delete(id);
    CopyBench.assertSame(source, target);

    Files.createDirectory(
        workspace,
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    Files.createFile(workspace.resolve("lock"));
    refused(ErrorCode.TARGET_NOT_EMPTY, target);
    assertThat(workspace).as("left after the journal was removed").doesNotExist();

    Files.createDirectory(
        workspace,
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    refused(ErrorCode.TARGET_NOT_EMPTY, target);
    assertThat(workspace).as("left after the lock was removed").doesNotExist();
    CopyBench.assertSame(source, target);
  }

  @Test
  void leavesTheWorkspaceOfAnotherUserAlone() throws IOException {
    Path workspace = Files.createDirectories(target.directory().resolve(".nixwsl-copy"));
    Files.writeString(workspace.resolve("theirs"), "theirs");
    Files.writeString(target.directory().resolve(".nix-storage-id"), "id");
    Files.setAttribute(workspace, "unix:uid", 1234);
    refused(ErrorCode.TARGET_NOT_EMPTY, target);
    assertThat(workspace.resolve("theirs")).hasContent("theirs");
  }

  @Test
  void copiesAPathAgainThatWasBuiltAnewSinceTheLastCall() throws Exception {
    CopyBench.inSession(source, target, (session, progress) -> session.copyPaths(progress));
    String row;
    try (Stream<Path> files = Files.walk(source.storeDirectory())) {
      Path file =
          files
              .filter(f -> Files.isRegularFile(f, LinkOption.NOFOLLOW_LINKS))
              .filter(f -> f.toFile().length() > 0 && !f.toString().contains("/.links/"))
              .findFirst()
              .orElseThrow();
      row = "/nix/store/" + source.storeDirectory().relativize(file).getName(0);
      byte[] contents = Files.readAllBytes(file);
      contents[0] ^= 1;
      // A new inode, as a build makes one.
      Path built = Files.write(file.resolveSibling("built"), contents);
      Files.setPosixFilePermissions(built, Files.getPosixFilePermissions(file));
      Files.setLastModifiedTime(built, Files.getLastModifiedTime(file));
      var time = Files.getLastModifiedTime(file.getParent());
      Files.move(built, file, StandardCopyOption.ATOMIC_MOVE);
      Files.setLastModifiedTime(file.getParent(), time);
    }
    String hash = Operation.quiet("hash", operation -> hash(row, operation));
    CopyBench.sql(source, "update ValidPaths set hash = '" + hash + "' where path = '" + row + "'");
    CopyReport report = CopyBench.copy(source, target);
    assertThat(report.findings()).isEmpty();
    CopyBench.assertSame(source, target);
  }

  @Test
  void copiesTwoPathsWhoseNamesBeginWithTheSameHash() throws Exception {
    String row = fixture.paths().get(0);
    String twin =
        row + "." + "x".repeat(211 - row.substring("/nix/store/".length() + 33).length() - 1);
    LoopFileSystem.run(
        "cp",
        "-a",
        fixture.physical(row).toString(),
        fixture.physical(row) + twin.substring(row.length()));
    CopyBench.sql(
        source,
        "insert into ValidPaths (path, hash, registrationTime, narSize) select '"
            + twin
            + "', hash, registrationTime, narSize from ValidPaths where path = '"
            + row
            + "'");
    assertThat(CopyBench.copy(source, target).paths()).isEqualTo(fixture.paths().size() + 1);
    CopyBench.assertSame(source, target);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void countsAndLinksRightWhenPathsGoMeanwhile(boolean linksGoToo) throws IOException {
    CopyBench.inSession(
        source,
        target,
        (session, progress) -> {
          session.copyPaths(progress);
          long before = session.report().inodes();
          for (String row : fixture.paths().subList(0, fixture.paths().size() / 2)) {
            LoopFileSystem.run("rm", "-r", fixture.physical(row).toString());
            CopyBench.sql(source, "delete from ValidPaths where path = '" + row + "'");
          }
          if (linksGoToo) {
            String links = source.storeDirectory().resolve(".links").toString();
            LoopFileSystem.run("find", links, "-type", "f", "-links", "1", "-delete");
          }
          session.copyState(progress);
          session.prove(progress);
          session.finish();
          assertThat(session.report().findings()).isEmpty();
          assertThat(session.report().inodes())
              .isEqualTo(CopyBench.inodes(target))
              .isEqualTo(CopyBench.inodes(source))
              .isLessThanOrEqualTo(before);
        });
    CopyBench.assertSame(source, target);
  }

  @Test
  void refusesATargetThatAnotherUserCouldReplace() throws IOException {
    Path open = Files.createDirectory(disk.path().resolve("open"));
    Path below = open.resolve("a").resolve("b");
    Files.setAttribute(open, "unix:uid", 1234);
    refused(ErrorCode.UNSUITABLE_FILE_SYSTEM, NixStore.ofNixDirectory(open));
    refused(ErrorCode.UNSUITABLE_FILE_SYSTEM, NixStore.ofNixDirectory(below));
    Files.setAttribute(open, "unix:uid", 0);
    Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));
    refused(ErrorCode.UNSUITABLE_FILE_SYSTEM, NixStore.ofNixDirectory(below));
    Files.setAttribute(open, "unix:mode", 01777);
    refused(ErrorCode.UNSUITABLE_FILE_SYSTEM, NixStore.ofNixDirectory(open));
    Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxr-x"));
    Files.setAttribute(open, "unix:gid", 1234);
    refused(ErrorCode.UNSUITABLE_FILE_SYSTEM, NixStore.ofNixDirectory(below));
    assertThat(open).isEmptyDirectory();
    // As /tmp: what root makes there, nobody else can rename.
    Files.setAttribute(open, "unix:mode", 01777);
    CopyBench.copy(source, NixStore.ofNixDirectory(below));
  }

  @Test
  void closesTheStoreDirectoryOfAnEarlierCallUntilItIsFinishedAgain() throws IOException {
    Files.setAttribute(source.storeDirectory(), "unix:mode", 01775);
    CopyBench.inSession(
        source,
        target,
        (session, progress) -> {
          session.copyPaths(progress);
          session.copyState(progress);
        });
    assertThat(mode(target.storeDirectory())).isEqualTo(01775);
    CopyBench.inSession(
        source,
        target,
        (session, progress) -> assertThat(mode(target.storeDirectory())).isEqualTo(0700));
    CopyBench.copy(source, target);
    CopyBench.assertSame(source, target);
  }

  @Test
  void saysThatTheDiskIsFullAlsoWhenItIsCalledAgain() throws IOException {
    CopyBench.inSession(source, target, (session, progress) -> session.copyPaths(progress));
    Path filler = Files.createDirectory(disk.path().resolve("filler"));
    takeAllInodesBut(1, filler);
    refused(ErrorCode.NO_SPACE, target);
    LoopFileSystem.run("rm", "-r", filler.toString());
    CopyBench.copy(source, target);
    CopyBench.assertSame(source, target);
  }

  @Test
  void doesNotWaitForAFifoInThePlaceOfASchema() throws IOException {
    for (String name : new String[] {"ca-schema", "schema"}) {
      Path schema = source.database().resolveSibling(name);
      Files.deleteIfExists(schema);
      LoopFileSystem.run("mkfifo", schema.toString());
      assertTimeoutPreemptively(
          Duration.ofSeconds(20), () -> refused(ErrorCode.DATABASE_UNREADABLE, target));
    }
  }

  @Test
  void saysThatItsLockWasLost() throws IOException {
    Path lock = source.stateDirectory().resolve("gc.lock");
    if (!Files.exists(lock)) {
      Files.createFile(lock);
    }
    CopyBench.inSession(
        source,
        target,
        (session, progress) -> {
          session.copyPaths(progress);
          assertThat(session.report().notes()).noneMatch(note -> note.contains("collect"));
          ProcessHandle.current()
              .children()
              .filter(child -> child.info().command().orElse("").endsWith("/flock"))
              .forEach(
                  child -> {
                    child.destroyForcibly();
                    child.onExit().join();
                  });
          assertThat(session.report().notes()).anyMatch(note -> note.contains("was ended"));
        });
  }

  private void refused(ErrorCode code, NixStore to) {
    assertThatThrownBy(() -> CopyBench.copy(source, to))
        .isInstanceOfSatisfying(
            StorageSdkException.class,
            e -> assertThat(e.code()).as(e.getMessage()).isEqualTo(code));
  }

  private String hash(String row, Operation operation) throws IOException {
    try {
      return new TreeWalker()
          .walk(fixture.physical(row), TreeSink.none(), operation, bytes -> {})
          .hash()
          .orElseThrow()
          .text();
    } catch (UnreadableException e) {
      throw new IllegalStateException(e);
    }
  }

  private static int mode(Path file) throws IOException {
    return (Integer) Files.getAttribute(file, "unix:mode", LinkOption.NOFOLLOW_LINKS) & 07777;
  }

  /** Leaves so many that the first thing can be made and not the next. */
  private static void takeAllInodesBut(int left, Path filler) throws IOException {
    int made = 0;
    try {
      while (true) {
        Files.createFile(filler.resolve("f" + made));
        made++;
      }
    } catch (FileSystemException full) {
      assertThat(full.getReason()).isEqualTo("No space left on device");
    }
    for (int i = 1; i <= left; i++) {
      Files.delete(filler.resolve("f" + (made - i)));
    }
  }
}
