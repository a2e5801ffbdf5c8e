package org.nixwsl.storage.core.vhdx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.nixwsl.storage.core.vhdx.TestImage.MIB;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskChannel;
import org.nixwsl.storage.disk.DiskCopy;
import org.nixwsl.storage.disk.DiskCopyOptions;
import org.nixwsl.storage.disk.DiskInfo;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.disk.DiskType;
import org.nixwsl.storage.disk.LogState;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.OperationCancelledException;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.event.CancellationToken;
import org.nixwsl.storage.event.StorageEvent;

/** Copies hold what their sources hold, byte for byte, and nothing that takes space for zeros. */
class CopyTest {
  private final VhdxEngine engine = new VhdxEngine();

  @TempDir Path folder;
  private Path source;
  private Path target;

  @BeforeEach
  void nameTheDisks() {
    source = folder.resolve("source.vhdx");
    target = folder.resolve("target.vhdx");
  }

  @ParameterizedTest
  @CsvSource({"1, 512, 21", "2, 512, 23", "32, 512, 70", "1, 4096, 21", "256, 512, 20"})
  void holdsWhatItsSourceHolds(int blockMib, int sector, int sizeMib) throws Exception {
    engine.create(
        source,
        DiskSpec.builder()
            .virtualSize(ByteSize.mebibytes(sizeMib))
            .blockSize(ByteSize.mebibytes(blockMib))
            .logicalSectorSize(sector)
            .build());
    write(source, sizeMib, new Random(blockMib + sector));
    String before = Tools.sha256(source);
    DiskInfo was = engine.inspect(source);
    byte[] model = readAll(source);

    DiskCopy copy = engine.copy(source, target);

    assertThat(Tools.sha256(source)).isEqualTo(before);
    assertThat(Arrays.equals(readAll(target), model)).isTrue();
    assertThat(copy.contentsDigest()).isEqualTo(digest(model));
    DiskInfo info = engine.inspect(target);
    assertThat(copy.disk()).isEqualTo(info);
    assertThat(info.diskId()).isEqualTo(was.diskId());
    assertThat(info.dataWriteGuid()).isEqualTo(was.dataWriteGuid());
    assertThat(info.virtualSize()).isEqualTo(was.virtualSize());
    assertThat(info.blockSize()).isEqualTo(was.blockSize());
    assertThat(info.logicalSectorSize()).isEqualTo(sector);
    assertThat(fileIdOf(target)).isNotEqualTo(fileIdOf(source));
    assertThat(engine.check(target).findings()).isEmpty();
    if (sector == 512) {
      Tools.require("qemu-img", "7zz");
      assertThat(
              Tools.run("qemu-img", "compare", "-f", "vhdx", "-F", "vhdx", source + "", target + "")
                  .exitCode())
          .isZero();
      Tools.succeed("7zz", "t", "-tvhdx", target.toString());
    }
  }

  @Test
  void zerosTakeNoSpaceInACopy() throws Exception {
    engine.create(source, DiskSpec.ofSize(ByteSize.mebibytes(40)));
    try (DiskChannel disk = engine.openForWriting(source)) {
      byte[] bytes = new byte[20 * MIB];
      Arrays.fill(bytes, (byte) 5);
      disk.write(ByteBuffer.wrap(bytes));
      // All but a byte of it is zeros again, in blocks that stay in the file.
      disk.position(0).write(ByteBuffer.wrap(new byte[20 * MIB - 1]));
    }
    assertThat(engine.inspect(source).blocks().fullyPresent()).isEqualTo(20);
    DiskCopy copy = engine.copy(source, target);
    assertThat(copy.disk().blocks().fullyPresent()).isEqualTo(1);
    assertThat(copy.dataBytes()).isEqualTo(ByteSize.mebibytes(1));
    assertThat(Files.size(target)).isEqualTo(5L * MIB);
  }

  @Test
  void aHugeDiskIsCopiedByWhatIsInIt() throws Exception {
    engine.create(source, DiskSpec.ofSize(ByteSize.tebibytes(2)));
    long end = engine.inspect(source).virtualSize().bytes();
    List<Long> places = List.of(0L, 4096L * MIB - 3, 4096L * MIB * 77, end - 5);
    try (DiskChannel disk = engine.openForWriting(source)) {
      for (long place : places) {
        disk.position(place).write(ByteBuffer.wrap(new byte[] {1, 2, 3, 4, 5}));
      }
    }
    engine.copy(source, target);
    try (SeekableByteChannel disk = engine.openForReading(target)) {
      for (long place : places) {
        ByteBuffer found = ByteBuffer.allocate(5);
        disk.position(place).read(found);
        assertThat(found.array()).containsExactly(1, 2, 3, 4, 5);
      }
    }
    assertThat(engine.check(target).findings()).isEmpty();
  }

  @Test
  void aFixedDiskGivesAFixedOne() throws Exception {
    Tools.require("qemu-img", "7zz");
    String options = "subformat=fixed,block_size=2M,block_state_zero=off";
    Tools.succeed(
        "qemu-img", "create", "-q", "-f", "vhdx", "-o", options, source.toString(), "12M");
    write(source, 12, new Random(4));
    DiskInfo info = engine.copy(source, target).disk();
    assertThat(info.type()).isEqualTo(DiskType.FIXED);
    assertThat(info.blocks().fullyPresent()).isEqualTo(6);
    assertThat(Files.size(target)).isEqualTo(16L * MIB);
    assertThat(Arrays.equals(readAll(target), readAll(source))).isTrue();
    assertThat(engine.check(target).findings()).isEmpty();
    Tools.succeed("qemu-img", "compare", "-f", "vhdx", "-F", "vhdx", source + "", target + "");
    Tools.succeed("7zz", "t", "-tvhdx", target.toString());
  }

  @Test
  void aLogIsReplayedInMemoryAndTheSourceLeftAlone() throws Exception {
    TestImage image = TestImage.withBlocks();
    byte[] table = Arrays.copyOfRange(image.array(), TestImage.BAT, TestImage.BAT + 4096);
    ByteBuffer.wrap(table).order(java.nio.ByteOrder.LITTLE_ENDIAN).putLong(16, 5L << 20 | 6);
    ByteBuffer.wrap(table).order(java.nio.ByteOrder.LITTLE_ENDIAN).putLong(24, 0);
    new LogBuilder(image).entry().data(TestImage.BAT, table).write();
    image.writeTo(source);
    String before = Tools.sha256(source);
    assertThat(engine.inspect(source).log()).isEqualTo(LogState.DIRTY);
    DiskInfo info = engine.copy(source, target).disk();
    assertThat(info.log()).isEqualTo(LogState.CLEAN);
    assertThat(readAll(target)[2 * MIB]).isEqualTo((byte) 0xA3);
    assertThat(Tools.sha256(source)).isEqualTo(before);
  }

  @Test
  void aChildIsMergedWithItsParent() throws Exception {
    UUID id = UUID.randomUUID();
    TestImage.withBlocks().dataId(id).writeTo(folder.resolve("base.vhdx"));
    TestImage.empty().child(id, "relative_path", "base.vhdx").bat(0, 2, 0).writeTo(source);
    DiskInfo info = engine.copy(source, target).disk();
    assertThat(info.type()).isEqualTo(DiskType.DYNAMIC);
    assertThat(info.parent()).isEmpty();
    assertThat(info.blocks().fullyPresent()).isEqualTo(1);
    assertThat(Arrays.equals(readAll(target), readAll(source))).isTrue();
  }

  @Test
  void aCopyStaysAParentAndADiskOfItsOwnDoesNot() throws Exception {
    TestImage.withBlocks().writeTo(source);
    DiskInfo was = engine.inspect(source);
    engine.copy(source, target);
    Path child = folder.resolve("child.vhdx");
    TestImage.empty().child(was.dataWriteGuid(), "relative_path", "target.vhdx").writeTo(child);
    engine.openForReading(child).close();
    Path other = folder.resolve("other.vhdx");
    DiskCopyOptions options = DiskCopyOptions.builder().newIdentity(true).build();
    DiskInfo info = engine.copy(source, other, options, RunOptions.ofDefaults()).disk();
    assertThat(info.diskId()).isNotEqualTo(was.diskId());
    assertThat(info.dataWriteGuid()).isNotEqualTo(was.dataWriteGuid());
    assertThat(Arrays.equals(readAll(other), readAll(source))).isTrue();
  }

  @Test
  void nothingIsOverwritten() throws Exception {
    TestImage.withBlocks().writeTo(source);
    Files.writeString(target, "mine");
    assertRefused(ErrorCode.ALREADY_EXISTS, source, target);
    assertRefused(ErrorCode.ALREADY_EXISTS, source, source);
    assertRefused(ErrorCode.BAD_SETTING, source, folder.resolve("disk.img"));
    assertRefused(ErrorCode.NOT_FOUND, source, folder.resolve("no/disk.vhdx"));
    assertRefused(ErrorCode.NOT_FOUND, folder.resolve("no.vhdx"), folder.resolve("new.vhdx"));
    TestImage.withBlocks().bat(5, 4, 0).writeTo(source);
    assertRefused(ErrorCode.VHDX_CORRUPT, source, folder.resolve("new.vhdx"));
    assertThat(names()).containsExactlyInAnyOrder("source.vhdx", "target.vhdx");
    assertThat(Files.readString(target)).isEqualTo("mine");
  }

  @Test
  void aCancelledCopyLeavesNothing() throws Exception {
    TestImage.withBlocks().writeTo(source);
    CancellationToken token = new CancellationToken();
    RunOptions run =
        RunOptions.builder()
            .cancelWith(token)
            .on(StorageEvent.StageStarted.class, e -> token.cancel())
            .build();
    assertThatThrownBy(() -> engine.copy(source, target, DiskCopyOptions.ofDefaults(), run))
        .isInstanceOfSatisfying(
            OperationCancelledException.class,
            e -> assertThat(e.stateLeft()).isEqualTo(StateLeft.NOTHING_CHANGED));
    assertThat(names()).containsExactly("source.vhdx");
  }

  @Test
  void tellsHowFarItIs() throws Exception {
    TestImage.withBlocks().writeTo(source);
    List<StorageEvent.Progress> told = new ArrayList<>();
    RunOptions run = RunOptions.builder().on(StorageEvent.Progress.class, told::add).build();
    engine.copy(source, target, DiskCopyOptions.ofDefaults(), run);
    assertThat(told.get(told.size() - 1).bytesDone()).isEqualTo(16L * MIB);
    assertThat(told.get(told.size() - 1).bytesTotal()).isEqualTo(16L * MIB);
  }

  @Test
  void whatReadsBackDifferentlyIsNoCopy() throws Exception {
    TestImage image = TestImage.withBlocks();
    DiskImage disk = open(image);
    DiskContents contents =
        new DiskContents(List.of(new DiskContents.Layer(disk, disk.blockTable(), "t")));
    assertThatThrownBy(
            () ->
                Operation.quiet(
                    "t",
                    op -> {
                      new DiskCopier(contents, op)
                          .verify(disk, new DiskCopier.Copied(2L * MIB, "00"), "t");
                      return true;
                    }))
        .isInstanceOfSatisfying(
            StorageSdkException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.VHDX_COPY_DAMAGED));
  }

  private static DiskImage open(TestImage image) {
    return Operation.quiet("t", op -> VhdxEngine.readable(image, "t", op));
  }

  private void assertRefused(ErrorCode code, Path from, Path to) {
    assertThatThrownBy(() -> engine.copy(from, to))
        .isInstanceOfSatisfying(
            StorageSdkException.class, e -> assertThat(e.code()).isEqualTo(code));
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).toList();
    }
  }

  private void write(Path file, int sizeMib, Random random) throws IOException {
    try (DiskChannel disk = engine.openForWriting(file)) {
      for (int i = 0; i < 8; i++) {
        byte[] bytes = new byte[1 + random.nextInt(2 * MIB)];
        random.nextBytes(bytes);
        disk.position(random.nextInt(sizeMib * MIB - bytes.length)).write(ByteBuffer.wrap(bytes));
      }
    }
  }

  /** The FileWriteGuid of the current header. */
  private static String fileIdOf(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    return HexFormat.of().formatHex(bytes, TestImage.HEADER_2 + 16, TestImage.HEADER_2 + 32);
  }

  private byte[] readAll(Path file) throws IOException {
    try (SeekableByteChannel disk = engine.openForReading(file)) {
      byte[] all = new byte[Math.toIntExact(disk.size())];
      Arrays.fill(all, (byte) 0x77);
      assertThat(disk.read(ByteBuffer.wrap(all))).isEqualTo(all.length);
      return all;
    }
  }

  /** As the documentation of the digest has it. */
  private static String digest(byte[] contents) throws Exception {
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    digest.update(ByteBuffer.allocate(8).putLong(0, contents.length));
    byte[] zeros = new byte[MIB];
    for (int at = 0; at < contents.length; at += MIB) {
      int end = Math.min(contents.length, at + MIB);
      if (!Arrays.equals(contents, at, end, zeros, 0, end - at)) {
        digest.update(ByteBuffer.allocate(8).putLong(0, at));
        digest.update(contents, at, end - at);
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }
}
