package org.nixwsl.storage.testkit.copy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.migrate.CopyEngine;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.linux.store.TreeSink;
import org.nixwsl.storage.linux.store.TreeWalker;
import org.nixwsl.storage.linux.store.UnreadableException;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.testkit.StoreFixture;

/** A copy onto what an earlier call filled, after the source went on living. */
@Tag("once")
class UpdateTest {
  private static final String STORE = "/nix/store/";

  @TempDir Path directory;
  private LoopFileSystem disk;
  private StoreFixture fixture;
  private NixStore source;
  private NixStore target;
  private Path trash;

  @BeforeEach
  void copyOnce() throws IOException {
    disk = LoopFileSystem.ext4(directory, 64L << 20);
    fixture = StoreFixture.create(Files.createDirectory(directory.resolve("source")), 12);
    source = fixture.store();
    target = NixStore.ofNixDirectory(disk.path().resolve("instance"));
    trash = disk.path().resolve(".nixwsl").resolve("trash").resolve("instance-1");
    CopyBench.copy(source, target);
  }

  @AfterEach
  void unmount() {
    if (disk != null) {
      disk.close();
    }
  }

  @Test
  void endsAsAFreshCopyAndKeepsWhatItTookOut() throws Exception {
    SortedMap<String, String> old = TreeListing.of(target.directory(), name -> true);
    String deleted = name(0);
    String changed = name(5);
    changeTheSource();

    CopyReport report = update(false);

    CopyBench.assertSame(source, target);
    NixStore fresh = NixStore.ofNixDirectory(disk.path().resolve("fresh"));
    CopyReport freshReport = CopyBench.copy(source, fresh);
    SortedMap<String, String> differing = contents(target);
    contents(fresh).forEach((name, line) -> differing.merge(name, line, UpdateTest::unlessSame));
    assertThat(differing).as("the updated copy beside a fresh one").isEmpty();
    assertThat(report.paths()).isEqualTo(freshReport.paths());
    assertThat(report.inodes()).isEqualTo(freshReport.inodes());
    assertThat(report.leftOut()).isEqualTo(freshReport.leftOut());
    assertThat(report.notes()).anyMatch(note -> note.contains(".nixwsl/trash/instance-1"));
    SortedMap<String, String> kept = TreeListing.of(trash, name -> true);
    for (String part : new String[] {"store/" + deleted, "store/" + changed, "var"}) {
      assertThat(withoutLinks(kept, part)).as(part).isEqualTo(withoutLinks(old, part));
    }
  }

  @Test
  void copiesNothingAgainThatIsThereAndKeepsEachStateApart() throws Exception {
    Path file = CopyBench.regularFileIn(target);
    Object inode = Files.getAttribute(file, "unix:ino");
    update(true);
    CopyBench.assertSame(source, target);
    assertThat(Files.getAttribute(file, "unix:ino")).isEqualTo(inode);
    update(false);
    CopyBench.assertSame(source, target);
    assertThat(trash.resolve("var/nix/db/db.sqlite")).exists();
    assertThat(trash.resolveSibling("instance-2").resolve("var/nix/db/db.sqlite")).exists();
    assertThat(trash.resolve("store")).doesNotExist();
  }

  @Test
  void isWholeUntilTheOldDatabaseIsRetiredAndIsGoneOnWithByAnyCall() throws Exception {
    SortedMap<String, String> old = TreeListing.of(target.directory(), name -> true);
    changeTheSource();
    CopyBench.inSession(
        request(false),
        (session, progress) -> {
          session.copyPaths(progress);
          SortedMap<String, String> now = TreeListing.of(target.directory(), name -> true);
          for (String part : new String[] {"store/" + name(0), "store/" + name(5), "var"}) {
            assertThat(withoutLinks(now, part)).as(part).isEqualTo(withoutLinks(old, part));
          }
          session.copyState(progress);
        });
    assertThat(target.directory().resolve(".nixwsl-copy")).exists();
    CopyBench.copy(source, target);
    CopyBench.assertSame(source, target);
    assertThat(withoutLinks(TreeListing.of(trash, name -> true), "store/" + name(0)))
        .isEqualTo(withoutLinks(old, "store/" + name(0)));
  }

  @Test
  void removesWhatVanishedBetweenACopyThatWasCutShortAndTheNext() throws Exception {
    NixStore other = NixStore.ofNixDirectory(disk.path().resolve("other"));
    CopyBench.inSession(source, other, (session, progress) -> session.copyPaths(progress));
    changeTheSource();
    CopyBench.copy(source, other);
    CopyBench.assertSame(source, other);
  }

  @Test
  void leavesAloneWhatIsNotOurs() throws Exception {
    Path foreign = Files.writeString(target.directory().resolve("letter"), "mine");
    refused(ErrorCode.TARGET_NOT_EMPTY);
    Files.delete(foreign);
    Path id = Files.writeString(target.directory().resolve(".nix-storage-id"), "id");
    refused(ErrorCode.TARGET_NOT_EMPTY);
    Files.delete(id);
    Path elsewhere = Files.createDirectory(disk.path().resolve("elsewhere"));
    Path link = Files.createSymbolicLink(disk.path().resolve(".nixwsl"), elsewhere);
    assertThatThrownBy(() -> update(false))
        .isInstanceOfSatisfying(
            StorageSdkException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.IO_FAILED));
    assertThat(elsewhere).isEmptyDirectory();
    assertThat(target.database()).exists();
    Files.delete(link);
    update(false);
    CopyBench.assertSame(source, target);
  }

  private void refused(ErrorCode code) throws IOException {
    SortedMap<String, String> before = TreeListing.of(disk.path(), name -> true);
    assertThatThrownBy(() -> update(false))
        .isInstanceOfSatisfying(
            StorageSdkException.class, e -> assertThat(e.code()).isEqualTo(code));
    assertThat(TreeListing.of(disk.path(), name -> true)).isEqualTo(before);
  }

  /** A path goes, one comes, one is built anew, a profile is switched. */
  private void changeTheSource() throws Exception {
    String gone = STORE + name(0);
    Path last = fixture.physical(STORE + name(7));
    String added = STORE + "0".repeat(32) + "-added";
    LoopFileSystem.run("cp", "-a", last.toString(), fixture.physical(added).toString());
    CopyBench.sql(
        source,
        "insert into ValidPaths (path, hash, registrationTime, narSize) select '"
            + added
            + "', hash, 1700009999, narSize from ValidPaths where path = '"
            + STORE
            + name(7)
            + "'");
    LoopFileSystem.run("rm", "-rf", fixture.physical(gone).toString());
    CopyBench.sql(source, "delete from Refs where reference in (" + id(gone) + ")");
    CopyBench.sql(source, "delete from Refs where referrer in (" + id(gone) + ")");
    CopyBench.sql(source, "delete from ValidPaths where path = '" + gone + "'");
    buildAnew(STORE + name(5));
    // As a garbage collection does.
    LoopFileSystem.run(
        "find", source.storeDirectory().resolve(".links").toString(), "-links", "1", "-delete");
    Path profiles = source.stateDirectory().resolve("profiles");
    Files.createSymbolicLink(profiles.resolve("system-99-link"), Path.of(STORE + name(7)));
  }

  private static String id(String path) {
    return "select id from ValidPaths where path = '" + path + "'";
  }

  private void buildAnew(String path) throws Exception {
    Path top = fixture.physical(path);
    Path file;
    try (Stream<Path> files = Files.walk(top)) {
      file =
          files
              .filter(f -> Files.isRegularFile(f, LinkOption.NOFOLLOW_LINKS))
              .sorted()
              .findFirst()
              .orElseThrow();
    }
    FileTime time = Files.getLastModifiedTime(file.getParent());
    Path built = Files.writeString(file.resolveSibling("built"), "built anew");
    Files.setPosixFilePermissions(built, Files.getPosixFilePermissions(file));
    Files.setLastModifiedTime(built, Files.getLastModifiedTime(file));
    Files.move(built, file, StandardCopyOption.ATOMIC_MOVE);
    Files.setLastModifiedTime(file.getParent(), time);
    TreeWalker.Walk walk =
        Operation.quiet(
            "hash",
            operation -> {
              try {
                return new TreeWalker().walk(top, TreeSink.none(), operation, bytes -> {});
              } catch (UnreadableException e) {
                throw new IOException(e);
              }
            });
    CopyBench.sql(
        source,
        "update ValidPaths set narSize = "
            + walk.narSize()
            + ", hash = '"
            + walk.hash().orElseThrow()
            + "' where path = '"
            + path
            + "'");
  }

  /** The names of directories, so that there is something to go and to change. */
  private String name(int number) {
    return fixture.paths().stream()
        .filter(path -> path.contains("-package-"))
        .skip(number)
        .findFirst()
        .orElseThrow()
        .substring(STORE.length());
  }

  /** All but the databases, which are compared by their rows, and whose reading leaves files. */
  private static SortedMap<String, String> contents(NixStore store) throws IOException {
    return TreeListing.of(store.directory(), name -> !name.startsWith("var/nix/db"));
  }

  /** Removes what is the same; a name that one of the two lacks stays as well. */
  private static @Nullable String unlessSame(String one, String other) {
    return one.equals(other) ? null : one + " | " + other;
  }

  /** A part of a listing, without which names share an inode: that crosses the parts. */
  private static SortedMap<String, String> withoutLinks(
      SortedMap<String, String> listing, String part) {
    SortedMap<String, String> of = new TreeMap<>(listing.subMap(part, part + "0"));
    of.replaceAll((name, line) -> line.replaceAll(" = .*", ""));
    assertThat(of).isNotEmpty();
    return of;
  }

  private CopyReport update(boolean paranoid) {
    return new CopyEngine(CopyBench.host(), Ticker.system())
        .copy(request(paranoid), RunOptions.ofDefaults());
  }

  private CopyRequest request(boolean paranoid) {
    return CopyRequest.builder()
        .source(source)
        .target(target)
        .update(true)
        .paranoid(paranoid)
        .build();
  }
}
