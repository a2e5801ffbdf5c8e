package org.nixwsl.storage.linux.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which mount carries a path. */
class MountTableTest {
  private static final String ROOT = "20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda rw\n";

  @Test
  void takesTheDeepestMountByWholeNames() {
    MountTable table =
        table(
            ROOT
                + "21 20 0:5 / /mnt rw - tmpfs none rw\n"
                + "22 21 8:2 / /mnt/wsl rw - ext4 /dev/sdb rw\n");
    assertThat(typeOf(table, "/mnt/wsl/a")).isEqualTo("ext4");
    assertThat(typeOf(table, "/mnt/wsl")).isEqualTo("ext4");
    assertThat(typeOf(table, "/mnt/wslx")).isEqualTo("tmpfs");
    assertThat(typeOf(table, "/mntx")).isEqualTo("ext4");
  }

  @Test
  void seesWhatTheNewerMountCovers() {
    MountTable table =
        table(
            ROOT
                + "21 20 8:2 / /a/b rw - xfs /dev/sdb rw\n"
                + "22 20 0:5 / /a rw - tmpfs none rw\n");
    assertThat(typeOf(table, "/a/b/c")).isEqualTo("tmpfs");
    MountTable stacked =
        table(
            ROOT + "21 20 8:2 / /a rw - xfs /dev/sdb rw\n" + "22 21 0:5 / /a rw - tmpfs none rw\n");
    assertThat(typeOf(stacked, "/a/x")).isEqualTo("tmpfs");
  }

  @Test
  void readsEscapedNamesAndAnyNumberOfOptionalFields() {
    MountTable table =
        table(ROOT + "21 20 8:2 / /a\\040b\\134c rw shared:2 master:3 - btrfs /dev/sdb rw\n");
    assertThat(typeOf(table, "/a b\\c/d")).isEqualTo("btrfs");
    assertThat(table.carrying(Path.of("/a b\\c")).orElseThrow().printablePoint())
        .isEqualTo("/a b\\c");
  }

  @Test
  void seesReadOnlyMountsAndReadOnlyFileSystems() {
    MountTable table =
        table(
            ROOT
                + "21 20 8:2 / /a ro,noatime - ext4 /dev/sdb rw\n"
                + "22 20 8:3 / /b rw - ext4 /dev/sdc ro,errors=remount-ro\n");
    assertThat(table.carrying(Path.of("/a")).orElseThrow().writable()).isFalse();
    assertThat(table.carrying(Path.of("/b")).orElseThrow().writable()).isFalse();
    assertThat(table.carrying(Path.of("/c")).orElseThrow().writable()).isTrue();
  }

  /** The kernel shows a number for a btrfs that no device has. */
  @Test
  void aBtrfsHasTheNumberOfTheDeviceThatIsNamed(@TempDir Path folder) throws IOException {
    Path device;
    try (Stream<Path> devices = Files.list(Path.of("/sys/class/block"))) {
      device = devices.findFirst().orElse(Path.of("/"));
    }
    assumeTrue(Files.exists(device.resolve("dev")), "skipped: a block device is missing");
    String number = Files.readString(device.resolve("dev")).strip();
    String line = " / /a rw - btrfs /dev/%s rw\n";
    Path mountinfo =
        Files.writeString(
            folder.resolve("mountinfo"),
            ROOT
                + ("21 20 0:45" + line.formatted(device.getFileName()))
                + ("22 21 0:46" + line.replace("/a", "/a/b").formatted("gone")));
    MountTable table = MountTable.read(mountinfo);
    assertThat(table.at("/a").orElseThrow().device()).isEqualTo(number);
    assertThat(table.at("/a/b").orElseThrow().device()).isEqualTo("0:46");
  }

  @Test
  void seesFileSystemsThatGaveUpAfterAnError() {
    MountTable table =
        table(
            ROOT
                + "21 20 7:0 / /a rw,relatime - ext4 /dev/loop0 rw,emergency_ro\n"
                + "22 20 7:1 / /b rw - ext4 /dev/loop1 rw,shutdown\n");
    assertThat(table.carrying(Path.of("/a")).orElseThrow().writable()).isFalse();
    assertThat(table.carrying(Path.of("/b")).orElseThrow().writable()).isFalse();
  }

  @Test
  void passesOverLinesOfAnotherForm() {
    assertThat(table("").carrying(Path.of("/"))).isEmpty();
    assertThat(typeOf(table("nonsense\nx y z - a b c\n" + ROOT), "/")).isEqualTo("ext4");
    assertThat(typeOf(table("1 1 0:1 / / rw - loop x rw\n"), "/")).isEqualTo("loop");
  }

  private static String typeOf(MountTable table, String path) {
    return table.carrying(Path.of(path)).orElseThrow().type();
  }

  private static MountTable table(String text) {
    return MountTable.parse(text.getBytes(StandardCharsets.ISO_8859_1));
  }

  @Test
  void aFileHasOnePlaceInItsFileSystemUnderWhateverMountItIsSeen() {
    MountTable table =
        table(
            ROOT
                + "30 20 8:1 /nix /nix ro - ext4 /dev/sda rw\n"
                + "31 20 8:1 /nix/var /mnt/x rw - ext4 /dev/sda rw\n");

    assertThat(table.withId(20).orElseThrow().inFileSystem("/nix/var/a")).isEqualTo("/nix/var/a");
    assertThat(table.withId(30).orElseThrow().inFileSystem("/nix/var/a")).isEqualTo("/nix/var/a");
    assertThat(table.withId(31).orElseThrow().inFileSystem("/mnt/x/a")).isEqualTo("/nix/var/a");
    assertThat(table.withId(30).orElseThrow().inFileSystem("/nix")).isEqualTo("/nix");
    assertThat(table.withId(20).orElseThrow().inFileSystem("/")).isEqualTo("/");
    assertThat(table.withId(32)).isEmpty();
    assertThat(table.below("/mnt")).extracting(MountTable.Mount::id).containsExactly(31);
    assertThat(table.below("/nix")).isEmpty();
  }
}
