package org.nixwsl.storage.core.vhdx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nixwsl.storage.disk.BlockCounts;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskChannel;
import org.nixwsl.storage.disk.DiskCheck;
import org.nixwsl.storage.disk.DiskInfo;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.disk.DiskType;
import org.nixwsl.storage.disk.LogState;

/** Writing to disks, against a plain array and against other programs. */
class WritingTest {
  private static final int MIB = 1 << 20;

  private final VhdxEngine engine = new VhdxEngine();

  @TempDir Path folder;
  private Path file;

  @BeforeEach
  void nameTheDisk() {
    file = folder.resolve("disk.vhdx");
  }

  static Stream<Arguments> geometries() {
    return Stream.of(
        Arguments.of(1, 512, 24, 71L),
        Arguments.of(1, 4096, 24, 72L),
        Arguments.of(2, 512, 23, 73L),
        Arguments.of(8, 512, 20, 74L),
        Arguments.of(8, 4096, 20, 75L),
        Arguments.of(256, 512, 20, 76L));
  }

  @ParameterizedTest
  @MethodSource("geometries")
  void holdsWhatWasWrittenLikeAnArray(int blockMib, int sector, int sizeMib, long seed)
      throws Exception {
    engine.create(
        file,
        DiskSpec.builder()
            .virtualSize(ByteSize.mebibytes(sizeMib))
            .blockSize(ByteSize.mebibytes(blockMib))
            .logicalSectorSize(sector)
            .build());
    byte[] model = new byte[sizeMib * MIB];
    randomly(model, new Random(seed), 4);
    assertThat(engine.check(file).findings()).as("seed %d", seed).isEmpty();
    Tools.require("7zz");
    Tools.succeed("7zz", "t", "-tvhdx", file.toString());
    if (sector == 512) {
      assertQemuReads(model);
    }
  }

  @Test
  void writesToAFixedDiskInPlace() throws Exception {
    Tools.require("qemu-img");
    String options = "subformat=fixed,block_size=1M,block_state_zero=off";
    Tools.succeed("qemu-img", "create", "-q", "-f", "vhdx", "-o", options, file.toString(), "8M");
    long length = Files.size(file);
    byte[] model = new byte[8 * MIB];
    randomly(model, new Random(81), 2);
    assertThat(engine.inspect(file).type()).isEqualTo(DiskType.FIXED);
    assertThat(Files.size(file)).isEqualTo(length);
    assertQemuReads(model);
  }

  @Test
  void writesToADiskThatQemuMadeAndWroteTo() throws Exception {
    Tools.require("qemu-img", "qemu-io");
    Tools.succeed("qemu-img", "create", "-q", "-f", "vhdx", file.toString(), "20M");
    Tools.succeed("qemu-io", "-f", "vhdx", "-c", "write -P 7 1M 3M", file.toString());
    byte[] model = new byte[20 * MIB];
    Arrays.fill(model, MIB, 4 * MIB, (byte) 7);
    randomly(model, new Random(82), 2);
    assertQemuReads(model);
    Tools.succeed("qemu-io", "-f", "vhdx", "-c", "write -P 9 17M 1M", file.toString());
    Arrays.fill(model, 17 * MIB, 18 * MIB, (byte) 9);
    assertHolds(model, "after QEMU");
  }

  /** Random writes, zeros, reads and reopenings; ends with the disk closed and compared. */
  private void randomly(byte[] model, Random random, int sessions) throws IOException {
    for (int session = 0; session < sessions; session++) {
      try (DiskChannel disk = engine.openForWriting(file)) {
        for (int i = 0; i < 12; i++) {
          int offset = random.nextInt(model.length);
          int length = Math.min(model.length - offset, lengths(random));
          byte[] bytes = new byte[length];
          switch (random.nextInt(5)) {
            case 0, 1, 2 -> random.nextBytes(bytes);
            case 3 -> disk.force();
            default -> {}
          }
          if (random.nextInt(4) == 0) {
            assertThat(disk.position(offset).read(ByteBuffer.wrap(bytes))).isEqualTo(length);
            assertThat(Arrays.equals(model, offset, offset + length, bytes, 0, length)).isTrue();
          } else {
            assertThat(disk.position(offset).write(ByteBuffer.wrap(bytes))).isEqualTo(length);
            assertThat(disk.position()).isEqualTo(offset + length);
            System.arraycopy(bytes, 0, model, offset, length);
          }
        }
      }
      assertHolds(model, "session " + session);
      assertThat(engine.inspect(file).log()).isEqualTo(LogState.CLEAN);
    }
  }

  private static int lengths(Random random) {
    return switch (random.nextInt(4)) {
      case 0 -> 1 + random.nextInt(100);
      case 1 -> 512 * (1 + random.nextInt(64));
      case 2 -> MIB;
      default -> random.nextInt(3 * MIB);
    };
  }

  private void assertHolds(byte[] model, String when) throws IOException {
    byte[] found = new byte[model.length];
    try (SeekableByteChannel disk = engine.openForReading(file)) {
      assertThat(disk.read(ByteBuffer.wrap(found))).isEqualTo(model.length);
    }
    assertThat(Arrays.mismatch(found, model)).as(when).isEqualTo(-1);
  }

  private void assertQemuReads(byte[] model) throws Exception {
    Tools.require("qemu-img");
    Tools.succeed("qemu-img", "check", "-q", "-f", "vhdx", file.toString());
    Path raw = folder.resolve("disk.raw");
    Tools.succeed(
        "qemu-img", "convert", "-f", "vhdx", "-O", "raw", file.toString(), raw.toString());
    assertThat(Arrays.mismatch(Files.readAllBytes(raw), model)).as("QEMU").isEqualTo(-1);
  }

  /** More blocks than one log entry has room for sectors, each with a sector of its own. */
  @Test
  void commitsManyBlocksFarApartInBatches() throws Exception {
    Tools.require("qemu-img", "qemu-io");
    engine.create(file, DiskSpec.ofSize(ByteSize.gibibytes(1024)));
    int blocks = 600;
    long apart = 1700L * MIB;
    try (DiskChannel disk = engine.openForWriting(file)) {
      for (int i = 0; i < blocks; i++) {
        disk.position(i * apart).write(ByteBuffer.wrap(filled(512, i % 250 + 1)));
      }
      ByteBuffer found = ByteBuffer.allocate(1);
      disk.position(599 * apart).read(found);
      assertThat(found.get(0)).isEqualTo((byte) (599 % 250 + 1));
    }
    assertThat(engine.inspect(file).blocks().fullyPresent()).isEqualTo(blocks);
    assertThat(engine.check(file).findings()).isEmpty();
    Tools.succeed("qemu-img", "check", "-q", "-f", "vhdx", file.toString());
    for (int i : new int[] {0, 125, 126, 127, 251, 252, 599}) {
      String command = String.format(Locale.ROOT, "read -P %d %d 512", i % 250 + 1, i * apart);
      assertThat(Tools.succeed("qemu-io", "-f", "vhdx", "-c", command, file.toString()))
          .doesNotContain("failed");
    }
  }

  /** Where entries of sector bitmaps stand between those of blocks. */
  @Test
  void writesAcrossTheEndOfAChunk() throws Exception {
    Tools.require("qemu-io");
    engine.create(file, DiskSpec.ofSize(ByteSize.gibibytes(16)));
    long chunk = 4096L * MIB;
    try (DiskChannel disk = engine.openForWriting(file)) {
      disk.position(chunk - 4096).write(ByteBuffer.wrap(filled(8192, 0x5A)));
      disk.position(3 * chunk - 512).write(ByteBuffer.wrap(filled(1024, 0x5B)));
    }
    String output =
        Tools.succeed(
            "qemu-io",
            "-f",
            "vhdx",
            "-c",
            "read -P 0x5a " + (chunk - 4096) + " 8192",
            "-c",
            "read -P 0x5b " + (3 * chunk - 512) + " 1024",
            file.toString());
    assertThat(output).doesNotContain("failed");
  }

  @Test
  void zerosWhereNothingIsChangeNothing() throws IOException {
    TestImage.withBlocks().writeTo(file);
    String before = Tools.sha256(file);
    try (DiskChannel disk = engine.openForWriting(file)) {
      disk.position(MIB).write(ByteBuffer.allocate(MIB));
      disk.position(4L * MIB).write(ByteBuffer.allocate(12 * MIB));
      disk.force();
    }
    assertThat(Tools.sha256(file)).isEqualTo(before);
  }

  @Test
  void openingAndReadingChangesNothing() throws IOException {
    TestImage.withBlocks().writeTo(file);
    String before = Tools.sha256(file);
    try (DiskChannel disk = engine.openForWriting(file)) {
      ByteBuffer found = ByteBuffer.allocate(MIB);
      disk.read(found);
      assertThat(found.array()).containsOnly(0xA0);
    }
    assertThat(Tools.sha256(file)).isEqualTo(before);
  }

  @Test
  void zerosOverATrimmedBlockAreZerosForEveryReader() throws IOException {
    TestImage.withBlocks().writeTo(file);
    long length = Files.size(file);
    try (DiskChannel disk = engine.openForWriting(file)) {
      disk.position(2L * MIB + 100).write(ByteBuffer.allocate(10));
    }
    BlockCounts blocks = engine.inspect(file).blocks();
    assertThat(blocks.unmapped()).isZero();
    assertThat(blocks.zero()).isEqualTo(2);
    assertThat(Files.size(file)).isEqualTo(length);
  }

  @Test
  void changesTheIdsThatTellOfAChange() throws IOException {
    DiskInfo made = engine.create(file, DiskSpec.ofSize(ByteSize.mebibytes(8)));
    try (DiskChannel disk = engine.openForWriting(file)) {
      disk.write(ByteBuffer.wrap(filled(1, 1)));
    }
    DiskInfo written = engine.inspect(file);
    assertThat(written.dataWriteGuid()).isNotEqualTo(made.dataWriteGuid());
    assertThat(written.diskId()).isEqualTo(made.diskId());
    assertThat(written.fileSize()).isEqualTo(ByteSize.mebibytes(5));
  }

  @Test
  void whatWasForcedIsThereWithoutAClose() throws Exception {
    engine.create(file, DiskSpec.ofSize(ByteSize.mebibytes(8)));
    Path copy = folder.resolve("copy.vhdx");
    try (DiskChannel disk = engine.openForWriting(file)) {
      disk.position(3L * MIB).write(ByteBuffer.wrap(filled(4096, 3)));
      disk.force();
      disk.position(4L * MIB).write(ByteBuffer.wrap(filled(4096, 4)));
      // Not Files.copy: closing any other descriptor of the file would drop the lock on it.
      Tools.succeed("cp", file.toString(), copy.toString());
    }
    try (SeekableByteChannel disk = engine.openForReading(copy)) {
      ByteBuffer found = ByteBuffer.allocate(2 * MIB);
      disk.position(3L * MIB).read(found);
      assertThat(Arrays.copyOf(found.array(), 4096)).containsOnly(3);
      assertThat(Arrays.copyOfRange(found.array(), MIB, 2 * MIB)).containsOnly(0);
    }
  }

  @Test
  void aFileWithoutWholeMebibytesGrowsToThem() throws IOException {
    TestImage image = TestImage.withBlocks();
    image.resize(6 * MIB + 4096);
    image.put8(6 * MIB + 9, 77).writeTo(file);
    try (DiskChannel disk = engine.openForWriting(file)) {
      disk.position(5L * MIB).write(ByteBuffer.wrap(filled(1, 5)));
      ByteBuffer found = ByteBuffer.allocate(MIB);
      disk.position(5L * MIB).read(found);
      assertThat(Arrays.copyOfRange(found.array(), 1, MIB)).containsOnly(0);
    }
    assertThat(Files.size(file)).isEqualTo(7 * MIB);
    assertThat(engine.check(file).status()).isEqualTo(DiskCheck.Status.CLEAN);
  }

  @Test
  void replaysADirtyLogAndWritesOn() throws IOException {
    TestImage image = TestImage.withBlocks();
    byte[] mark = filled(4096, 1);
    LogBuilder log = new LogBuilder(image).at(MIB - 8192);
    int first = log.entry().data(TestImage.PAYLOAD + 4096, mark).write();
    log.entry().zero(TestImage.PAYLOAD + 8192, 65536 + 4096).tail(first).last(9L * MIB).write();
    image.writeTo(file);
    engine.openForWriting(file).close();
    assertThat(engine.inspect(file).log()).isEqualTo(LogState.CLEAN);
    assertThat(engine.inspect(file).fileSize()).isEqualTo(ByteSize.mebibytes(9));
    try (DiskChannel disk = engine.openForWriting(file)) {
      disk.position(15L * MIB).write(ByteBuffer.wrap(filled(MIB, 15)));
    }
    byte[] model = new byte[16 * MIB];
    Arrays.fill(model, 0, MIB, (byte) 0xA0);
    Arrays.fill(model, 4096, 8192, (byte) 1);
    Arrays.fill(model, 8192, 8192 + 65536 + 4096, (byte) 0);
    Arrays.fill(model, 3 * MIB, 4 * MIB, (byte) 0xA3);
    Arrays.fill(model, 15 * MIB, 16 * MIB, (byte) 15);
    assertHolds(model, "after the replay");
  }

  @Test
  void aLogThatMustNotBeReplayedLeavesTheFileAlone() throws IOException {
    TestImage image = TestImage.withBlocks();
    LogBuilder log = new LogBuilder(image);
    int first = log.entry().data(TestImage.PAYLOAD, filled(4096, 1)).write();
    log.entry().tail(first).data(4096, filled(4096, 1)).write();
    image.writeTo(file);
    String before = Tools.sha256(file);
    assertThatThrownBy(() -> engine.openForWriting(file)).hasMessageContaining("LOG_TARGET");
    assertThat(Tools.sha256(file)).isEqualTo(before);
  }

  @Test
  void aDiskWhoseHeadersCannotCountOnIsRefused() throws IOException {
    TestImage image = TestImage.withBlocks();
    image.put64(TestImage.HEADER_2 + 8, -1).seal().writeTo(file);
    assertThatThrownBy(() -> engine.openForWriting(file)).hasMessageContaining("used up");
  }

  @Test
  void doesNotGrowShrinkOrWorkWhenClosed() throws IOException {
    engine.create(file, DiskSpec.ofSize(ByteSize.mebibytes(8)));
    DiskChannel disk = engine.openForWriting(file);
    assertThatThrownBy(() -> disk.position(8L * MIB - 1).write(ByteBuffer.allocate(2)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("past its end");
    assertThatThrownBy(() -> disk.position(Long.MAX_VALUE).write(ByteBuffer.allocate(2)))
        .isInstanceOf(IOException.class);
    assertThatThrownBy(() -> disk.truncate(MIB)).isInstanceOf(IOException.class);
    assertThat(disk.truncate(8L * MIB).size()).isEqualTo(8L * MIB);
    assertThat(disk.position(8L * MIB).write(ByteBuffer.allocate(0))).isZero();
    disk.close();
    disk.close();
    assertThatThrownBy(disk::force).isInstanceOf(ClosedChannelException.class);
    assertThatThrownBy(() -> disk.write(ByteBuffer.allocate(1)))
        .isInstanceOf(ClosedChannelException.class);
  }

  private static byte[] filled(int length, int value) {
    byte[] bytes = new byte[length];
    Arrays.fill(bytes, (byte) value);
    return bytes;
  }
}
