package org.nixwsl.storage.core.vhdx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskCheck;
import org.nixwsl.storage.disk.DiskInfo;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.disk.DiskType;
import org.nixwsl.storage.disk.LogState;

/** Images that QEMU made or wrote are read as QEMU reads them, and are left alone. */
@Tag("once")
class QemuImageTest {
  private static final long MIB = 1 << 20;

  private final VhdxEngine engine = new VhdxEngine();

  @TempDir Path folder;
  private Path file;

  @BeforeEach
  void requireQemu() {
    Tools.require("qemu-img", "qemu-io");
    file = folder.resolve("disk.vhdx");
  }

  static Stream<Arguments> images() {
    List<Arguments> images = new ArrayList<>();
    Random random = new Random(11);
    for (String options :
        List.of(
            "subformat=dynamic",
            "subformat=dynamic,block_size=1M",
            "subformat=dynamic,block_size=2M,log_size=2M",
            "subformat=dynamic,block_size=8M,block_state_zero=off",
            "subformat=dynamic,block_size=32M",
            "subformat=dynamic,block_size=256M",
            "subformat=fixed,block_size=1M,block_state_zero=off",
            "subformat=fixed,block_size=4M,block_state_zero=off",
            "subformat=fixed,block_size=2M")) {
      images.add(Arguments.of(options, 64 * MIB, random.nextLong()));
    }
    images.add(Arguments.of("subformat=dynamic,block_size=1M", 37 * MIB + 512, random.nextLong()));
    return images.stream();
  }

  @ParameterizedTest
  @MethodSource("images")
  void readsAnImageOfQemuAsQemuDoes(String options, long size, long seed) throws Exception {
    Tools.succeed(
        "qemu-img", "create", "-q", "-f", "vhdx", "-o", options, file.toString(), size + "");
    write(size, seed);
    DiskInfo info = assertReadAsQemuReadsIt(seed);
    assertThat(info.virtualSize().bytes()).isEqualTo(size);
    assertThat(info.type())
        .isEqualTo(options.contains("fixed") ? DiskType.FIXED : DiskType.DYNAMIC);
    assertThat(info.creator()).startsWith("QEMU v");
    // QEMU marks no region as required, leaves a gap, and gives each header its own id.
    assertThat(engine.check(file).findings())
        .extracting(DiskCheck.Finding::code)
        .isSubsetOf("REGION_NOT_REQUIRED", "HEADERS_DIFFER", "SPACE_UNUSED");
  }

  static Stream<Arguments> ours() {
    return Stream.of(1L, 2L, 32L, 256L).map(block -> Arguments.of(block, 900 + block));
  }

  @ParameterizedTest
  @MethodSource("ours")
  void readsOurImageAfterQemuWroteToIt(long blockMib, long seed) throws Exception {
    DiskSpec spec =
        DiskSpec.builder()
            .virtualSize(ByteSize.mebibytes(70))
            .blockSize(ByteSize.mebibytes(blockMib))
            .build();
    DiskInfo made = engine.create(file, spec);
    write(70 * MIB, seed);
    DiskInfo info = assertReadAsQemuReadsIt(seed);
    assertThat(info.blocks().fullyPresent()).isPositive();
    assertThat(info.diskId()).isEqualTo(made.diskId());
    assertThat(info.creator()).isEqualTo(made.creator());
    Tools.require("7zz");
    Tools.succeed("7zz", "t", "-tvhdx", file.toString());
  }

  /** Around the ends of chunks, where entries of sector bitmaps stand between those of blocks. */
  @Test
  void findsBlocksFarApartWhereQemuPutThem() throws Exception {
    engine.create(file, DiskSpec.ofSize(ByteSize.tebibytes(1)));
    long chunk = 4096 * MIB;
    long[] offsets = {0, chunk - 4096, 3 * chunk - 512, 3 * chunk, 200 * chunk, 256 * chunk - 8192};
    List<String> command = new ArrayList<>(List.of("qemu-io", "-t", "unsafe", "-f", "vhdx"));
    for (int i = 0; i < offsets.length; i++) {
      command.add("-c");
      command.add(String.format(Locale.ROOT, "write -P %d %d 8192", i + 1, offsets[i]));
    }
    command.add(file.toString());
    assertThat(Tools.run(command).exitCode()).isZero();

    byte[] found = new byte[8192];
    try (SeekableByteChannel channel = engine.openForReading(file)) {
      for (int i = 0; i < offsets.length; i++) {
        assertThat(channel.position(offsets[i]).read(ByteBuffer.wrap(found))).isEqualTo(8192);
        assertThat(found[0]).as("offset %d", offsets[i]).isEqualTo((byte) (i + 1));
        int covered = i == 2 ? 512 : 8192;
        assertThat(Arrays.copyOf(found, covered)).containsOnly(i + 1);
      }
      channel.position(100 * chunk).read(ByteBuffer.wrap(found));
      assertThat(found).containsOnly(0);
    }
  }

  /** QEMU replays a log when it repairs; we replay the same log in memory. */
  @Test
  void readsADirtyImageAsItIsAfterQemuReplayedIt() throws Exception {
    TestImage image = TestImage.withBlocks();
    byte[] table = Arrays.copyOfRange(image.array(), TestImage.BAT, TestImage.BAT + 4096);
    // Blocks 0 and 3 change places, block 1 becomes what was block 3.
    ByteBuffer entries = ByteBuffer.wrap(table).order(java.nio.ByteOrder.LITTLE_ENDIAN);
    entries.putLong(0, 5L << 20 | 6).putLong(24, 0).putLong(8, 4L << 20 | 6);
    new LogBuilder(image).entry().data(TestImage.BAT, table).write();
    image.writeTo(file);
    assertThat(engine.inspect(file).log()).isEqualTo(LogState.DIRTY);
    assertThat(engine.inspect(file).logEntries()).isEqualTo(1);
    byte[] ours = readAll();
    assertThat(ours[0]).isEqualTo((byte) 0xA3);

    Tools.succeed("qemu-img", "check", "-q", "-r", "all", "-f", "vhdx", file.toString());
    assertThat(engine.inspect(file).log()).isEqualTo(LogState.CLEAN);
    Path raw = folder.resolve("raw");
    Tools.succeed(
        "qemu-img", "convert", "-f", "vhdx", "-O", "raw", file.toString(), raw.toString());
    assertThat(Arrays.equals(Files.readAllBytes(raw), ours)).isTrue();
  }

  @Test
  void aChannelReadsFromAnyPositionAndRefusesToWrite() throws Exception {
    TestImage.withBlocks().writeTo(file);
    byte[] all = readAll();
    Random random = new Random(5);
    try (SeekableByteChannel channel = engine.openForReading(file)) {
      for (int i = 0; i < 500; i++) {
        int from = random.nextInt(all.length);
        ByteBuffer buffer =
            i % 2 == 0
                ? ByteBuffer.allocate(random.nextInt(3 << 20))
                : ByteBuffer.allocateDirect(random.nextInt(5000));
        int expected = Math.min(buffer.capacity(), all.length - from);
        assertThat(channel.position(from).read(buffer)).isEqualTo(expected);
        assertThat(channel.position()).isEqualTo((long) from + expected);
        ByteBuffer right = ByteBuffer.wrap(all, from, expected);
        assertThat(buffer.flip().equals(right)).as("%d bytes at %d", expected, from).isTrue();
      }
      assertThat(channel.position(all.length + 5L).read(ByteBuffer.allocate(1))).isEqualTo(-1);
      assertThatThrownBy(() -> channel.position(-1)).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> channel.write(ByteBuffer.allocate(1)))
          .isInstanceOf(NonWritableChannelException.class);
      assertThatThrownBy(() -> channel.truncate(0)).isInstanceOf(NonWritableChannelException.class);
    }
  }

  @Test
  void aClosedChannelTellsNothing() throws Exception {
    TestImage.withBlocks().writeTo(file);
    SeekableByteChannel channel = engine.openForReading(file);
    channel.close();
    channel.close();
    assertThat(channel.isOpen()).isFalse();
    assertThatThrownBy(channel::size).isInstanceOf(ClosedChannelException.class);
    assertThatThrownBy(() -> channel.read(ByteBuffer.allocate(1)))
        .isInstanceOf(ClosedChannelException.class);
  }

  /** Patterns at random places, in one run of qemu-io; nobody cuts the power, so no flushes. */
  private void write(long size, long seed) throws Exception {
    Random random = new Random(seed);
    List<String> command = new ArrayList<>(List.of("qemu-io", "-t", "unsafe", "-f", "vhdx"));
    for (int i = 0; i < 25; i++) {
      long offset = random.nextLong(size / 512) * 512;
      long length =
          Math.min(size - offset, 512L * (1 + random.nextInt(random.nextInt(4) == 0 ? 8000 : 40)));
      command.add("-c");
      command.add(
          String.format(Locale.ROOT, "write -P %d %d %d", 1 + random.nextInt(255), offset, length));
    }
    command.add(file.toString());
    Tools.Result result = Tools.run(command);
    assertThat(result.exitCode()).as("seed %d: %s", seed, result.output()).isZero();
  }

  private DiskInfo assertReadAsQemuReadsIt(long seed) throws Exception {
    String before = Tools.sha256(file);
    DiskInfo info = engine.inspect(file);
    assertThat(engine.check(file).status()).isNotEqualTo(DiskCheck.Status.ERRORS);
    byte[] ours = readAll();
    assertThat(Tools.sha256(file)).isEqualTo(before);
    Path raw = folder.resolve("raw");
    Tools.succeed(
        "qemu-img", "convert", "-f", "vhdx", "-O", "raw", file.toString(), raw.toString());
    assertThat(Arrays.equals(Files.readAllBytes(raw), ours)).as("seed %d", seed).isTrue();
    return info;
  }

  /** Into memory full of something else, so that zeros have to be written as well. */
  private byte[] readAll() throws IOException {
    try (SeekableByteChannel channel = engine.openForReading(file)) {
      byte[] all = new byte[Math.toIntExact(channel.size())];
      Arrays.fill(all, (byte) 0x77);
      ByteBuffer buffer = ByteBuffer.wrap(all);
      Random random = new Random(3);
      while (buffer.position() < all.length) {
        buffer.limit(
            buffer.position()
                + Math.min(all.length - buffer.position(), 1 + random.nextInt(5 << 20)));
        assertThat(channel.read(buffer)).isPositive();
      }
      assertThat(channel.read(ByteBuffer.allocate(1))).isEqualTo(-1);
      return all;
    }
  }
}
