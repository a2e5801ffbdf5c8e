package org.nixwsl.storage.core.vhdx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskCheck;
import org.nixwsl.storage.disk.DiskInfo;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.disk.DiskType;
import org.nixwsl.storage.disk.LogState;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.OperationCancelledException;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.event.CancellationToken;
import org.nixwsl.storage.event.StorageEvent;

@Tag("once")
class DiskCreationTest {
  private static final long MIB = 1 << 20;
  private static final long SEED = 42;

  private final VhdxEngine engine = new VhdxEngine();

  @TempDir Path folder;

  record Shape(long size, long block, int logical, int physical) {
    DiskSpec spec() {
      return DiskSpec.builder()
          .virtualSize(ByteSize.ofBytes(size))
          .blockSize(ByteSize.ofBytes(block))
          .logicalSectorSize(logical)
          .physicalSectorSize(physical)
          .build();
    }
  }

  /** The corners, and 30 more at random (seed 42). */
  static Stream<Shape> shapes() {
    List<Shape> shapes = new ArrayList<>();
    shapes.add(new Shape(3 * MIB, MIB, 512, 4096));
    shapes.add(new Shape(3 * MIB, 256 * MIB, 512, 512));
    shapes.add(new Shape(2L << 40, MIB, 512, 4096));
    shapes.add(new Shape(64L << 40, 256 * MIB, 512, 4096));
    shapes.add(new Shape(64L << 40, 32 * MIB, 4096, 4096));
    Random random = new Random(SEED);
    for (int i = 0; i < 30; i++) {
      long size = (3 + random.nextLong(1L << (4 + random.nextInt(18)))) * MIB;
      long block = MIB << random.nextInt(9);
      int logical = random.nextInt(4) == 0 ? 4096 : 512;
      shapes.add(new Shape(size, block, logical, random.nextBoolean() ? 4096 : 512));
    }
    return shapes.stream();
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void otherProgramsAcceptAndDescribeADiskAsAskedFor(Shape shape) throws Exception {
    Tools.require("qemu-img", "7zz", "vhdiinfo");
    Path file = folder.resolve("disk.vhdx");
    DiskInfo info = engine.create(file, shape.spec(), RunOptions.ofDefaults());
    assertThat(info.virtualSize().bytes()).isEqualTo(shape.size);
    assertThat(info.blockSize().bytes()).isEqualTo(shape.block);
    assertThat(info.logicalSectorSize()).isEqualTo(shape.logical);
    assertThat(info.physicalSectorSize()).isEqualTo(shape.physical);
    assertThat(info.fileSize().bytes()).isEqualTo(Files.size(file));
    assertThat(engine.inspect(file)).isEqualTo(info);
    assertThat(engine.check(file).status()).isEqualTo(DiskCheck.Status.CLEAN);

    if (shape.logical == 512) {
      // QEMU knows no other logical sectors.
      Tools.succeed("qemu-img", "check", "-q", "-f", "vhdx", file.toString());
      String json =
          Tools.succeed("qemu-img", "info", "--output=json", "-f", "vhdx", file.toString());
      assertThat(json)
          .contains("\"virtual-size\": " + shape.size + ",")
          .contains("\"cluster-size\": " + shape.block + ",");
    }
    // Opening checks the whole table; testing reads all contents too, which takes a disk its time.
    String command = shape.size <= 512 * MIB ? "t" : "l";
    Tools.succeed("7zz", command, "-tvhdx", file.toString());
    assertThat(Tools.succeed("vhdiinfo", file.toString()))
        .contains("(" + shape.size + " bytes)")
        .contains(info.dataWriteGuid().toString());
  }

  @Test
  void aNewDiskSaysWhatItIs() {
    DiskInfo info = create("new.vhdx", ByteSize.gibibytes(64));
    assertThat(info.type()).isEqualTo(DiskType.DYNAMIC);
    assertThat(info.creator()).isEqualTo("NixOS-WSL Storage SDK 0.1.0");
    assertThat(info.log()).isEqualTo(LogState.CLEAN);
    assertThat(info.logEntries()).isZero();
    assertThat(info.blocks().notPresent()).isEqualTo(65536);
    assertThat(info.blocks().total()).isEqualTo(65536);
    assertThat(info.parent()).isEmpty();
    assertThat(info.diskId().version()).isEqualTo(4);
    assertThat(info.dataWriteGuid().version()).isEqualTo(4);
    assertThat(info.fileSize().bytes()).isEqualTo(4 * MIB);
  }

  @Test
  void twoTebibytesTakeLessThan24Mebibytes() {
    DiskInfo info = create("large.vhdx", ByteSize.tebibytes(2));
    assertThat(info.fileSize().bytes()).isLessThanOrEqualTo(24 * MIB);
  }

  @Test
  void twoDisksHaveDifferentIds() {
    DiskInfo a = create("a.vhdx", ByteSize.mebibytes(64));
    DiskInfo b = create("b.vhdx", ByteSize.mebibytes(64));
    assertThat(a.diskId()).isNotEqualTo(b.diskId());
    assertThat(a.dataWriteGuid()).isNotEqualTo(b.dataWriteGuid());
  }

  @Test
  void aNewDiskReadsAsZeros() throws IOException {
    create("zero.vhdx", ByteSize.mebibytes(5));
    try (SeekableByteChannel channel = engine.openForReading(folder.resolve("zero.vhdx"))) {
      assertThat(channel.size()).isEqualTo(5 * MIB);
      ByteBuffer buffer = ByteBuffer.allocate(6 << 20);
      assertThat(channel.read(buffer)).isEqualTo(5 << 20);
      assertThat(channel.read(buffer)).isEqualTo(-1);
      for (byte b : buffer.array()) {
        assertThat(b).isZero();
      }
    }
  }

  static Stream<Shape> impossible() {
    return Stream.of(
        new Shape(2 * MIB, MIB, 512, 4096),
        new Shape(0, MIB, 512, 4096),
        new Shape(64 * MIB + 512, MIB, 512, 4096),
        new Shape((64L << 40) + MIB, MIB, 512, 4096),
        new Shape(Long.MAX_VALUE, MIB, 512, 4096),
        new Shape(64 * MIB, 512 << 10, 512, 4096),
        new Shape(64 * MIB, 3 * MIB, 512, 4096),
        new Shape(64 * MIB, 512 * MIB, 512, 4096),
        new Shape(64 * MIB, 0, 512, 4096),
        new Shape(64 * MIB, MIB, 1024, 4096),
        new Shape(64 * MIB, MIB, 512, 0));
  }

  @ParameterizedTest
  @MethodSource("impossible")
  void refusesSizesThatNoDiskCanHave(Shape shape) throws IOException {
    assertRefused(
        DiskException.class,
        ErrorCode.VHDX_BAD_GEOMETRY,
        () -> engine.create(folder.resolve("bad.vhdx"), shape.spec()));
    assertThat(names()).isEmpty();
  }

  @Test
  void leavesAFileThatIsThereAlone() throws IOException {
    Path file = Files.writeString(folder.resolve("there.vhdx"), "precious");
    assertRefused(
        ConflictException.class,
        ErrorCode.ALREADY_EXISTS,
        () -> create("there.vhdx", ByteSize.mebibytes(64)));
    assertThat(file).hasContent("precious");
    assertThat(names()).containsExactly("there.vhdx");
  }

  @Test
  void neitherFollowsNorReplacesASymbolicLink() throws IOException {
    Path link = Files.createSymbolicLink(folder.resolve("link.vhdx"), folder.resolve("other"));
    assertRefused(
        ConflictException.class,
        ErrorCode.ALREADY_EXISTS,
        () -> create("link.vhdx", ByteSize.mebibytes(64)));
    assertThat(Files.isSymbolicLink(link)).isTrue();
    assertThat(names()).containsExactly("link.vhdx");
  }

  @Test
  void refusesAFolderThatIsNotThereAndAnotherEnding() throws IOException {
    assertRefused(
        EnvironmentException.class,
        ErrorCode.NOT_FOUND,
        () -> create("no/such/disk.vhdx", ByteSize.mebibytes(64)));
    assertRefused(
        DiskException.class,
        ErrorCode.BAD_SETTING,
        () -> create("disk.img", ByteSize.mebibytes(64)));
    assertThat(names()).isEmpty();
  }

  @Test
  void leavesNothingWhenThereIsNoRoom() {
    Tools.require("bash");
    // A file size limit stands in for a full disk: both fail the write and leave the temporary.
    assertThatThrownBy(() -> limitedChild(folder)).hasMessageContaining("IO_FAILED");
    assertThat(names()).isEmpty();
  }

  @Test
  void anOperationThatWasCancelledLeavesNothing() {
    CancellationToken token = new CancellationToken();
    token.cancel();
    List<StorageEvent> events = new ArrayList<>();
    RunOptions options =
        RunOptions.builder().cancelWith(token).on(StorageEvent.class, events::add).build();
    DiskSpec spec = DiskSpec.ofSize(ByteSize.mebibytes(64));
    assertThatThrownBy(() -> engine.create(folder.resolve("c.vhdx"), spec, options))
        .isInstanceOfSatisfying(
            OperationCancelledException.class,
            e -> assertThat(e.stateLeft()).isEqualTo(StateLeft.NOTHING_CHANGED));
    assertThat(events).last().isInstanceOf(StorageEvent.Cancelled.class);
    assertThat(names()).isEmpty();
  }

  @Test
  void anInterruptedThreadLeavesNothingAndStaysInterrupted() {
    Thread.currentThread().interrupt();
    assertThatThrownBy(() -> create("i.vhdx", ByteSize.mebibytes(64)))
        .isInstanceOfSatisfying(
            OperationCancelledException.class,
            e -> assertThat(e.stateLeft()).isEqualTo(StateLeft.NOTHING_CHANGED));
    assertThat(Thread.interrupted()).isTrue();
    assertThat(names()).isEmpty();
  }

  /** A block table of 513 MiB in a heap of 64 MiB. */
  @Test
  void theLargestDiskIsCreatedInspectedCheckedAndReadInLittleMemory() throws Exception {
    String file = folder.resolve("huge.vhdx").toString();
    assertThat(child("create", file, "64T", "read"))
        .contains("notPresent=67108864")
        .contains("read 4096");
    assertThat(child("inspect", file)).contains("notPresent=67108864");
    assertThat(child("check", file)).contains("findings=[]");
  }

  private static String child(String... args) throws Exception {
    String[] command = {
      ChildJvm.java(),
      "-Xmx64m",
      "-cp",
      System.getProperty("java.class.path"),
      ChildJvm.class.getName()
    };
    String[] all = Arrays.copyOf(command, command.length + args.length);
    System.arraycopy(args, 0, all, command.length, args.length);
    return Tools.succeed(all);
  }

  private DiskInfo create(String name, ByteSize size) {
    return engine.create(folder.resolve(name), DiskSpec.ofSize(size));
  }

  private List<String> names() {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(f -> f.getFileName().toString()).toList();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private static void limitedChild(Path folder) throws Exception {
    // ulimit counts in KiB here; a signal would kill the child, Java ignores it and gets an error.
    Tools.Result result =
        Tools.run(
            "bash",
            "-c",
            "ulimit -f 1024; exec \"$@\"",
            "bash",
            ChildJvm.java(),
            "-Xmx64m",
            "-cp",
            System.getProperty("java.class.path"),
            ChildJvm.class.getName(),
            "create",
            folder.resolve("no-room.vhdx").toString(),
            "64G");
    throw new IllegalStateException(result.exitCode() + " " + result.output());
  }

  private static void assertRefused(
      Class<? extends StorageSdkException> type,
      ErrorCode code,
      org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOf(type)
        .isInstanceOfSatisfying(
            StorageSdkException.class,
            e -> {
              assertThat(e.code()).isEqualTo(code);
              assertThat(e.stateLeft()).isEqualTo(StateLeft.NOTHING_CHANGED);
            });
  }
}
