package org.nixwsl.storage.linux.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.nixwsl.storage.linux.disk.DiskMachine.storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskCheck;
import org.nixwsl.storage.disk.DiskCompaction;
import org.nixwsl.storage.disk.DiskResize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.SharedStorage;

/** A disk that is resized and compacted, as the file system on it sees that. */
@Tag("once")
final class ChangedDiskTest {
  private static final RunOptions QUIETLY = RunOptions.ofDefaults();
  private static final int MIB = 1 << 20;

  @RegisterExtension private final DiskMachine machine = new DiskMachine();

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aFileSystemKeepsItsFilesThroughExpandingCompactingAndShrinking(boolean fixed)
      throws IOException {
    Path file = machine.folder().resolve("a.vhdx");
    SharedStorage storage = storage(file, "store");
    try (StorageSdk sdk = StorageSdk.open()) {
      DiskSpec spec = DiskSpec.builder().virtualSize(ByteSize.mebibytes(200)).fixed(fixed).build();
      sdk.vhdx().create(file, spec);
      MountedStorage mounted = machine.mounter().prepareBlankDisk(storage, QUIETLY);
      write(mounted.mountPoint(), new Random(1), 40);
      Map<String, String> files = digests(mounted.mountPoint());
      machine.mounter().unmount(storage);

      sdk.vhdx().resize(file, ByteSize.mebibytes(320));
      mounted = machine.mounter().ensureMounted(storage);
      resize(mounted, "");
      assertThat(mebibytes(mounted)).isEqualTo(320);
      assertThat(digests(mounted.mountPoint())).isEqualTo(files);
      // Half of the files go, and what they held becomes zeros.
      for (int i = 0; i < 40; i += 2) {
        Files.delete(mounted.mountPoint().resolve("file" + i));
        files.remove("file" + i);
      }
      machine.sh(
          "dd if=/dev/zero of="
              + mounted.mountPoint()
              + "/zeros bs=1M 2>/dev/null; rm "
              + mounted.mountPoint()
              + "/zeros");
      requireSound(mounted);
      machine.mounter().unmount(storage);

      if (!fixed) {
        DiskCompaction done = sdk.vhdx().compact(file);
        assertThat(done.fileSizeAfter().bytes())
            .isLessThan(done.fileSizeBefore().bytes() - 100L * MIB);
        assertThat(sdk.vhdx().check(file).findings()).isEmpty();
        machine.sh("qemu-img check -q " + file);
        mounted = machine.mounter().ensureMounted(storage);
        requireSound(mounted);
        assertThat(digests(mounted.mountPoint())).isEqualTo(files);
        machine.mounter().unmount(storage);
      }

      mounted = machine.mounter().ensureMounted(storage);
      resize(mounted, "120M");
      machine.mounter().unmount(storage);
      DiskResize smaller =
          DiskResize.builder().virtualSize(ByteSize.mebibytes(120)).allowDataLoss(true).build();
      sdk.vhdx().resize(file, smaller, QUIETLY);
      assertThat(sdk.vhdx().check(file).status()).isNotEqualTo(DiskCheck.Status.ERRORS);
      machine.sh("qemu-img check -q " + file);
      assertThat(Files.size(file)).isLessThanOrEqualTo(124L * MIB);
      mounted = machine.mounter().ensureMounted(storage);
      requireSound(mounted);
      assertThat(digests(mounted.mountPoint())).isEqualTo(files);
      machine.mounter().unmount(storage);
    }
  }

  /** The table for more than 128 GiB does not fit where that for less was. */
  @Test
  void aFileSystemGrowsWithADiskWhoseTableMoved() throws IOException {
    Path file = machine.folder().resolve("a.vhdx");
    SharedStorage storage = storage(file, "store");
    try (StorageSdk sdk = StorageSdk.open()) {
      sdk.vhdx().create(file, DiskSpec.ofSize(ByteSize.gibibytes(120)));
      MountedStorage mounted = machine.mounter().prepareBlankDisk(storage, QUIETLY);
      write(mounted.mountPoint(), new Random(2), 10);
      Map<String, String> files = digests(mounted.mountPoint());
      machine.mounter().unmount(storage);

      sdk.vhdx().resize(file, ByteSize.gibibytes(136));
      machine.sh("qemu-img check -q " + file);
      mounted = machine.mounter().ensureMounted(storage);
      resize(mounted, "");
      assertThat(mebibytes(mounted)).isEqualTo(136 << 10);
      requireSound(mounted);
      machine.mounter().unmount(storage);

      sdk.vhdx().compact(file);
      assertThat(sdk.vhdx().check(file).status()).isNotEqualTo(DiskCheck.Status.ERRORS);
      machine.sh("qemu-img check -q " + file);
      mounted = machine.mounter().ensureMounted(storage);
      requireSound(mounted);
      assertThat(digests(mounted.mountPoint())).isEqualTo(files);
      machine.mounter().unmount(storage);
    }
  }

  private static void write(Path folder, Random random, int count) throws IOException {
    for (int i = 0; i < count; i++) {
      byte[] bytes = new byte[random.nextInt(2 * MIB)];
      random.nextBytes(bytes);
      Files.write(folder.resolve("file" + i), bytes);
    }
  }

  /** The SHA-256 of each file. */
  private Map<String, String> digests(Path folder) throws IOException {
    Map<String, String> digests = new TreeMap<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        digests.put(
            file.getFileName().toString(), machine.sh("sha256sum < " + file).substring(0, 64));
      }
    }
    return digests;
  }

  /** What the file system has, in MiB. */
  private long mebibytes(MountedStorage mounted) {
    String header = machine.sh("dumpe2fs -h " + mounted.device() + " 2>/dev/null");
    return number(header, "Block count") * number(header, "Block size") / MIB;
  }

  private static long number(String header, String name) {
    return header
        .lines()
        .filter(line -> line.startsWith(name + ":"))
        .mapToLong(line -> Long.parseLong(line.substring(name.length() + 1).strip()))
        .findFirst()
        .orElseThrow();
  }

  /** Not while it is mounted: that takes a right which root in a sandbox may lack. */
  private void resize(MountedStorage mounted, String size) {
    String device = mounted.device();
    unmounted(mounted, "e2fsck -fp " + device + " && resize2fs " + device + " " + size);
  }

  private void requireSound(MountedStorage mounted) {
    unmounted(mounted, "e2fsck -fn " + mounted.device());
  }

  /**
   * Runs a script while the file system is not mounted, and the disk attached. A process elsewhere
   * that begins just now with a copy of all mounts keeps the device in use for a moment (exit
   * status 8 of e2fsck), for which this waits.
   */
  private void unmounted(MountedStorage mounted, String script) {
    String point = mounted.mountPoint().toString();
    String device = mounted.device();
    machine.sh(
        ("umount POINT && { n=0; e2fsck -p DEVICE; s=$?;"
                    + " while [ $s = 8 ] && [ $n -lt 100 ]; do"
                    + " sleep 0.1; n=$((n + 1)); e2fsck -p DEVICE; s=$?; done; [ $s = 0 ] && ")
                .replace("POINT", point)
                .replace("DEVICE", device)
            + script
            + "; } >&2 && mount "
            + device
            + " "
            + point);
  }
}
