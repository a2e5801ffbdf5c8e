package org.nixwsl.storage.core.vhdx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.nixwsl.storage.core.vhdx.TestImage.MIB;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.core.vhdx.format.DiskBytes;
import org.nixwsl.storage.core.vhdx.format.Geometry;
import org.nixwsl.storage.core.vhdx.format.WritableBytes;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskChannel;
import org.nixwsl.storage.disk.DiskCheck;
import org.nixwsl.storage.disk.DiskInfo;
import org.nixwsl.storage.disk.DiskResize;
import org.nixwsl.storage.disk.DiskType;
import org.nixwsl.storage.disk.LogState;
import org.nixwsl.storage.migrate.Stage;

/**
 * What every crash leaves of a disk whose structures change: expanded in place and with a moved
 * block table, shrunk, compacted, and made as a fixed disk. The same crashes as in {@link
 * CrashTest}: after each act, with unforced ones lost, torn and out of order, and a second crash
 * during the replay.
 */
@Tag("once")
@Execution(ExecutionMode.CONCURRENT)
class ChangeCrashTest {
  private static final int SIZE = 8 * MIB + MIB / 2;

  @TempDir Path folder;

  /** How a disk is made, and what happens to it. */
  enum Scenario {
    EXPAND_IN_PLACE(DiskType.DYNAMIC, 2, 12L * MIB),
    EXPAND_WITH_MOVED_TABLE(DiskType.DYNAMIC, 1, 200L << 30),
    EXPAND_FIXED(DiskType.FIXED, 1, 12L * MIB),
    SHRINK(DiskType.DYNAMIC, 1, 4L * MIB),
    SHRINK_FIXED(DiskType.FIXED, 2, 4L * MIB),
    COMPACT(DiskType.DYNAMIC, 1, SIZE),
    COMPACT_LARGE_BLOCKS(DiskType.DYNAMIC, 2, SIZE),
    /** The table was moved to the end, and moves back into the hole of two blocks of zeros. */
    COMPACT_WITH_MOVED_TABLE(DiskType.DYNAMIC, 1, 200L << 30);

    private final DiskType type;
    private final int blockMib;
    private final long size;

    Scenario(DiskType type, int blockMib, long size) {
      this.type = type;
      this.blockMib = blockMib;
      this.size = size;
    }

    boolean compacts() {
      return name().startsWith("COMPACT");
    }

    void run(WritableBytes file) {
      inStage(
          (operation, progress) -> {
            if (compacts()) {
              Compaction.run(file, "t", operation, progress);
            } else {
              DiskResize to =
                  DiskResize.builder()
                      .virtualSize(ByteSize.ofBytes(size))
                      .allowDataLoss(true)
                      .build();
              Resizing.run(file, "t", to, operation, progress);
            }
          });
    }
  }

  @FunctionalInterface
  private interface Work {
    void run(Operation operation, StageProgress progress) throws IOException;
  }

  private static void inStage(Work work) {
    Operation.quiet(
        "t",
        operation ->
            operation.stage(
                Stage.DISK,
                progress -> {
                  work.run(operation, progress);
                  return true;
                }));
  }

  /** A disk with blocks in an order that is not theirs, blocks of zeros, and leaked space. */
  private byte[] disk(Scenario scenario, byte[] model) throws IOException {
    Path path = folder.resolve("made.vhdx");
    Geometry geometry =
        new Geometry(scenario.type, SIZE, scenario.blockMib * (long) MIB, 512, 4096);
    try (FileChannel channel =
        FileChannel.open(
            path,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE)) {
      DiskCreation.write(channel, geometry);
      if (scenario.type == DiskType.FIXED) {
        inStage(
            (operation, progress) ->
                DiskCreation.writeBlocks(ChannelBytes.of(channel), geometry, operation, progress));
      }
    }
    RecordedFile file = new RecordedFile(Files.readAllBytes(path));
    try (DiskChannel disk = writing(file)) {
      for (int block : new int[] {7, 0, 5, 8, 2, 3, 6}) {
        byte[] bytes = new byte[block == 8 ? MIB / 2 : MIB];
        Arrays.fill(bytes, (byte) (block + 1));
        disk.position(block * (long) MIB).write(ByteBuffer.wrap(bytes));
        System.arraycopy(bytes, 0, model, block * MIB, bytes.length);
      }
      for (int block : new int[] {0, 5, 2}) {
        disk.position(block * (long) MIB).write(ByteBuffer.allocate(MIB));
        Arrays.fill(model, block * MIB, (block + 1) * MIB, (byte) 0);
      }
    }
    byte[] bytes = file.array();
    // Past the end of the disk the last block holds something that must never be seen.
    int last = lastBlockAt(bytes, geometry);
    int used = (int) (SIZE % geometry.blockSize());
    Arrays.fill(bytes, last + used, last + (int) geometry.blockSize(), (byte) 0x77);
    if (scenario == Scenario.COMPACT_WITH_MOVED_TABLE) {
      RecordedFile expanded = new RecordedFile(bytes);
      Scenario.EXPAND_WITH_MOVED_TABLE.run(expanded);
      return expanded.array();
    }
    return bytes;
  }

  private static int lastBlockAt(byte[] bytes, Geometry geometry) {
    long entry =
        ByteBuffer.wrap(bytes)
            .order(ByteOrder.LITTLE_ENDIAN)
            .getLong(TestImage.BAT + 8 * (int) (geometry.payloadBlocks() - 1));
    return (int) (entry & -MIB);
  }

  @ParameterizedTest
  @EnumSource
  void everyCrashLeavesTheDiskAsBeforeOrAfter(Scenario scenario) throws IOException {
    byte[] model = new byte[SIZE];
    byte[] first = disk(scenario, model);
    RecordedFile run = new RecordedFile(first);
    scenario.run(run);
    Random random = new Random(11);
    Map<Long, Integer> sizes = new HashMap<>();
    for (int acts = 0; acts <= run.acts(); acts++) {
      String what = scenario + ", act " + acts + " of " + run.acts();
      sizes.merge(check(run.after(acts), model, scenario.size, what), 1, Integer::sum);
      if (acts % 2 == 1) {
        check(run.afterLosing(acts, random), model, scenario.size, what + " with losses");
      }
    }
    assertThat(info(run).virtualSize().bytes()).isEqualTo(scenario.size);
    assertThat(info(run).log()).isEqualTo(LogState.CLEAN);
    assertThat(sizes)
        .containsOnlyKeys(info(new RecordedFile(first)).virtualSize().bytes(), scenario.size);
    assertThat(Operation.quiet("t", op -> VhdxEngine.check(run, "t", op)).findings().toString())
        .doesNotContain("ERROR");
    if (scenario.compacts() || scenario.size < SIZE) {
      assertThat(run.size()).isLessThan(first.length);
    }
  }

  @ParameterizedTest
  @EnumSource
  void aCrashDuringTheReplayIsReplayedAgain(Scenario scenario) throws IOException {
    byte[] model = new byte[SIZE];
    RecordedFile run = new RecordedFile(disk(scenario, model));
    scenario.run(run);
    int dirty = 0;
    for (int acts = 0; acts <= run.acts() && dirty < 2; acts++) {
      RecordedFile left = new RecordedFile(run.after(acts));
      if (info(left).log() == LogState.DIRTY) {
        dirty++;
        writing(left).close();
        for (int again = 0; again <= left.acts(); again++) {
          String what = scenario + ", act " + acts + ", then " + again;
          check(left.after(again), model, scenario.size, what);
        }
      }
    }
    assertThat(dirty).isPositive();
  }

  /** What was cut short is done by the same call. */
  @ParameterizedTest
  @EnumSource
  void theSameCallAfterACrashEndsWhereAnUndisturbedOneEnds(Scenario scenario) throws IOException {
    byte[] model = new byte[SIZE];
    RecordedFile run = new RecordedFile(disk(scenario, model));
    scenario.run(run);
    Random random = new Random(9);
    for (int acts = 0; acts <= run.acts(); acts += 5) {
      RecordedFile left = new RecordedFile(run.afterLosing(acts, random));
      scenario.run(left);
      String what = scenario + ", act " + acts + ", then again";
      assertThat(check(left.array(), model, scenario.size, what)).isEqualTo(scenario.size);
    }
  }

  @ParameterizedTest
  @EnumSource
  void qemuReplaysOurLogAsWeDo(Scenario scenario) throws Exception {
    Tools.require("qemu-img");
    byte[] model = new byte[SIZE];
    RecordedFile run = new RecordedFile(disk(scenario, model));
    scenario.run(run);
    Path file = folder.resolve("left.vhdx");
    int dirty = 0;
    for (int acts = 0; acts <= run.acts() && dirty < 3; acts++) {
      byte[] image = run.after(acts);
      if (info(new RecordedFile(image)).log() == LogState.DIRTY && acts % 2 == 0) {
        dirty++;
        Files.write(file, image);
        Tools.run("qemu-img", "check", "-q", "-f", "vhdx", "-r", "all", file.toString());
        Tools.succeed("qemu-img", "check", "-q", "-f", "vhdx", file.toString());
        byte[] replayed = Files.readAllBytes(file);
        assertThat(info(new RecordedFile(replayed)).log()).isEqualTo(LogState.CLEAN);
        check(replayed, model, scenario.size, scenario + ", act " + acts + ", by QEMU");
      }
    }
    assertThat(dirty).isPositive();
  }

  /** A device that fails is left alone, and the disk can be opened when it is back. */
  @ParameterizedTest
  @EnumSource
  void aDeviceThatFailsAtAnyActLeavesADiskThatOpens(Scenario scenario) throws IOException {
    byte[] model = new byte[SIZE];
    byte[] first = disk(scenario, model);
    RecordedFile whole = new RecordedFile(first);
    scenario.run(whole);
    for (int failing = 0; failing < whole.acts(); failing += 5) {
      RecordedFile file = new RecordedFile(first);
      file.failFrom(failing);
      assertThatThrownBy(() -> scenario.run(file)).hasMessageContaining("the device is gone");
      check(file.array(), model, scenario.size, scenario + " fails at act " + failing);
    }
  }

  /** The name of a new disk comes after the last force, so what is lost before has no name. */
  @Test
  void aFixedDiskThatWasForcedHasAllOfItsBlocks() throws IOException {
    byte[] model = new byte[SIZE];
    byte[] image = disk(Scenario.EXPAND_FIXED, model);
    assertThat(check(image, model, SIZE, "made")).isEqualTo(SIZE);
    DiskInfo info = info(new RecordedFile(image));
    assertThat(info.type()).isEqualTo(DiskType.FIXED);
    assertThat(info.blocks().fullyPresent()).isEqualTo(9);
  }

  /** A child is compared by what it shows over a parent none of whose bytes are zeros. */
  @Test
  void everyCrashOfACompactionLeavesWhatAChildShowsOverItsParent() throws IOException {
    TestImage image = TestImage.differencing();
    image.resize(14 * MIB);
    Arrays.fill(image.array(), 6 * MIB, 7 * MIB, (byte) 0x44);
    Arrays.fill(image.array(), 7 * MIB, 7 * MIB + 128, (byte) 0x5A);
    image.bat(5, 6, 8); // zeros, as block 6 in part
    image.bat(6, 6, 11).put8(11 * MIB + 17, 0x66);
    image.bat(7, 6, 13).put8(13 * MIB + 4096, 0x67);
    image.bat(8, 6, 9);
    byte[] model = shown(new RecordedFile(image.array()));
    assertThat(model[5 * MIB]).isZero();
    assertThat(model[9 * MIB]).isEqualTo((byte) 0xBB);
    RecordedFile run = new RecordedFile(image.array());
    inStage((operation, progress) -> Compaction.run(run, "t", operation, progress));
    assertThat(run.size()).isEqualTo(10L * MIB);
    Random random = new Random(13);
    int dirty = 0;
    for (int acts = 0; acts <= run.acts(); acts++) {
      String what = "act " + acts + " of " + run.acts();
      checkChild(run.after(acts), model, what);
      checkChild(run.afterLosing(acts, random), model, what + " with losses");
      dirty += info(new RecordedFile(run.after(acts))).log() == LogState.DIRTY ? 1 : 0;
    }
    assertThat(dirty).isPositive();
  }

  private static void checkChild(byte[] image, byte[] model, String what) throws IOException {
    RecordedFile left = new RecordedFile(image);
    DiskCheck check = Operation.quiet("t", op -> VhdxEngine.check(left, "t", op));
    assertThat(check.status()).as("%s: %s", what, check).isNotEqualTo(DiskCheck.Status.ERRORS);
    assertThat(Arrays.mismatch(shown(left), model)).as(what).isEqualTo(-1);
    inStage((operation, progress) -> Compaction.run(left, "t", operation, progress));
    assertThat(Arrays.mismatch(shown(left), model)).as(what + ", again").isEqualTo(-1);
    assertThat(info(left).log()).as(what).isEqualTo(LogState.CLEAN);
  }

  /** What a guest reads from a child of a disk full of 0xBB. */
  private static byte[] shown(DiskBytes child) throws IOException {
    TestImage parent = TestImage.empty();
    parent.resize(20 * MIB);
    Arrays.fill(parent.array(), TestImage.PAYLOAD, 20 * MIB, (byte) 0xBB);
    for (int block = 0; block < 16; block++) {
      parent.bat(block, 6, 4 + block);
    }
    DiskContents contents = new DiskContents(List.of(layer(child), layer(parent)));
    byte[] all = new byte[16 * MIB];
    contents.read(0, ByteBuffer.wrap(all));
    return all;
  }

  private static DiskContents.Layer layer(DiskBytes file) {
    return Operation.quiet(
        "t",
        op -> {
          DiskImage image = VhdxEngine.sound(file, "t", op);
          return new DiskContents.Layer(image, image.blockTable(), "t");
        });
  }

  /** Checks what a crash left and gives the size that the disk has. */
  private static long check(byte[] image, byte[] model, long newSize, String what)
      throws IOException {
    DiskCheck check =
        Operation.quiet("t", op -> VhdxEngine.check(new RecordedFile(image), "t", op));
    assertThat(check.status())
        .as("%s: %s", what, check.findings())
        .isNotEqualTo(DiskCheck.Status.ERRORS);
    RecordedFile left = new RecordedFile(image);
    long size;
    try (SeekableByteChannel disk = reading(left)) {
      size = disk.size();
      checkContents(disk, model, newSize, what + ", read");
    }
    assertThat(left.acts()).isZero();
    try (SeekableByteChannel disk = writing(left)) {
      checkContents(disk, model, newSize, what + ", replayed");
    }
    assertThat(info(left).log()).as(what).isEqualTo(LogState.CLEAN);
    return size;
  }

  private static void checkContents(
      SeekableByteChannel disk, byte[] model, long newSize, String what) throws IOException {
    assertThat(disk.size()).as(what).isIn((long) model.length, newSize);
    byte[] expected = Arrays.copyOf(model, (int) Math.min(disk.size(), 16 * MIB));
    byte[] found = new byte[expected.length];
    assertThat(disk.read(ByteBuffer.wrap(found))).isEqualTo(found.length);
    assertThat(Arrays.mismatch(found, expected)).as(what).isEqualTo(-1);
  }

  private static DiskChannel writing(RecordedFile file) {
    return Operation.quiet("t", op -> VhdxEngine.writing(() -> {}, file, "t", op));
  }

  private static SeekableByteChannel reading(RecordedFile file) {
    return Operation.quiet(
        "t",
        op -> VirtualDiskChannel.forReading(() -> {}, VhdxEngine.readable(file, "t", op), "t"));
  }

  private static DiskInfo info(RecordedFile file) {
    return Operation.quiet("t", op -> VhdxEngine.info(file, "t", op));
  }
}
