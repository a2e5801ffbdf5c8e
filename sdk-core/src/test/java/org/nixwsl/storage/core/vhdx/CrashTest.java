package org.nixwsl.storage.core.vhdx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.nixwsl.storage.core.vhdx.TestImage.MIB;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.vhdx.format.Geometry;
import org.nixwsl.storage.disk.DiskChannel;
import org.nixwsl.storage.disk.DiskCheck;
import org.nixwsl.storage.disk.DiskType;
import org.nixwsl.storage.disk.LogState;

/**
 * What every crash leaves. The acts of a run of steps, each ended by a force, are recorded; then
 * the file is opened as it is after each of them, with all unforced ones there, and with them lost,
 * torn and out of order.
 */
@Tag("once")
@Execution(ExecutionMode.CONCURRENT)
class CrashTest {
  private static final int UNIT = 512;
  private static final int PAGE = 4096;

  @TempDir Path folder;

  /**
   * One step.
   *
   * @param writes the value that all bytes of a page get, by the page's offset
   * @param acts how many acts there were when its force had returned
   * @param fresh whether it only wrote to blocks that were not in the file: such a step is there as
   *     a whole or not at all
   */
  private record Step(Map<Long, Byte> writes, int acts, boolean fresh) {}

  /** A recorded run. */
  private static final class Run {
    final RecordedFile file;
    final List<Step> steps = new ArrayList<>();
    private final DiskChannel channel;

    Run(byte[] image) throws IOException {
      file = new RecordedFile(image);
      channel = writing(file);
    }

    void step(boolean fresh, Map<Long, Byte> writes) throws IOException {
      for (Map.Entry<Long, Byte> write : writes.entrySet()) {
        channel.position(write.getKey()).write(ByteBuffer.wrap(page(write.getValue())));
      }
      channel.force();
      steps.add(new Step(writes, file.acts(), fresh));
    }

    void close() throws IOException {
      channel.close();
    }

    /** Looks at an image that a crash after so many acts could leave. */
    void check(byte[] image, int acts, String what) throws IOException {
      DiskCheck check =
          Operation.quiet("t", op -> VhdxEngine.check(new RecordedFile(image), "t", op));
      assertThat(check.status())
          .as("%s: %s", what, check.findings())
          .isNotEqualTo(DiskCheck.Status.ERRORS);
      RecordedFile left = new RecordedFile(image);
      try (SeekableByteChannel read = reading(left)) {
        check(read, acts, what + ", read");
      }
      assertThat(left.acts()).isZero();
      try (SeekableByteChannel replayed = writing(left)) {
        check(replayed, acts, what + ", replayed");
      }
      assertThat(info(left)).isEqualTo(LogState.CLEAN);
    }

    private void check(SeekableByteChannel disk, int acts, String what) throws IOException {
      Map<Long, Byte> before = new HashMap<>();
      int done = 0;
      while (done < steps.size() && steps.get(done).acts <= acts) {
        before.putAll(steps.get(done).writes);
        done++;
      }
      Map<Long, Byte> after = done < steps.size() ? steps.get(done).writes : Map.of();
      Set<Long> pages = new HashSet<>();
      steps.forEach(step -> pages.addAll(step.writes.keySet()));
      Set<Boolean> isNew = new HashSet<>();
      for (long at : pages) {
        byte old = before.getOrDefault(at, (byte) 0);
        ByteBuffer found = ByteBuffer.allocate(PAGE);
        disk.position(at).read(found);
        for (int unit = 0; unit < PAGE; unit += UNIT) {
          byte[] bytes = Arrays.copyOfRange(found.array(), unit, unit + UNIT);
          byte value = bytes[0];
          assertThat(bytes).as("%s, page %d", what, at).containsOnly(value);
          assertThat(value).as("%s, page %d", what, at).isIn(old, after.getOrDefault(at, old));
          if (after.containsKey(at)) {
            isNew.add(value != old);
          }
        }
      }
      if (done < steps.size() && steps.get(done).fresh) {
        assertThat(isNew).as("%s: the step is there in part", what).hasSize(1);
      }
    }
  }

  private static byte[] page(byte value) {
    byte[] page = new byte[PAGE];
    Arrays.fill(page, value);
    return page;
  }

  private static DiskChannel writing(RecordedFile file) {
    return Operation.quiet("t", op -> VhdxEngine.writing(() -> {}, file, "t", op));
  }

  private static SeekableByteChannel reading(RecordedFile file) {
    return Operation.quiet(
        "t",
        op -> VirtualDiskChannel.forReading(() -> {}, VhdxEngine.readable(file, "t", op), "t"));
  }

  private static LogState info(RecordedFile file) {
    return Operation.quiet("t", op -> VhdxEngine.info(file, "t", op).log());
  }

  /** A disk of 4 GiB, so that a step can change several sectors of the block table. */
  private byte[] emptyDisk() throws IOException {
    Path file = folder.resolve("empty.vhdx");
    try (var channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      DiskCreation.write(channel, new Geometry(DiskType.DYNAMIC, 4096L * MIB, MIB, 512, 4096));
    }
    return Files.readAllBytes(file);
  }

  /** Steps that only allocate, one that only overwrites, and mixed ones. */
  private Run aRun(long seed) throws IOException {
    Random random = new Random(seed);
    Run run = new Run(emptyDisk());
    Set<Long> blocks = new HashSet<>();
    for (int n = 1; n <= 5; n++) {
      Map<Long, Byte> writes = new TreeMap<>();
      boolean fresh = n != 3 && n != 5;
      int count = 1 + random.nextInt(3);
      for (int i = 0; i < count || writes.isEmpty(); i++) {
        boolean old = !fresh && random.nextBoolean();
        long block =
            old ? List.copyOf(blocks).get(random.nextInt(blocks.size())) : random.nextInt(4096);
        if (!fresh || blocks.add(block)) {
          blocks.add(block);
          writes.put(block * MIB + PAGE * (long) random.nextInt(3), (byte) (n * 16 + i));
        }
      }
      run.step(fresh, writes);
    }
    run.close();
    return run;
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2})
  void everyCrashLeavesTheDiskAsBeforeOrAfterAStep(long seed) throws IOException {
    Run run = aRun(seed);
    Random random = new Random(-seed);
    for (int acts = 0; acts <= run.file.acts(); acts++) {
      run.check(run.file.after(acts), acts, "seed " + seed + ", act " + acts);
      for (int i = 0; i < 2; i++) {
        byte[] image = run.file.afterLosing(acts, random);
        run.check(image, acts, "seed " + seed + ", act " + acts + " with losses");
      }
    }
  }

  /**
   * What an earlier crash leaked holds anything. A block that gets such a place must not show it.
   */
  @Test
  void noCrashShowsWhatWasInSpaceThatIsUsedAgain() throws IOException {
    TestImage image = TestImage.withBlocks();
    image.resize(9 * MIB);
    Arrays.fill(image.array(), 6 * MIB, 9 * MIB, (byte) 0xEE);
    Run run = new Run(image.array());
    run.step(true, Map.of(10L * MIB + PAGE, (byte) 1, 12L * MIB, (byte) 2));
    run.step(true, Map.of(15L * MIB - PAGE, (byte) 3));
    run.step(false, Map.of(10L * MIB + PAGE, (byte) 4, 12L * MIB, (byte) 5));
    run.close();
    // All three places were used, and no further one.
    assertThat(run.file.size()).isEqualTo(9L * MIB);
    Random random = new Random(12);
    for (int acts = 0; acts <= run.file.acts(); acts++) {
      assertNoneShown(run, run.file.after(acts), acts, "act " + acts);
      for (int i = 0; i < 3; i++) {
        byte[] left = run.file.afterLosing(acts, random);
        assertNoneShown(run, left, acts, "act " + acts + " with losses");
      }
    }
  }

  private static void assertNoneShown(Run run, byte[] image, int acts, String what)
      throws IOException {
    run.check(image, acts, what);
    try (SeekableByteChannel disk = reading(new RecordedFile(image))) {
      byte[] all = new byte[16 * MIB];
      disk.read(ByteBuffer.wrap(all));
      int garbage = 0;
      for (byte one : all) {
        garbage += one == (byte) 0xEE ? 1 : 0;
      }
      assertThat(garbage).as(what).isZero();
      byte[] kept = new byte[MIB];
      Arrays.fill(kept, (byte) 0xA0);
      assertThat(Arrays.equals(all, 0, MIB, kept, 0, MIB)).as(what).isTrue();
      Arrays.fill(kept, (byte) 0xA3);
      assertThat(Arrays.equals(all, 3 * MIB, 4 * MIB, kept, 0, MIB)).as(what).isTrue();
    }
  }

  /** A second crash, while the log that the first left is replayed. */
  @Test
  void aCrashDuringTheReplayIsReplayedAgain() throws IOException {
    Run run = aRun(5);
    Random random = new Random(55);
    int dirty = 0;
    for (int acts = 0; acts <= run.file.acts(); acts++) {
      RecordedFile left = new RecordedFile(run.file.after(acts));
      if (info(left) != LogState.DIRTY) {
        continue;
      }
      dirty++;
      writing(left).close();
      for (int again = 0; again <= left.acts(); again++) {
        String what = "act " + acts + ", then " + again;
        run.check(left.after(again), acts, what);
        run.check(left.afterLosing(again, random), acts, what + " with losses");
      }
    }
    assertThat(dirty).isPositive();
  }

  @Test
  void replayingALogChangesNothingThatAGuestSees() throws IOException {
    Run run = aRun(6);
    for (int acts = 0; acts <= run.file.acts(); acts++) {
      RecordedFile left = new RecordedFile(run.file.after(acts));
      if (info(left) == LogState.DIRTY) {
        var before = Operation.quiet("t", op -> VhdxEngine.info(left, "t", op));
        byte[] headers = Arrays.copyOfRange(left.array(), 64 << 10, 192 << 10);
        writing(left).close();
        var after = Operation.quiet("t", op -> VhdxEngine.info(left, "t", op));
        assertThat(after.dataWriteGuid()).isEqualTo(before.dataWriteGuid());
        assertThat(after.blocks()).isEqualTo(before.blocks());
        assertThat(Arrays.copyOfRange(left.array(), 64 << 10, 192 << 10)).isNotEqualTo(headers);
      }
    }
  }

  @Test
  void qemuReplaysOurLogAsWeDo() throws Exception {
    Tools.require("qemu-img");
    Run run = aRun(7);
    Path file = folder.resolve("left.vhdx");
    int dirty = 0;
    for (int acts = 0; acts <= run.file.acts(); acts++) {
      byte[] image = run.file.after(acts);
      boolean logLives = info(new RecordedFile(image)) == LogState.DIRTY;
      // One of each kind of act with a live log is enough, and the act after it.
      if (!logLives || acts % 3 != 0) {
        continue;
      }
      dirty++;
      Files.write(file, image);
      Tools.run("qemu-img", "check", "-q", "-f", "vhdx", "-r", "all", file.toString());
      Tools.succeed("qemu-img", "check", "-q", "-f", "vhdx", file.toString());
      byte[] replayed = Files.readAllBytes(file);
      assertThat(info(new RecordedFile(replayed))).isEqualTo(LogState.CLEAN);
      run.check(replayed, acts, "act " + acts + ", replayed by QEMU");
    }
    assertThat(dirty).isGreaterThan(5);
  }

  /** Acts 4 and 5 are the new block; all others are what the file depends on as a whole. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14})
  void nothingIsWrittenAfterTheDeviceFailedOnce(int failing) throws IOException {
    RecordedFile file = new RecordedFile(emptyDisk());
    file.failFrom(failing);
    DiskChannel channel = writing(file);
    assertThatThrownBy(
            () -> {
              channel.write(ByteBuffer.wrap(page((byte) 7)));
              channel.force();
            })
        .hasMessage("the device is gone");
    file.failFrom(Integer.MAX_VALUE);
    assertThatThrownBy(() -> channel.write(ByteBuffer.wrap(page((byte) 8))))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("open the disk again");
    assertThatThrownBy(channel::force).isInstanceOf(IOException.class);
    channel.close();
    assertThat(file.acts()).isEqualTo(failing);
    try (SeekableByteChannel again = writing(file)) {
      ByteBuffer found = ByteBuffer.allocate(1);
      again.read(found);
      assertThat(found.get(0)).isEqualTo((byte) (failing > 9 ? 7 : 0));
    }
  }

  /** The space of a block whose write failed half-way holds bytes that are not zeros. */
  @Test
  void aBlockThatCouldNotBeWrittenIsNotGivenToAnother() throws IOException {
    RecordedFile file = new RecordedFile(emptyDisk());
    try (DiskChannel channel = writing(file)) {
      file.failFrom(5);
      assertThatThrownBy(() -> channel.write(ByteBuffer.wrap(page((byte) 7))))
          .isInstanceOf(IOException.class);
      file.failFrom(Integer.MAX_VALUE);
      channel.position(3L * MIB + PAGE).write(ByteBuffer.wrap(page((byte) 9)));
      ByteBuffer found = ByteBuffer.allocate(MIB);
      channel.position(3L * MIB).read(found);
      assertThat(Arrays.copyOf(found.array(), PAGE)).containsOnly(0);
    }
    assertThat(info(file)).isEqualTo(LogState.CLEAN);
  }
}
