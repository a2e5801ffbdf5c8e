package org.nixwsl.storage.core.vhdx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.vhdx.format.BlockState;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskChannel;
import org.nixwsl.storage.disk.DiskCheck;
import org.nixwsl.storage.disk.DiskCompaction;
import org.nixwsl.storage.disk.DiskInfo;
import org.nixwsl.storage.disk.DiskResize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.disk.DiskType;
import org.nixwsl.storage.disk.LogState;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.OperationCancelledException;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.event.CancellationToken;
import org.nixwsl.storage.event.StorageEvent;

/** Fixed disks, other sizes and compacting, against a plain array and against other programs. */
@Tag("once")
class ChangingTest {
  private static final int MIB = 1 << 20;

  private final VhdxEngine engine = new VhdxEngine();

  @TempDir Path folder;
  private Path file;

  @BeforeEach
  void nameTheDisk() {
    file = folder.resolve("disk.vhdx");
  }

  @ParameterizedTest
  @CsvSource({"3,1,512", "21,2,512", "20,8,4096", "5,256,512"})
  void otherProgramsAcceptAFixedDisk(int sizeMib, int blockMib, int sector) throws Exception {
    Tools.require("qemu-img", "7zz", "vhdiinfo");
    List<StorageEvent> events = new ArrayList<>();
    RunOptions options = RunOptions.builder().on(StorageEvent.class, events::add).build();
    DiskInfo made = engine.create(file, fixed(sizeMib, blockMib, sector), options);
    int blocks = (sizeMib + blockMib - 1) / blockMib;
    assertThat(made.type()).isEqualTo(DiskType.FIXED);
    assertThat(made.blocks().fullyPresent()).isEqualTo(blocks);
    assertThat(made.fileSize()).isEqualTo(ByteSize.mebibytes(4 + blocks * (long) blockMib));
    assertThat(Files.size(file)).isEqualTo(made.fileSize().bytes());
    // All of it is there, no hole: the file system has the room.
    long allocated =
        512 * Long.parseLong(Tools.succeed("stat", "-c", "%b", file.toString()).strip());
    assertThat(allocated).isGreaterThanOrEqualTo(blocks * (long) blockMib * MIB);
    assertThat(events)
        .filteredOn(StorageEvent.Progress.class::isInstance)
        .last()
        .isInstanceOfSatisfying(
            StorageEvent.Progress.class,
            p -> assertThat(p.bytesDone()).isEqualTo(blocks * (long) blockMib * MIB));
    assertJudged(new byte[sizeMib * MIB], sector);
    assertThat(Tools.succeed("vhdiinfo", file.toString())).contains("Fixed");
    byte[] model = new byte[sizeMib * MIB];
    fill(model, MIB, 2 * MIB, 7);
    assertThat(Files.size(file)).isEqualTo(made.fileSize().bytes());
    assertJudged(model, sector);
  }

  @Test
  void aFixedDiskThatIsCancelledWhileItIsWrittenLeavesNothing() {
    CancellationToken token = new CancellationToken();
    RunOptions options =
        RunOptions.builder()
            .cancelWith(token)
            .on(StorageEvent.StageStarted.class, e -> token.cancel())
            .build();
    assertThatThrownBy(() -> engine.create(file, fixed(64, 1, 512), options))
        .isInstanceOfSatisfying(
            OperationCancelledException.class,
            e -> assertThat(e.stateLeft()).isEqualTo(StateLeft.NOTHING_CHANGED));
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void aFixedDiskThatHasNoRoomIsRefusedAtOnce() {
    DiskSpec spec = DiskSpec.builder().virtualSize(ByteSize.tebibytes(60)).fixed(true).build();
    assertCode(ErrorCode.NO_SPACE, () -> engine.create(file, spec));
    assertThat(folder).isEmptyDirectory();
  }

  @ParameterizedTest
  @CsvSource({"false,1", "false,8", "true,1", "true,8"})
  void anExpandedDiskHasItsContentsAndZerosAfterThem(boolean fixed, int blockMib) throws Exception {
    DiskSpec spec =
        DiskSpec.builder()
            .virtualSize(ByteSize.mebibytes(19))
            .blockSize(ByteSize.mebibytes(blockMib))
            .fixed(fixed)
            .build();
    DiskInfo made = engine.create(file, spec);
    byte[] model = new byte[19 * MIB];
    fill(model, 18 * MIB, 19 * MIB, 5);
    DiskInfo info = engine.resize(file, ByteSize.mebibytes(43));
    assertThat(info.virtualSize()).isEqualTo(ByteSize.mebibytes(43));
    assertThat(info.dataWriteGuid()).isNotEqualTo(made.dataWriteGuid());
    assertThat(info.diskId()).isEqualTo(made.diskId());
    assertThat(info.type()).isEqualTo(fixed ? DiskType.FIXED : DiskType.DYNAMIC);
    assertJudged(Arrays.copyOf(model, 43 * MIB), 512);
    byte[] larger = Arrays.copyOf(model, 43 * MIB);
    fill(larger, 42 * MIB, 43 * MIB, 6);
    assertJudged(larger, 512);
  }

  @Test
  void anExpandedDiskWhoseTableMovedIsAcceptedByOtherPrograms() throws Exception {
    Tools.require("qemu-img", "qemu-io", "7zz");
    engine.create(file, DiskSpec.ofSize(ByteSize.gibibytes(4)));
    try (DiskChannel disk = engine.openForWriting(file)) {
      disk.position(4000L * MIB).write(ByteBuffer.wrap(filled(MIB, 9)));
    }
    engine.resize(file, ByteSize.gibibytes(100));
    assertThat(Files.size(file)).isEqualTo(5 * MIB);
    DiskInfo info = engine.resize(file, ByteSize.tebibytes(1));
    assertThat(info.fileSize()).isEqualTo(ByteSize.mebibytes(14));
    try (DiskChannel disk = engine.openForWriting(file)) {
      disk.position((1L << 40) - 512).write(ByteBuffer.wrap(filled(512, 10)));
    }
    // The room of the old table is used again.
    assertThat(Files.size(file)).isEqualTo(14 * MIB);
    Tools.succeed("qemu-img", "check", "-q", "-f", "vhdx", file.toString());
    Tools.succeed("7zz", "l", "-tvhdx", file.toString());
    String read =
        Tools.succeed(
            "qemu-io",
            "-f",
            "vhdx",
            "-c",
            "read -P 9 4000M 1M",
            "-c",
            "read -P 10 " + ((1L << 40) - 512) + " 512",
            "-c",
            "read -P 0 101G 1M",
            file.toString());
    assertThat(read).doesNotContain("failed");
    assertThat(engine.check(file).findings()).isEmpty();
  }

  /** More blocks than a table of 1 MiB has entries for, in a file that is mostly a hole. */
  @Test
  void aFixedDiskWhoseTableMovesKeepsItsBlocksWhereTheyAre() throws Exception {
    Tools.require("qemu-img");
    FixedCrashTest.makeDiskWithAFullTable(file);
    try (DiskChannel disk = engine.openForWriting(file)) {
      disk.position(130_999L * MIB).write(ByteBuffer.wrap(filled(MIB, 3)));
    }
    DiskInfo info = engine.resize(file, ByteSize.mebibytes(131_100));
    assertThat(info.blocks().fullyPresent()).isEqualTo(131_100);
    assertThat(info.fileSize()).isEqualTo(ByteSize.mebibytes(4 + 131_000 + 2 + 100));
    assertThat(engine.check(file).status()).isEqualTo(DiskCheck.Status.WARNINGS);
    Tools.succeed("qemu-img", "check", "-q", "-f", "vhdx", file.toString());
    try (SeekableByteChannel disk = engine.openForReading(file)) {
      ByteBuffer found = ByteBuffer.allocate(2 * MIB);
      disk.position(130_999L * MIB).read(found);
      assertThat(Arrays.equals(Arrays.copyOf(found.array(), MIB), filled(MIB, 3))).isTrue();
      assertThat(Arrays.equals(Arrays.copyOfRange(found.array(), MIB, 2 * MIB), new byte[MIB]))
          .isTrue();
    }
    // The new table is in the way of nothing: a smaller disk gives back what lies before it too.
    DiskResize smaller =
        DiskResize.builder().virtualSize(ByteSize.mebibytes(16)).allowDataLoss(true).build();
    assertThat(engine.resize(file, smaller, RunOptions.ofDefaults()).fileSize())
        .isEqualTo(ByteSize.mebibytes(22));
    assertThat(engine.check(file).status()).isNotEqualTo(DiskCheck.Status.ERRORS);
    Tools.succeed("qemu-img", "check", "-q", "-f", "vhdx", file.toString());
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aDiskThatWouldLoseDataIsNotMadeSmallerUnlessThatIsSaid(boolean fixed) throws Exception {
    DiskSpec spec =
        DiskSpec.builder()
            .virtualSize(ByteSize.mebibytes(20))
            .blockSize(ByteSize.mebibytes(2))
            .fixed(fixed)
            .build();
    engine.create(file, spec);
    byte[] model = new byte[20 * MIB];
    fill(model, 6 * MIB - 1, 7 * MIB + 1, 5);
    String before = Tools.sha256(file);
    assertCode(ErrorCode.VHDX_WOULD_LOSE_DATA, () -> engine.resize(file, ByteSize.mebibytes(7)));
    assertThat(Tools.sha256(file)).isEqualTo(before);
    engine.resize(file, ByteSize.mebibytes(8));
    assertJudged(Arrays.copyOf(model, 8 * MIB), 512);
    DiskResize lossy =
        DiskResize.builder().virtualSize(ByteSize.mebibytes(7)).allowDataLoss(true).build();
    engine.resize(file, lossy, RunOptions.ofDefaults());
    assertJudged(Arrays.copyOf(model, 7 * MIB), 512);
    // What was cut off does not come back.
    engine.resize(file, ByteSize.mebibytes(8));
    assertJudged(Arrays.copyOf(Arrays.copyOf(model, 7 * MIB), 8 * MIB), 512);
  }

  @Test
  void aDiskThatHasTheSizeIsLeftAlone() throws IOException {
    engine.create(file, DiskSpec.ofSize(ByteSize.mebibytes(8)));
    String before = Tools.sha256(file);
    engine.resize(file, ByteSize.mebibytes(8));
    assertThat(Tools.sha256(file)).isEqualTo(before);
  }

  @Test
  void refusesSizesAndTypesThatCannotBe() throws IOException {
    engine.create(file, fixed(8, 1, 512));
    String before = Tools.sha256(file);
    for (long bytes : new long[] {0, 2L * MIB, 5L * MIB + 512, (64L << 40) + MIB}) {
      assertCode(ErrorCode.VHDX_BAD_GEOMETRY, () -> engine.resize(file, ByteSize.ofBytes(bytes)));
    }
    assertCode(ErrorCode.VHDX_UNSUPPORTED, () -> engine.compact(file));
    assertThat(Tools.sha256(file)).isEqualTo(before);
    TestImage image = TestImage.differencing();
    Path child = image.writeTo(folder.resolve("child.vhdx"));
    assertCode(ErrorCode.VHDX_UNSUPPORTED, () -> engine.resize(child, ByteSize.mebibytes(32)));
    assertThat(Tools.sha256(child))
        .isEqualTo(Tools.sha256(image.writeTo(folder.resolve("same.vhdx"))));
  }

  @Test
  void compactingGivesBackZerosAndHolesAndKeepsTheDataId() throws Exception {
    engine.create(file, DiskSpec.ofSize(ByteSize.mebibytes(24)));
    byte[] model = new byte[24 * MIB];
    for (int block : new int[] {20, 3, 11, 4, 15, 0}) {
      fill(model, block * MIB, (block + 1) * MIB, block + 1);
    }
    fill(model, 20 * MIB, 21 * MIB, 0);
    fill(model, 11 * MIB, 12 * MIB, 0);
    DiskInfo before = engine.inspect(file);
    DiskCompaction done = engine.compact(file);
    assertThat(done)
        .isEqualTo(new DiskCompaction(ByteSize.mebibytes(10), ByteSize.mebibytes(8), 2, 2));
    DiskInfo after = engine.inspect(file);
    assertThat(after.dataWriteGuid()).isEqualTo(before.dataWriteGuid());
    assertThat(after.blocks().fullyPresent()).isEqualTo(4);
    assertThat(after.blocks().zero()).isEqualTo(2);
    assertThat(engine.check(file).findings()).isEmpty();
    assertJudged(model, 512);
    String digest = Tools.sha256(file);
    assertThat(engine.compact(file).movedBlocks()).isZero();
    assertThat(Tools.sha256(file)).as("nothing to do").isEqualTo(digest);
  }

  @Test
  void compactingADiskOfQemuGivesBackItsGap() throws Exception {
    Tools.require("qemu-img", "qemu-io");
    Tools.succeed("qemu-img", "create", "-q", "-f", "vhdx", file.toString(), "64M");
    Tools.succeed(
        "qemu-io",
        "-f",
        "vhdx",
        "-c",
        "write -P 7 1M 3M",
        "-c",
        "write -z 40M 8M",
        file.toString());
    byte[] model = new byte[64 * MIB];
    Arrays.fill(model, MIB, 4 * MIB, (byte) 7);
    long before = Files.size(file);
    engine.compact(file);
    assertThat(Files.size(file)).isLessThan(before);
    assertThat(engine.inspect(file).blocks().fullyPresent()).isEqualTo(1);
    assertJudged(model, 512);
  }

  /** Bitmaps stay where they are; the blocks of a child move, and zeros are never the parent's. */
  @Test
  void compactingAChildKeepsWhatItHidesOfItsParent() throws IOException {
    TestImage image = TestImage.differencing();
    image.resize(12 * MIB);
    image.bat(5, BlockState.FULLY_PRESENT.number(), 8);
    image.bat(6, BlockState.FULLY_PRESENT.number(), 11);
    image.put8(11 * MIB + 17, 0x66);
    image.writeTo(file);
    DiskInfo before = engine.inspect(file);
    DiskCompaction done = engine.compact(file);
    assertThat(done.zeroBlocks()).isEqualTo(1);
    assertThat(done.fileSizeAfter()).isEqualTo(ByteSize.mebibytes(9));
    DiskInfo after = engine.inspect(file);
    assertThat(after.dataWriteGuid()).isEqualTo(before.dataWriteGuid());
    assertThat(after.blocks().zero()).isEqualTo(before.blocks().zero() + 1);
    assertThat(after.blocks().partiallyPresent()).isEqualTo(1);
    byte[] bytes = Files.readAllBytes(file);
    assertThat(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong(TestImage.BAT + 8 * 6))
        .isEqualTo(8L << 20 | 6);
    assertThat(bytes[8 * MIB + 17]).isEqualTo((byte) 0x66);
    assertThat(engine.check(file).findings())
        .filteredOn(finding -> finding.severity() == DiskCheck.Severity.ERROR)
        .extracting(DiskCheck.Finding::code)
        .containsExactly("PARENT_NOT_FOUND");
  }

  /** Space that a crash leaked holds anything; a block that gets it reads as zeros. */
  @Test
  void leakedSpaceIsUsedAgainAndItsBytesAreNotSeen() throws Exception {
    TestImage image = TestImage.withBlocks();
    image.resize(9 * MIB);
    Arrays.fill(image.array(), 6 * MIB, 9 * MIB, (byte) 0xEE);
    image.writeTo(file);
    byte[] model = new byte[16 * MIB];
    Arrays.fill(model, 0, MIB, (byte) 0xA0);
    Arrays.fill(model, 3 * MIB, 4 * MIB, (byte) 0xA3);
    fill(model, 10 * MIB + 5, 10 * MIB + 6, 1);
    fill(model, 11 * MIB, 11 * MIB + 1, 2);
    fill(model, 13 * MIB - 1, 13 * MIB, 3);
    fill(model, 13 * MIB, 13 * MIB + 1, 4);
    assertThat(Files.size(file)).isEqualTo(10 * MIB);
    assertJudged(model, 512);
    assertThat(engine.check(file).findings()).isEmpty();
  }

  @Test
  void changesReplayALogFirst() throws Exception {
    TestImage image = TestImage.withBlocks();
    new LogBuilder(image).entry().data(TestImage.PAYLOAD, filled(4096, 1)).write();
    image.writeTo(file);
    assertThat(engine.inspect(file).log()).isEqualTo(LogState.DIRTY);
    engine.compact(file);
    assertThat(engine.inspect(file).log()).isEqualTo(LogState.CLEAN);
    byte[] model = new byte[16 * MIB];
    Arrays.fill(model, 0, MIB, (byte) 0xA0);
    Arrays.fill(model, 0, 4096, (byte) 1);
    Arrays.fill(model, 3 * MIB, 4 * MIB, (byte) 0xA3);
    assertJudged(model, 512);
  }

  @Test
  void aCancelledCompactionLeavesTheContentsAndCanBeMadeAgain() throws Exception {
    engine.create(file, DiskSpec.ofSize(ByteSize.mebibytes(24)));
    byte[] model = new byte[24 * MIB];
    fill(model, 0, 20 * MIB, 1);
    fill(model, 2 * MIB, 9 * MIB, 0);
    CancellationToken token = new CancellationToken();
    token.cancel();
    RunOptions cancelled = RunOptions.builder().cancelWith(token).build();
    assertThatThrownBy(() -> engine.compact(file, cancelled))
        .isInstanceOf(OperationCancelledException.class);
    assertThat(engine.inspect(file).log()).isEqualTo(LogState.CLEAN);
    assertJudged(model, 512);
    assertThat(engine.compact(file).fileSizeAfter()).isEqualTo(ByteSize.mebibytes(17));
    assertJudged(model, 512);
  }

  @Test
  void aFixedDiskThatHasNoRoomToGrowIsAsItWas() throws Exception {
    Tools.require("bash");
    engine.create(file, fixed(8, 1, 512));
    byte[] model = new byte[8 * MIB];
    fill(model, 0, MIB, 4);
    // ulimit counts in KiB here; a file size limit stands in for a full disk.
    Tools.Result result =
        Tools.run(
            "bash",
            "-c",
            "ulimit -f 16384; exec \"$@\"",
            "bash",
            ChildJvm.java(),
            "-Xmx64m",
            "-cp",
            System.getProperty("java.class.path"),
            ChildJvm.class.getName(),
            "resize",
            file.toString(),
            "64M");
    assertThat(result.exitCode()).as(result.output()).isEqualTo(3);
    assertThat(Files.size(file)).isEqualTo(12 * MIB);
    assertJudged(model, 512);
  }

  /** A block table of 513 MiB in a heap of 64 MiB; each entry is looked at several times. */
  @Test
  @Tag("long")
  void theLargestDiskIsMadeSoAndCompactedInLittleMemory() throws Exception {
    engine.create(file, DiskSpec.ofSize(ByteSize.tebibytes(2)));
    try (DiskChannel disk = engine.openForWriting(file)) {
      disk.position(1L << 40).write(ByteBuffer.wrap(filled(1, 7)));
    }
    assertThat(child("resize", file.toString(), "64T")).contains("notPresent=67108863");
    assertThat(child("compact", file.toString())).contains("zeroBlocks=0");
    try (SeekableByteChannel disk = engine.openForReading(file)) {
      ByteBuffer found = ByteBuffer.allocate(1);
      disk.position(1L << 40).read(found);
      assertThat(found.get(0)).isEqualTo((byte) 7);
      assertThat(disk.size()).isEqualTo(64L << 40);
    }
  }

  private static String child(String... args) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(ChildJvm.java());
    command.add("-Xmx64m");
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add(ChildJvm.class.getName());
    command.addAll(List.of(args));
    return Tools.succeed(command.toArray(String[]::new));
  }

  static Stream<Long> seeds() {
    return Stream.of(1L, 2L, 3L, 4L);
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void holdsWhatAnArrayHoldsThroughAllChanges(long seed) throws Exception {
    Random random = new Random(seed);
    boolean fixed = seed % 3 == 0;
    int blockMib = 1 << random.nextInt(3);
    byte[] model = new byte[(10 + random.nextInt(20)) * MIB];
    engine.create(
        file,
        DiskSpec.builder()
            .virtualSize(ByteSize.ofBytes(model.length))
            .blockSize(ByteSize.mebibytes(blockMib))
            .fixed(fixed)
            .build());
    for (int step = 0; step < 30; step++) {
      String what = "seed " + seed + ", step " + step + ", ";
      int kind = random.nextInt(8);
      if (kind < 5) {
        what += "write";
        int from = random.nextInt(model.length);
        int to = Math.min(model.length, from + 1 + random.nextInt(3 * MIB));
        fill(model, from, to, random.nextInt(3) == 0 ? 0 : 1 + random.nextInt(255));
      } else if (kind < 7 || fixed) {
        int size = (3 + random.nextInt(37)) * MIB;
        what += "resize to " + size;
        DiskResize resize =
            DiskResize.builder().virtualSize(ByteSize.ofBytes(size)).allowDataLoss(true).build();
        engine.resize(file, resize, RunOptions.ofDefaults());
        model = Arrays.copyOf(model, size);
      } else {
        what += "compact";
        engine.compact(file);
        assertThat(engine.check(file).findings()).as(what).isEmpty();
      }
      assertHolds(model, what);
      DiskCheck check = engine.check(file);
      assertThat(check.status())
          .as("%s: %s", what, check.findings())
          .isNotEqualTo(DiskCheck.Status.ERRORS);
    }
    assertJudged(model, 512);
  }

  private static DiskSpec fixed(int sizeMib, int blockMib, int sector) {
    return DiskSpec.builder()
        .virtualSize(ByteSize.mebibytes(sizeMib))
        .blockSize(ByteSize.mebibytes(blockMib))
        .logicalSectorSize(sector)
        .fixed(true)
        .build();
  }

  /** Writes one value to a range of the disk and of the model. */
  private void fill(byte[] model, int from, int to, int value) throws IOException {
    try (DiskChannel disk = engine.openForWriting(file)) {
      disk.position(from).write(ByteBuffer.wrap(filled(to - from, value)));
    }
    Arrays.fill(model, from, to, (byte) value);
  }

  private void assertHolds(byte[] model, String when) throws IOException {
    byte[] found = new byte[model.length];
    try (SeekableByteChannel disk = engine.openForReading(file)) {
      assertThat(disk.size()).as(when).isEqualTo(model.length);
      assertThat(disk.read(ByteBuffer.wrap(found))).isEqualTo(model.length);
    }
    assertThat(Arrays.mismatch(found, model)).as(when).isEqualTo(-1);
  }

  /** The same contents by our reader, by QEMU and by 7-Zip, and nothing wrong by any of them. */
  private void assertJudged(byte[] model, int sector) throws Exception {
    assertHolds(model, "ours");
    DiskCheck check = engine.check(file);
    assertThat(check.status()).as("%s", check.findings()).isNotEqualTo(DiskCheck.Status.ERRORS);
    Tools.require("qemu-img", "7zz");
    Path raw = folder.resolve("disk.raw");
    if (sector == 512) {
      // QEMU knows no other logical sectors.
      Tools.succeed("qemu-img", "check", "-q", "-f", "vhdx", file.toString());
      String info =
          Tools.succeed("qemu-img", "info", "--output=json", "-f", "vhdx", file.toString());
      assertThat(info).contains("\"virtual-size\": " + model.length + ",");
      Tools.succeed(
          "qemu-img", "convert", "-f", "vhdx", "-O", "raw", file.toString(), raw.toString());
      assertThat(Arrays.mismatch(Files.readAllBytes(raw), model)).as("QEMU").isEqualTo(-1);
      Files.delete(raw);
    }
    Path out = Files.createDirectories(folder.resolve("out"));
    Tools.succeed("7zz", "x", "-y", "-tvhdx", "-o" + out, file.toString());
    try (Stream<Path> extracted = Files.list(out)) {
      Path only = extracted.findFirst().orElseThrow();
      assertThat(Arrays.mismatch(Files.readAllBytes(only), model)).as("7-Zip").isEqualTo(-1);
      Files.delete(only);
    }
    Files.delete(out);
  }

  private static byte[] filled(int length, int value) {
    byte[] bytes = new byte[length];
    Arrays.fill(bytes, (byte) value);
    return bytes;
  }

  private static void assertCode(ErrorCode code, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfAny(DiskException.class, EnvironmentException.class)
        .isInstanceOfSatisfying(
            StorageSdkException.class,
            e -> {
              assertThat(e.code()).isEqualTo(code);
              assertThat(e.stateLeft()).isEqualTo(StateLeft.NOTHING_CHANGED);
            });
  }
}
