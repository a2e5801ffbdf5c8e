package org.nixwsl.storage.testkit.copy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.linux.store.NixLock;
import org.nixwsl.storage.linux.store.NixLocks;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.testkit.copy.KilledMerge.Moment;

/** What went on in a copy comes back into the store that it was made of, which stays a store. */
@Tag("once")
class MergeTest extends MergeFixture {
  @Test
  void theOldStoreGetsAllThatTheOtherHasAndKeepsWhatOnlyItHas() throws Exception {
    Map<String, String> before = paths(old);
    Set<String> references = references(old);
    SortedMap<String, String> untouched = TreeListing.of(storage.directory(), name -> true);
    Path kept = old.storeDirectory().resolve(named(old, "package-3"));
    Object inode = Files.getAttribute(kept, "unix:ino");
    Path lost = rot(old.storeDirectory().resolve(named(old, "package-1")));

    CopyReport report = KilledMerge.merge(storage, old, Moment.NEVER);

    assertThat(report.findings()).isEmpty();
    SortedMap<String, String> read = TreeListing.of(storage.directory(), name -> true);
    // Where SQLite makes and removes files of its own.
    untouched.remove("var/nix/db");
    read.remove("var/nix/db");
    assertThat(read).isEqualTo(untouched);
    assertMerged(before, references);
    assertThat(Files.getAttribute(kept, "unix:ino")).as("not copied again").isEqualTo(inode);
    assertThat(lost)
        .as("what had rotted")
        .hasSameBinaryContentAs(storage.directory().resolve(old.directory().relativize(lost)));
    Set<String> brought = new TreeSet<>(paths(storage).keySet());
    brought.removeAll(before.keySet());
    assertThat(report.paths()).as("brought, and one mended").isEqualTo(brought.size() + 1);
    assertThat(report.notes()).anyMatch(note -> note.contains(".nixwsl/trash/nix-1"));

    assertThat(KilledMerge.merge(storage, old, Moment.NEVER).paths()).isZero();
    assertMerged(before, references);
  }

  @Test
  void aStateDirectoryThatTheGroupMayWriteToKeepsItsDatabase() throws Exception {
    Map<String, String> before = paths(old);
    Set<String> references = references(old);
    Files.setPosixFilePermissions(
        old.stateDirectory(), PosixFilePermissions.fromString("rwxrwxr-x"));
    Files.deleteIfExists(old.database().resolveSibling("big-lock"));
    CopyReport report = KilledMerge.merge(storage, old, Moment.NEVER);
    assertMerged(before, references);
    assertThat(report.notes()).as("Nix was not kept out").anyMatch(n -> n.contains("big-lock"));
  }

  @Tag("long")
  @Test
  void aRowWithoutAHashThatBothHaveIsNotLacking() throws Exception {
    String both = named(old, "package-3");
    long before = lacking();
    for (NixStore store : List.of(old, storage)) {
      change(
          store, "update ValidPaths set hash = 'unknown' where path = '" + (PREFIX + both) + "'");
    }
    assertThat(lacking()).isEqualTo(before);
    change(old, "update ValidPaths set narSize = 5 where path = '" + (PREFIX + both) + "'");
    assertThat(lacking()).isEqualTo(before + 1);
  }

  private long lacking() {
    return Operation.quiet(
        "look", operation -> CopyBench.host().lacking(storage, old, operation).paths());
  }

  @Tag("long")
  @Test
  void aFileWithAllTheLinksThatItCanHaveGetsNoNameInLinks() throws Exception {
    String name = "0".repeat(32) + "-many";
    Path tree = Files.createDirectory(storage.storeDirectory().resolve(name));
    Path first = Files.writeString(tree.resolve("0"), "many");
    Files.setPosixFilePermissions(first, PosixFilePermissions.fromString("r--r--r--"));
    Files.setLastModifiedTime(first, FileTime.fromMillis(1000));
    String inLinks = nixHash(List.of("--base32", first.toString()));
    Path links = storage.storeDirectory().resolve(".links");
    if (!Files.exists(links)) {
      Files.createDirectory(links);
    }
    Files.createLink(links.resolve(inLinks), first);
    for (int i = 1; i < 64_999; i++) {
      Files.createLink(tree.resolve(Integer.toString(i)), first);
    }
    Files.setPosixFilePermissions(tree, PosixFilePermissions.fromString("r-xr-xr-x"));
    Files.setLastModifiedTime(tree, FileTime.fromMillis(1000));
    change(
        storage,
        "insert into ValidPaths(path, hash, registrationTime, narSize) values ('"
            + (PREFIX + name)
            + "', '"
            + narHash(tree)
            + "', 1, 0)");
    KilledMerge.merge(storage, old, Moment.NEVER);
    assertThat(paths(old)).containsKey(PREFIX + name);
    assertThat(nix.verify(old).healthy()).isTrue();
    assertThat(old.storeDirectory().resolve(".links").resolve(inLinks)).doesNotExist();
  }

  @Test
  void whatIsDamagedOnTheStorageTakesNoPlaceInTheOldStore() throws Exception {
    String both = named(old, "package-1");
    Path rotten = rot(old.storeDirectory().resolve(both));
    byte[] bytes = Files.readAllBytes(rotten);
    Path other = storage.storeDirectory().resolve(both).resolve("share/doc/file-1");
    rot(storage.storeDirectory().resolve(both));
    Files.delete(other);
    Map<String, String> before = paths(old);

    refused(ErrorCode.SOURCE_DAMAGED);

    assertThat(rotten).hasBinaryContent(bytes);
    assertThat(old.storeDirectory().resolve(both).resolve("share/doc/file-1")).exists();
    assertThat(paths(old)).isEqualTo(before);
    assertThat(state(old, "gcroots")).doesNotContainKey("mine");
  }

  @Test
  void nothingIsBegunWhereThereIsNoRoomOrNixWorksOrOthersCanExchangeTheDatabaseOrItIsGone()
      throws Exception {
    SortedMap<String, String> before = TreeListing.of(old.directory(), name -> true);
    Path filler = rootDisk.path().resolve("filler");
    long free = Files.getFileStore(rootDisk.path()).getUsableSpace() - (4 << 20);
    LoopFileSystem.run("fallocate", "-l", Long.toString(free), filler.toString());
    refused(ErrorCode.NO_SPACE);
    Files.delete(filler);
    try (NixLock nixAtWork =
        Operation.quiet(
            "lock",
            operation -> new NixLocks(new ProcessRunner()).bigLockExclusive(old, operation))) {
      assertThat(nixAtWork.held()).isTrue();
      refused(ErrorCode.STORE_IN_USE);
    }
    assertThat(TreeListing.of(old.directory(), name -> true)).isEqualTo(before);
    Path state = old.stateDirectory();
    Files.setPosixFilePermissions(state, PosixFilePermissions.fromString("rwxrwxr-x"));
    Files.setAttribute(state, "unix:gid", 1000);
    refused(ErrorCode.UNSUITABLE_FILE_SYSTEM);
    assertThat(old.directory().resolve(".nixwsl-copy")).doesNotExist();
    Files.setAttribute(state, "unix:gid", 0);
    Path away = rootDisk.path().resolve("away.sqlite");
    Files.move(old.database(), away);
    refused(ErrorCode.NOT_A_STORE);
    Files.move(away, old.database());
  }

  private void refused(ErrorCode code) {
    assertThatThrownBy(() -> KilledMerge.merge(storage, old, Moment.NEVER))
        .isInstanceOfSatisfying(
            StorageSdkException.class, e -> assertThat(e.code()).isEqualTo(code));
  }
}
