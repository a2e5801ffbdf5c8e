package org.nixwsl.storage.windows.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.platform.DiskFormat;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.mount.StorageLayout;
import org.nixwsl.storage.windows.guest.DiskView.Disk;
import org.nixwsl.storage.windows.wsl.WslExe;
import org.nixwsl.storage.windows.wsl.WslRunner;

/**
 * The scripts that run in an instance, as they are, on a loop device that is called {@code sdz} in
 * a mount namespace with a /sys/block, a /dev and a /mnt/wsl of its own.
 */
@Tag("once")
class GuestScriptsTest {
  private static final DiskFormat EXT4 = DiskFormat.of(StorageLayout.ofDefaults());

  private static final UUID DISK = UUID.fromString("0b7f6f0e-6f38-4c3c-8a47-5f6b3a0d1c2e");
  private static final UUID OTHER = UUID.fromString("11111111-2222-3333-4444-555555555555");
  private static final String MARKER = "nixwsl-blank-disk-" + "0123456789abcdef".repeat(4);
  private static final int MEBIBYTE = 1 << 20;
  private static final int SIZE = 64 * MEBIBYTE;

  /** What makes a loop device a disk of an instance; then the script, from standard input. */
  private static final String MACHINE =
      """
      set -eu
      loop=$1 path=$2
      sys=/sys/devices/virtual/block/$loop
      mount -t tmpfs none /sys/block
      mount -t tmpfs none /sys/class/block
      mount -t tmpfs none /dev
      mknod /dev/null c 1 3
      mknod /dev/zero c 1 5
      node() { mknod "/dev/$1" b "$(cut -d: -f1 "$2/dev")" "$(cut -d: -f2 "$2/dev")"; }
      mkdir /sys/block/sdz
      for each in "$sys"/*; do
        case ${each##*/} in
          "$loop"p*)
            number=${each##*p}
            ln -s "$each" "/sys/block/sdz/sdz$number"
            node "sdz$number" "$each"
            ;;
          *) ln -s "$each" "/sys/block/sdz/${each##*/}" ;;
        esac
      done
      ln -s ../../block/sdz /sys/class/block/sdz
      node sdz "$sys"
      mount -t tmpfs none /mnt
      mkdir /mnt/wsl
      mount -t tmpfs none /mnt/wsl
      status=0
      sed "s,^PATH=.*,PATH=$path," | sh -s || status=$?
      cp /proc/self/mountinfo "$3"
      exit $status
      """;

  @TempDir private Path scratch;
  private final ProcessRunner processes = new ProcessRunner();
  private Path image;
  private Path mounts;
  private String loop;
  private String path = "/usr/sbin:/usr/bin:/sbin:/bin";
  private WslGuest guest;

  @BeforeEach
  void attach() throws IOException {
    assumeTrue(
        Files.isDirectory(Path.of("/proc/self")) && isRoot(), "skipped: Linux and root are needed");
    for (String tool :
        List.of("losetup", "blkid", "mkfs.ext4", "mkswap", "partx", "unshare", "e2fsck")) {
      assumeTrue(
          List.of("/usr/sbin/", "/usr/bin/", "/sbin/").stream()
              .anyMatch(at -> Files.isExecutable(Path.of(at + tool))),
          "skipped: " + tool + " is missing");
    }
    image = scratch.resolve("disk.img");
    mounts = scratch.resolve("mountinfo");
    blank();
    loop = run("losetup", "-f", "-P", "--show", image.toString()).strip().substring(5);
    guest = new Guests(new WslExe(runner())).of("nixos");
  }

  @AfterEach
  void detach() {
    if (loop != null) {
      run("losetup", "-d", "/dev/" + loop);
    }
  }

  @Test
  void aBlankDiskIsSeenAsBlank() {
    Disk disk = sdz();

    assertThat(disk.sectors()).isEqualTo(SIZE / 512);
    assertThat(disk.number()).isEqualTo(number());
    assertThat(disk.type()).isEqualTo(DiskView.NOTHING);
    assertThat(disk.uuid()).isEmpty();
    assertThat(disk.divided()).isFalse();
    assertThat(disk.held()).isFalse();
    assertThat(disk.whole()).isTrue();
  }

  @Test
  void aFileSystemIsSeenWithItsUuid() {
    run("mkfs.ext4", "-q", "-F", "-U", OTHER.toString(), "/dev/" + loop);

    assertThat(sdz().type()).isEqualTo("ext4");
    assertThat(sdz().uuid()).contains(OTHER);
  }

  @Test
  void partitionsAreSeenWithWhatIsOnThem() throws IOException {
    divide();
    run("mkfs.ext4", "-q", "-F", "-U", OTHER.toString(), "/dev/" + loop + "p1");

    DiskView view = look();

    assertThat(sdz().divided()).isTrue();
    assertThat(sdz().type()).isEqualTo("?");
    Disk partition =
        view.disks().stream().filter(disk -> disk.name().equals("sdz1")).findFirst().orElseThrow();
    assertThat(partition.whole()).isFalse();
    assertThat(partition.uuid()).contains(OTHER);
    assertThat(view.carrying(OTHER)).containsExactly(partition);
    assertThat(view.wholeDisk(partition.number()))
        .containsExactlyInAnyOrder(number(), partition.number());
  }

  @Test
  void theMountsOfThisAndOfOtherNamespacesAreSeen() throws IOException {
    run("mkfs.ext4", "-q", "-F", "/dev/" + loop);
    Path point = Files.createDirectory(scratch.resolve("a b"));
    run("mount", "/dev/" + loop, point.toString());
    try {
      assertThat(look().shareRoot()).contains("/mnt/wsl");
      assertThat(look().everywhere())
          .anySatisfy(
              entry -> {
                assertThat(entry.device()).isEqualTo(number());
                assertThat(entry.mountPoint()).isEqualTo(point.toString());
              });
      assertThat(call(guest::mounts).disks()).isEmpty();
    } finally {
      run("umount", point.toString());
    }
  }

  @Test
  void theMarkedDiskIsFormatted() throws IOException {
    mark(MARKER);

    format(sdz());

    assertThat(sdz().uuid()).contains(DISK);
    String header = run("dumpe2fs", "-h", "/dev/" + loop);
    assertThat(header).containsPattern("Filesystem volume name: +nixstorage");
    assertThat(header).containsPattern("Errors behavior: +Remount read-only");
    run("e2fsck", "-fn", "/dev/" + loop);
    assertThat(Files.readString(image, StandardCharsets.ISO_8859_1)).doesNotContain("nixwsl-blank");
  }

  @Test
  void theMarkedDiskBecomesABtrfsWhereThatIsItsLayout() throws IOException {
    assumeTrue(
        Files.isExecutable(Path.of("/usr/bin/mkfs.btrfs"))
            || Files.isExecutable(Path.of("/usr/sbin/mkfs.btrfs"))
            || Files.isExecutable(Path.of("/sbin/mkfs.btrfs")),
        "skipped: mkfs.btrfs is missing");
    run("losetup", "-d", "/dev/" + loop);
    run("truncate", "-s", "128M", image.toString());
    loop = run("losetup", "-f", "-P", "--show", image.toString()).strip().substring(5);
    mark(MARKER);
    DiskFormat btrfs = DiskFormat.of(new StorageLayout.BtrfsSubvolumes(3));

    call(
        operation -> {
          guest.format(sdz(), btrfs, DISK, MARKER, operation);
          return true;
        });

    assertThat(sdz().type()).isEqualTo("btrfs");
    assertThat(sdz().uuid()).contains(DISK);
    run("btrfs", "check", "/dev/" + loop);
    call(
        operation -> {
          guest.remount(sdz(), DISK, "/mnt/wsl/nixstorage", btrfs, operation);
          return true;
        });
    assertThat(Files.readString(mounts)).contains("compress=zstd:3");
  }

  @Test
  void onAnyDoubtNothingIsWritten() throws IOException {
    Disk seen = sdz();
    refusesToFormat(seen, "what was put there to know it by"); // no marker
    mark(MARKER.replace('0', '1'));
    refusesToFormat(seen, "what was put there to know it by");
    mark(MARKER);
    refusesToFormat(changed(seen, "8:32", seen.sectors()), "another one by now");
    refusesToFormat(changed(seen, seen.number(), seen.sectors() + 8), "its size is");
    write(SIZE - 600, "x");
    refusesToFormat(seen, "last MiB");
    write(SIZE - 600, "\0");
    write(5000, "x");
    refusesToFormat(seen, "what was put there to know it by");
  }

  @Test
  void whatHasAFileSystemPartitionsOrSwapIsNotFormatted() throws IOException {
    run("mkfs.ext4", "-q", "-F", "/dev/" + loop);
    mark(MARKER);
    refusesToFormat(sdz(), "there is something on it");
    blank();
    run("mkswap", "/dev/" + loop);
    mark(MARKER);
    refusesToFormat(sdz(), "there is something on it");
    blank();
    divide();
    mark(MARKER);
    refusesToFormat(sdz(), "it has partitions");
  }

  @Test
  void whatIsMountedAnywhereIsNotFormatted() throws IOException {
    run("mkfs.ext4", "-q", "-F", "/dev/" + loop);
    Path point = Files.createDirectory(scratch.resolve("mounted"));
    run("mount", "/dev/" + loop, point.toString());
    try {
      refusesToFormat(sdz(), "it is mounted");
    } finally {
      run("umount", point.toString());
    }
  }

  @Test
  void aDiskIsMountedAgainOnlyIfItIsTheOne() throws IOException {
    run("mkfs.ext4", "-q", "-F", "-U", DISK.toString(), "/dev/" + loop);
    Disk disk = sdz();

    remount(disk, DISK, "/mnt/wsl/nix.storage");

    assertThat(MountEntry.parse(Files.readString(mounts)))
        .anySatisfy(
            entry -> {
              assertThat(entry.mountPoint()).isEqualTo("/mnt/wsl/nix.storage");
              assertThat(entry.device()).isEqualTo(number());
              assertThat(entry.type()).isEqualTo("ext4");
            });
    assertThatThrownBy(() -> remount(disk, OTHER, "/mnt/wsl/nixstorage"))
        .hasMessageContaining("its file system is " + DISK);
    assertThatThrownBy(() -> remount(disk, DISK, "/mnt/wsl"))
        .hasMessageContaining("something is mounted there by now");
    assertThatThrownBy(() -> remount(changed(disk, "8:32", 0), DISK, "/mnt/wsl/nixstorage"))
        .hasMessageContaining("another one by now");
  }

  @Test
  void aBlkidThatCannotLookIsNotBelieved() throws IOException {
    Path bin = Files.createDirectory(scratch.resolve("bin"));
    // As BusyBox has it: it takes every argument for a device and prints lines of its own form.
    Path blkid = bin.resolve("blkid");
    Files.writeString(blkid, "#!/bin/sh\necho '/dev/sdz: UUID=\"x\" TYPE=\"ext4\"'\n");
    run("chmod", "755", blkid.toString());
    path = bin + ":" + path;
    mark(MARKER);

    assertThatThrownBy(this::look)
        .isInstanceOfSatisfying(
            StorageSdkException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.TOOL_MISSING));
  }

  // --- The machine

  private WslRunner runner() {
    return (arguments, input, limit, operation) ->
        processes.run(
            Command.of(
                    "unshare",
                    "-m",
                    "--propagation",
                    "private",
                    "/bin/sh",
                    "-c",
                    MACHINE,
                    "sh",
                    loop,
                    path,
                    mounts.toString())
                .reading(input)
                .within(Duration.ofMinutes(1)),
            operation);
  }

  private static boolean isRoot() throws IOException {
    return Files.getAttribute(Path.of("/proc/self/task"), "unix:uid").equals(0);
  }

  private String run(String... command) {
    return Operation.quiet(
        String.join(" ", command),
        operation -> processes.runOk(Command.of(command), operation).text());
  }

  private static <T> T call(Operation.Body<T> body) {
    return Operation.quiet("test", body);
  }

  private DiskView look() {
    return call(guest::look);
  }

  private Disk sdz() {
    return look().disks().stream()
        .filter(disk -> disk.name().equals("sdz"))
        .findFirst()
        .orElseThrow();
  }

  private void format(Disk disk) {
    call(
        operation -> {
          guest.format(disk, EXT4, DISK, MARKER, operation);
          return true;
        });
  }

  private void remount(Disk disk, UUID uuid, String point) {
    call(
        operation -> {
          guest.remount(disk, uuid, point, EXT4, operation);
          return true;
        });
  }

  private void refusesToFormat(Disk disk, String why) throws IOException {
    run("blockdev", "--flushbufs", "/dev/" + loop);
    byte[] before = Files.readAllBytes(image);
    assertThatThrownBy(() -> format(disk))
        .isInstanceOfSatisfying(
            StorageSdkException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.DISK_NOT_BLANK))
        .hasMessageContaining(why);
    run("blockdev", "--flushbufs", "/dev/" + loop);
    assertThat(Files.readAllBytes(image)).as(why).isEqualTo(before);
  }

  private static Disk changed(Disk disk, String number, long sectors) {
    return new Disk(
        disk.name(), number, sectors, false, false, DiskView.NOTHING, Optional.empty(), true);
  }

  private String number() {
    return run("cat", "/sys/block/" + loop + "/dev").strip();
  }

  private void blank() throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(SIZE);
    }
    if (loop != null) {
      run("dd", "if=/dev/zero", "of=/dev/" + loop, "bs=1M", "conv=fsync,notrunc", "count=64");
    }
  }

  private void mark(String text) {
    write(512 << 10, text);
  }

  /** Through the device, as another instance would. */
  private void write(long offset, String text) {
    call(
        operation ->
            processes.runOk(
                Command.of(
                        "dd",
                        "of=/dev/" + loop,
                        "bs=1M",
                        "iflag=fullblock",
                        "oflag=seek_bytes",
                        "seek=" + offset,
                        "conv=notrunc,fsync")
                    .reading(text.getBytes(StandardCharsets.ISO_8859_1)),
                operation));
  }

  /** One partition of Linux from the first MiB on, in a master boot record. */
  private void divide() throws IOException {
    byte[] record = new byte[512];
    int entry = 446;
    record[entry + 4] = (byte) 0x83;
    record[entry + 9] = (byte) (2048 >> 8);
    int sectors = 32 * MEBIBYTE / 512;
    for (int i = 0; i < 4; i++) {
      record[entry + 12 + i] = (byte) (sectors >> (8 * i));
    }
    record[510] = 0x55;
    record[511] = (byte) 0xaa;
    write(0, new String(record, StandardCharsets.ISO_8859_1));
    // A kernel may know no tables of partitions; partx reads it itself.
    run("partx", "-u", "/dev/" + loop);
    assertThat(Files.exists(Path.of("/sys/block/" + loop + "/" + loop + "p1")))
        .as("Linux sees the partition")
        .isTrue();
  }
}
