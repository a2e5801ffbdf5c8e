package org.nixwsl.storage.core.vhdx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.nixwsl.storage.core.vhdx.TestImage.MIB;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskChannel;
import org.nixwsl.storage.disk.DiskCheck;
import org.nixwsl.storage.disk.DiskInfo;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.disk.DiskType;
import org.nixwsl.storage.disk.LogState;
import org.nixwsl.storage.disk.ParentAccess;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.ErrorCode;

/** Differencing disks are read through their parents, against a plain array and 7-Zip. */
@Tag("once")
class ChainTest {
  private final VhdxEngine engine = new VhdxEngine();

  @TempDir Path folder;
  private Path base;

  @BeforeEach
  void nameTheBase() throws IOException {
    folder = folder.toRealPath();
    base = folder.resolve("base.vhdx");
  }

  @ParameterizedTest
  @CsvSource({
    "1, 512, 1, 301",
    "1, 512, 4, 302",
    "2, 512, 3, 303",
    "8, 512, 2, 304",
    "1, 4096, 3, 305",
    "4, 4096, 2, 306"
  })
  void readsThroughAllParents(int blockMib, int sector, int children, long seed) throws Exception {
    Random random = new Random(seed);
    byte[] model = makeBase(base, 17, blockMib, sector, random);
    String parent = "base.vhdx";
    for (int i = 0; i < children; i++) {
      Path child = folder.resolve("child" + i + ".vhdx");
      model =
          new ChildImage(model, blockMib, sector, random)
              .parent(idOf(folder.resolve(parent)), "relative_path", ".\\" + parent)
              .writeTo(child);
      parent = "child" + i + ".vhdx";
      assertHolds(child, model, seed);
    }
    Path top = folder.resolve(parent);
    assertThat(engine.check(top).status()).isNotEqualTo(DiskCheck.Status.ERRORS);
    readsAnywhere(top, model, random);
    Tools.require("7zz");
    if (sector == 512) {
      Path raw = folder.resolve("raw");
      Tools.Result result =
          Tools.run("sh", "-c", "7zz x -so -tvhdx \"$0\" > \"$1\"", top.toString(), raw.toString());
      assertThat(result.exitCode()).as(result.output()).isZero();
      assertThat(Files.mismatch(raw, Files.write(folder.resolve("model"), model))).isEqualTo(-1);
    }
  }

  @Test
  void aChildMayBeLargerThanItsParent() throws Exception {
    Random random = new Random(7);
    byte[] model = makeBase(base, 5, 1, 512, random);
    Path child = folder.resolve("child.vhdx");
    model =
        new ChildImage(Arrays.copyOf(model, 9 * MIB), 2, 512, random)
            .parent(idOf(base), "relative_path", "base.vhdx")
            .writeTo(child);
    assertHolds(child, model, 7);
  }

  @Test
  void aParentWithALogToReplayIsReadAsItWillBe() throws Exception {
    TestImage image = TestImage.withBlocks();
    byte[] table = Arrays.copyOfRange(image.array(), TestImage.BAT, TestImage.BAT + 4096);
    ByteBuffer.wrap(table).order(java.nio.ByteOrder.LITTLE_ENDIAN).putLong(0, 5L << 20 | 6);
    ByteBuffer.wrap(table).order(java.nio.ByteOrder.LITTLE_ENDIAN).putLong(24, 4L << 20 | 6);
    new LogBuilder(image).entry().data(TestImage.BAT, table).write();
    image.writeTo(base);
    String before = Tools.sha256(base);
    assertThat(engine.inspect(base).log()).isEqualTo(LogState.DIRTY);
    Path child = folder.resolve("child.vhdx");
    TestImage.empty().child(idOf(base), "relative_path", "base.vhdx").writeTo(child);
    byte[] found = readAll(child, ParentAccess.CHILD_FOLDER);
    assertThat(found[0]).isEqualTo((byte) 0xA3);
    assertThat(found[3 * MIB]).isEqualTo((byte) 0xA0);
    assertThat(Tools.sha256(base)).isEqualTo(before);
  }

  @Test
  void tellsAllThatADiskSaysOfItsParentThoughThatIsMissing() throws Exception {
    Path child = folder.resolve("child.vhdx");
    TestImage.differencing().writeTo(child);
    DiskInfo info = engine.inspect(child);
    assertThat(info.type()).isEqualTo(DiskType.DIFFERENCING);
    assertThat(info.parentLocator())
        .containsEntry("relative_path", "x")
        .containsEntry("parent_linkage", "{83ed0ec3-24c8-49a6-a959-5e4bd1288015}");
    assertRefused(ErrorCode.VHDX_PARENT_NOT_FOUND, () -> engine.openForReading(child));
    assertFound(child, "PARENT_NOT_FOUND", DiskCheck.Status.ERRORS);
  }

  @Test
  void aParentThatWasChangedIsRefused() throws Exception {
    makeBase(base, 4, 1, 512, new Random(1));
    Path child = folder.resolve("child.vhdx");
    TestImage.empty().child(idOf(base), "relative_path", "base.vhdx").writeTo(child);
    engine.openForReading(child).close();
    try (DiskChannel disk = engine.openForWriting(base)) {
      disk.write(ByteBuffer.wrap(new byte[] {1}));
    }
    assertRefused(ErrorCode.VHDX_PARENT_MISMATCH, () -> engine.openForReading(child));
    assertFound(child, "PARENT_MISMATCH", DiskCheck.Status.ERRORS);
  }

  @Test
  void aParentWithOtherSectorsIsRefused() throws Exception {
    makeBase(base, 4, 1, 4096, new Random(2));
    Path child = folder.resolve("child.vhdx");
    TestImage.empty().child(idOf(base), "relative_path", "base.vhdx").writeTo(child);
    assertRefused(ErrorCode.VHDX_PARENT_MISMATCH, () -> engine.openForReading(child));
  }

  @Test
  void theSecondLinkageCountsAndTheGuidOfZerosNeverDoes() throws Exception {
    makeBase(base, 4, 1, 512, new Random(3));
    Path child = folder.resolve("child.vhdx");
    String zeros = "{00000000-0000-0000-0000-000000000000}";
    String id = "{" + idOf(base).toString().toUpperCase(java.util.Locale.ROOT) + "}";
    String path = "relative_path";
    TestImage.empty()
        .asChild("parent_linkage", zeros, "parent_linkage2", id, path, "base.vhdx")
        .writeTo(child);
    engine.openForReading(child).close();
    TestImage parent = TestImage.withBlocks();
    for (int header : new int[] {TestImage.HEADER_1, TestImage.HEADER_2}) {
      parent.putGuid(header + 32, "00000000-0000-0000-0000-000000000000");
    }
    parent.seal().writeTo(base);
    TestImage.empty()
        .asChild("parent_linkage", zeros, "parent_linkage2", zeros, path, "base.vhdx")
        .writeTo(child);
    assertRefused(ErrorCode.VHDX_PARENT_MISMATCH, () -> engine.openForReading(child));
  }

  /** Each names a parent that is there and fits, outside of the child's folder. */
  @ParameterizedTest
  @ValueSource(strings = {"..\\base.vhdx", "../base.vhdx", "y\\..\\..\\base.vhdx", "link.vhdx"})
  void aParentElsewhereIsReadOnlyWhenThatIsAllowed(String path) throws Exception {
    byte[] model = makeBase(base, 16, 1, 512, new Random(4));
    Path inside = Files.createDirectory(folder.resolve("inside"));
    Files.createDirectory(inside.resolve("y"));
    Files.createSymbolicLink(inside.resolve("link.vhdx"), base);
    Path child = inside.resolve("child.vhdx");
    TestImage.empty().child(idOf(base), "relative_path", path).writeTo(child);
    assertRefused(ErrorCode.VHDX_PARENT_OUTSIDE, () -> engine.openForReading(child));
    assertFound(child, "PARENT_OUTSIDE", DiskCheck.Status.WARNINGS);
    assertThat(engine.check(child, ParentAccess.ANYWHERE).findings())
        .extracting(DiskCheck.Finding::code)
        .doesNotContain("PARENT_OUTSIDE");
    assertThat(Arrays.equals(readAll(child, ParentAccess.ANYWHERE), model)).isTrue();
  }

  /** What Windows takes for absolute leads nowhere here, allowed or not. */
  @ParameterizedTest
  @CsvSource({
    "relative_path, /etc/hostname",
    "relative_path, \\etc\\hostname",
    "absolute_win32_path, /etc/hostname",
    "volume_path, /etc/hostname",
    "absolute_win32_path, C:\\base.vhdx"
  })
  void anAbsolutePathIsNotFollowed(String key, String value) throws Exception {
    Path child = folder.resolve("child.vhdx");
    TestImage.empty().child(UUID.randomUUID(), key, value).writeTo(child);
    assertRefused(
        ErrorCode.VHDX_PARENT_NOT_FOUND, () -> engine.openForReading(child, ParentAccess.ANYWHERE));
  }

  @Test
  void theFolderOfALinkIsThatOfTheFileItNames() throws Exception {
    byte[] model = makeBase(base, 16, 1, 512, new Random(5));
    Path child = folder.resolve("child.vhdx");
    TestImage.empty().child(idOf(base), "relative_path", "base.vhdx").writeTo(child);
    Path link = Files.createDirectory(folder.resolve("other")).resolve("link.vhdx");
    Files.createSymbolicLink(link, child);
    assertThat(Arrays.equals(readAll(link, ParentAccess.CHILD_FOLDER), model)).isTrue();
  }

  @Test
  void aDiskAmongItsOwnParentsIsRefused() throws Exception {
    Path first = folder.resolve("first.vhdx");
    Path second = folder.resolve("second.vhdx");
    UUID id = UUID.randomUUID();
    UUID other = UUID.randomUUID();
    TestImage.empty().child(other, "relative_path", "second.vhdx").dataId(id).writeTo(first);
    TestImage.empty().child(id, "relative_path", "first.vhdx").dataId(other).writeTo(second);
    assertRefused(ErrorCode.VHDX_CORRUPT, () -> engine.openForReading(first));
    assertFound(first, "PARENT_UNUSABLE", DiskCheck.Status.ERRORS);
    TestImage.empty().child(id, "relative_path", "first.vhdx").dataId(id).writeTo(first);
    assertRefused(ErrorCode.VHDX_CORRUPT, () -> engine.openForReading(first));
    // Nothing stays open.
    Files.delete(second);
    TestImage.empty().writeTo(first);
    engine.openForWriting(first).close();
  }

  @Test
  void sixtyFourFilesAreReadAndOneMoreIsRefused() throws Exception {
    UUID id = UUID.randomUUID();
    TestImage.withBlocks().dataId(id).writeTo(base);
    String parent = "base.vhdx";
    for (int i = 1; i <= DiskChain.MOST_FILES; i++) {
      Path child = folder.resolve(i + ".vhdx");
      TestImage.empty().child(id, "relative_path", parent).dataId(id).writeTo(child);
      parent = i + ".vhdx";
    }
    assertThat(readAll(folder.resolve("63.vhdx"), ParentAccess.CHILD_FOLDER)[0])
        .isEqualTo((byte) 0xA0);
    assertRefused(
        ErrorCode.VHDX_UNSUPPORTED, () -> engine.openForReading(folder.resolve("64.vhdx")));
  }

  /** Each log is small enough by itself; 64 of them would take more than a gigabyte of memory. */
  @Test
  void manyFilesWithLargeLogsTogetherAreRefused() throws Exception {
    UUID id = UUID.randomUUID();
    withChangesInItsLog(TestImage.withBlocks().dataId(id)).writeTo(base);
    String parent = "base.vhdx";
    for (int i = 1; i <= 5; i++) {
      Path child = folder.resolve(i + ".vhdx");
      withChangesInItsLog(TestImage.empty().child(id, "relative_path", parent).dataId(id))
          .writeTo(child);
      parent = i + ".vhdx";
    }
    assertThat(readAll(folder.resolve("3.vhdx"), ParentAccess.CHILD_FOLDER)[0])
        .isEqualTo((byte) 0xA0);
    assertThatThrownBy(() -> engine.openForReading(folder.resolve("5.vhdx")))
        .isInstanceOf(DiskException.class)
        .hasMessageContaining("its log and those of its parents");
    assertRefused(
        ErrorCode.VHDX_UNSUPPORTED, () -> engine.openForReading(folder.resolve("5.vhdx")));
    assertFound(folder.resolve("5.vhdx"), "PARENT_UNUSABLE", DiskCheck.Status.ERRORS);
    // Nothing stays open.
    engine.repair(base);
  }

  /** 25,000 separate changes, past all that the image holds. */
  private static TestImage withChangesInItsLog(TestImage image) {
    LogBuilder.Entry entry = new LogBuilder(image).entry().last(400L * MIB);
    for (int i = 0; i < 25_000; i++) {
      entry.zero(100L * MIB + 8192L * i, 4096);
    }
    entry.write();
    return image;
  }

  @Test
  void allFilesOfAnOpenChainAreLockedAndThenFree() throws Exception {
    makeBase(base, 4, 1, 512, new Random(6));
    Path child = folder.resolve("child.vhdx");
    TestImage.empty().child(idOf(base), "relative_path", "base.vhdx").writeTo(child);
    try (SeekableByteChannel open = engine.openForReading(child)) {
      assertThat(open.size()).isEqualTo(16L * MIB);
      assertRefused(ErrorCode.VHDX_IN_USE, () -> engine.openForWriting(base));
      assertRefused(ErrorCode.VHDX_IN_USE, () -> engine.repair(child));
    }
    engine.openForWriting(base).close();
  }

  @Test
  void aDamagedParentIsRefusedByItsName() throws Exception {
    UUID id = UUID.randomUUID();
    TestImage.withBlocks().dataId(id).bat(5, 4, 0).writeTo(base);
    Path child = folder.resolve("child.vhdx");
    TestImage.empty().child(id, "relative_path", "base.vhdx").writeTo(child);
    assertThatThrownBy(() -> engine.openForReading(child))
        .isInstanceOf(DiskException.class)
        .hasMessageContaining("base.vhdx");
    assertFound(child, "PARENT_UNUSABLE", DiskCheck.Status.ERRORS);
    Files.writeString(base, "not a disk at all".repeat(100_000));
    assertRefused(ErrorCode.NOT_A_VHDX, () -> engine.openForReading(child));
  }

  private byte[] makeBase(Path file, int sizeMib, int blockMib, int sector, Random random)
      throws IOException {
    engine.create(
        file,
        DiskSpec.builder()
            .virtualSize(ByteSize.mebibytes(sizeMib))
            .blockSize(ByteSize.mebibytes(blockMib))
            .logicalSectorSize(sector)
            .build());
    byte[] model = new byte[sizeMib * MIB];
    try (DiskChannel disk = engine.openForWriting(file)) {
      for (int i = 0; i < 8; i++) {
        byte[] bytes = new byte[1 + random.nextInt(MIB)];
        random.nextBytes(bytes);
        int at = random.nextInt(model.length - bytes.length);
        disk.position(at).write(ByteBuffer.wrap(bytes));
        System.arraycopy(bytes, 0, model, at, bytes.length);
      }
    }
    return model;
  }

  private UUID idOf(Path file) {
    return engine.inspect(file).dataWriteGuid();
  }

  private void assertHolds(Path file, byte[] model, long seed) throws IOException {
    assertThat(Arrays.mismatch(readAll(file, ParentAccess.CHILD_FOLDER), model))
        .as("seed %d", seed)
        .isEqualTo(-1);
  }

  private byte[] readAll(Path file, ParentAccess parents) throws IOException {
    try (SeekableByteChannel disk = engine.openForReading(file, parents)) {
      byte[] all = new byte[Math.toIntExact(disk.size())];
      Arrays.fill(all, (byte) 0x77);
      assertThat(disk.read(ByteBuffer.wrap(all))).isEqualTo(all.length);
      return all;
    }
  }

  private void readsAnywhere(Path file, byte[] model, Random random) throws IOException {
    try (SeekableByteChannel disk = engine.openForReading(file)) {
      for (int i = 0; i < 200; i++) {
        int from = random.nextInt(model.length);
        byte[] bytes = new byte[Math.min(model.length - from, random.nextInt(100_000))];
        disk.position(from).read(ByteBuffer.wrap(bytes));
        assertThat(Arrays.equals(model, from, from + bytes.length, bytes, 0, bytes.length))
            .as("%d bytes at %d", bytes.length, from)
            .isTrue();
      }
    }
  }

  private void assertFound(Path file, String code, DiskCheck.Status status) {
    DiskCheck check = engine.check(file);
    assertThat(check.findings()).extracting(DiskCheck.Finding::code).contains(code);
    assertThat(check.status()).isEqualTo(status);
  }

  private static void assertRefused(ErrorCode code, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            DiskException.class, e -> assertThat(e.code()).as(e.getMessage()).isEqualTo(code));
  }

  /** A child with blocks in every state, some of them there in part, over known contents. */
  private static final class ChildImage {
    private final byte[] model;
    private final int block;
    private final int sector;
    private final Random random;
    private String[] locator = {};

    ChildImage(byte[] parent, int blockMib, int sector, Random random) {
      this.model = parent.clone();
      this.block = blockMib * MIB;
      this.sector = sector;
      this.random = random;
    }

    ChildImage parent(UUID id, String key, String value) {
      locator = new String[] {"parent_linkage", "{" + id + "}", key, value};
      return this;
    }

    /** Writes the file and gives what it has to hold. */
    byte[] writeTo(Path file) throws IOException {
      int blocks = (model.length + block - 1) / block;
      long chunkRatio = (1L << 23) * sector / block;
      TestImage image = TestImage.of(model.length, block, sector);
      int next = image.array().length / MIB;
      int bitmap = next++;
      image.resize(next * MIB);
      image.bat((int) chunkRatio, 6, bitmap);
      List<Integer> states = List.of(0, 0, 1, 2, 3, 6, 7, 7);
      for (int b = 0; b < blocks; b++) {
        int state = states.get(random.nextInt(states.size()));
        int from = b * block;
        int to = Math.min(model.length, from + block);
        image.bat(b, state, state >= 6 ? next : 0);
        if (state == 1 || state == 2 || state == 3) {
          Arrays.fill(model, from, to, (byte) 0);
        }
        if (state < 6) {
          continue;
        }
        int place = next * MIB;
        next += block / MIB;
        image.resize(next * MIB);
        byte[] bytes = new byte[block];
        random.nextBytes(bytes);
        image.bytes(place, bytes);
        // Runs of sectors of all lengths, also alternating ones.
        int longest = 1 << random.nextInt(12);
        boolean here = random.nextBoolean();
        for (int at = from; at < to; ) {
          int end = Math.min(to, at + sector * (1 + random.nextInt(longest)));
          if (state == 6 || here) {
            System.arraycopy(bytes, at - from, model, at, end - at);
          }
          for (int s = at / sector; s < end / sector && here; s++) {
            int in = bitmap * MIB + s / 8;
            image.put8(in, image.array()[in] | 1 << s % 8);
          }
          here = !here;
          at = end;
        }
      }
      image.asChild(locator).writeTo(file);
      return model;
    }
  }
}
