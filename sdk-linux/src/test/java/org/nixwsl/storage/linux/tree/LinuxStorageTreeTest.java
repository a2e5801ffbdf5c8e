package org.nixwsl.storage.linux.tree;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.migrate.ReclaimReport;
import org.nixwsl.storage.mount.MountedStorage;

/** On directories, which is all that most of it sees. */
final class LinuxStorageTreeTest {
  private static final int SOMEBODY = 4711;

  @TempDir private Path top;
  private final LinuxStorageTree tree = new LinuxStorageTree(new ProcessRunner());

  private MountedStorage storage() {
    return new MountedStorage(top, "/dev/none", Optional.empty(), "ext4");
  }

  private Path file(String name) throws IOException {
    Path file = top.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.writeString(file, "kept");
  }

  private void mode(String name, String permissions) throws IOException {
    Files.setPosixFilePermissions(top.resolve(name), PosixFilePermissions.fromString(permissions));
  }

  private void give(String name) throws IOException {
    Files.setAttribute(top.resolve(name), "unix:uid", SOMEBODY, LinkOption.NOFOLLOW_LINKS);
  }

  private static String sh(String script) {
    return Operation.quiet(
        "test script",
        operation -> new ProcessRunner().runOk(Command.of("sh", "-c", script), operation).text());
  }

  private ReclaimReport emptyTrash() {
    return Operation.quiet("empty the trash", operation -> tree.emptyTrash(storage(), operation));
  }

  /** docs/nixos-module.md has users put theirs there. */
  @Test
  void dataBesideTheStoresIsSomethingThatCouldBeMissed() throws IOException {
    Files.createDirectories(top.resolve(".nixwsl/instances/one"));
    Files.createDirectories(top.resolve(".nixwsl/trash"));
    file(".nixwsl/locks/one");
    assertThat(tree.holdsNothing(storage())).isTrue();
    file(".nixwsl/data/one/var/lib/postgresql/base");
    assertThat(tree.holdsNothing(storage())).isFalse();
  }

  @Test
  void theRegisterSaysWhichInstancesHaveAnOwner() throws IOException {
    assertThat(tree.owners(storage())).isEmpty();
    file(".nixwsl/instances/two/owner");
    file(".nixwsl/instances/one/owner");
    Files.createDirectories(top.resolve(".nixwsl/instances/none"));
    assertThat(tree.owners(storage())).containsExactly("one", "two");
  }

  @Nested
  final class TrashThatIsEmptied {
    @BeforeEach
    void giveAwayAsRoot() throws IOException {
      assumeTrue(
          Integer.valueOf(0).equals(Files.getAttribute(Path.of("/proc/self/task"), "unix:uid")),
          "skipped: root is missing");
    }

    @Test
    void isThatOfTheStorageAndOfItsInstances() throws IOException {
      file(".nixwsl/trash/gone/file");
      file(".nixwsl/snapshots/old/file");
      file("with-a-store/.nixwsl/trash/paths-1/file");
      Files.createDirectories(top.resolve("with-a-store/store"));
      file("in-the-register/.nixwsl/trash/paths-1/file");
      file(".nixwsl/instances/in-the-register/owner");
      assertThat(emptyTrash())
          .isEqualTo(
              new ReclaimReport(List.of("gone", "paths-1", "paths-1", "snapshots/old"), List.of()));
    }

    /** Files of a subvolume that cannot be deleted are not picked out of it one by one. */
    @Tag("alone")
    @Test
    void losesNothingOfASubvolumeThatCannotBeDeletedAndTheRestAllTheSame() throws IOException {
      assumeTrue(!sh("command -v mkfs.btrfs || true").isBlank(), "skipped: mkfs.btrfs is missing");
      Path image = top.resolveSibling(top.getFileName() + ".img");
      sh(
          "truncate -s 128M "
              + image
              + " && mkfs.btrfs -q -K "
              + image
              + " && mount -o loop "
              + image
              + " "
              + top);
      try {
        mode("", "rwx------");
        Files.createDirectories(top.resolve(".nixwsl/trash"));
        sh(
            "cd "
                + top
                + "/.nixwsl/trash && for name in a nested z; do"
                + " btrfs subvolume create $name; echo kept > $name/file; done;"
                + " btrfs subvolume create nested/inner; btrfs subvolume set-default a");
        StorageSdkException e = catchThrowableOfType(StorageSdkException.class, this::emptyIt);
        assertThat(e.code()).isEqualTo(ErrorCode.COMMAND_FAILED);
        assertThat(e).hasMessageContaining("default subvolume");
        assertThat(top.resolve(".nixwsl/trash/a/file")).exists();
        assertThat(top.resolve(".nixwsl/trash/nested")).doesNotExist();
        assertThat(top.resolve(".nixwsl/trash/z")).doesNotExist();
      } finally {
        sh("umount " + top + " && rm " + image);
      }
    }

    private void emptyIt() {
      emptyTrash();
    }

    @Test
    void isNotThatOfAStorageWithinOrOfWhatIsNoInstance() throws IOException {
      Path registered = file("storage/.nixwsl/trash/gone/file");
      file("storage/.nixwsl/instances/main/owner");
      Files.createDirectories(top.resolve("storage/store"));
      Path moved = file("moved/.nixwsl/trash/gone/file");
      Files.createDirectories(top.resolve("moved/.nixwsl/moves"));
      Files.createDirectories(top.resolve("moved/store"));
      Path plain = file("plain/.nixwsl/trash/gone/file");
      Path noName = file("No Instance/.nixwsl/trash/gone/file");
      Files.createDirectories(top.resolve("No Instance/store"));
      assertThat(emptyTrash().removed()).isEmpty();
      assertThat(registered).exists();
      assertThat(moved).exists();
      assertThat(plain).exists();
      assertThat(noName).exists();
    }

    @Test
    void isNoneThatSomebodyElseCouldLeadElsewhere() throws IOException {
      Path own = file("users/.nixwsl/trash/mine/file");
      Files.createDirectories(top.resolve("users/store"));
      give("users");
      Path below = file("below/.nixwsl/trash/mine/file");
      Files.createDirectories(top.resolve("below/store"));
      give("below/.nixwsl");
      Path trash = file("theirs/.nixwsl/trash/mine/file");
      Files.createDirectories(top.resolve("theirs/store"));
      give("theirs/.nixwsl/trash");
      Path open = file("open/.nixwsl/trash/mine/file");
      Files.createDirectories(top.resolve("open/store"));
      mode("open", "rwxrwxr-x");
      Path elsewhere = file("elsewhere/trash/mine/file");
      Files.createDirectories(top.resolve("linked/store"));
      Files.createSymbolicLink(top.resolve("linked/.nixwsl"), top.resolve("elsewhere"));
      assertThat(emptyTrash())
          .isEqualTo(
              new ReclaimReport(
                  List.of(),
                  List.of(
                      "below/.nixwsl/trash",
                      "linked/.nixwsl/trash",
                      "open/.nixwsl/trash",
                      "theirs/.nixwsl/trash",
                      "users/.nixwsl/trash")));
      assertThat(own).exists();
      assertThat(below).exists();
      assertThat(trash).exists();
      assertThat(open).exists();
      assertThat(elsewhere).exists();
    }
  }
}
