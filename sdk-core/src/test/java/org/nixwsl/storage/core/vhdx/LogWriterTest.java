package org.nixwsl.storage.core.vhdx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.vhdx.format.DiskBytes;
import org.nixwsl.storage.core.vhdx.log.HeaderWriter;
import org.nixwsl.storage.core.vhdx.log.LogWriter;
import org.nixwsl.storage.disk.LogState;

/** Many changes through one log, which is retired and begun anew where it is full. */
class LogWriterTest {
  private static final int SECTORS = 512;

  @TempDir Path folder;

  private final RecordedFile file;

  /** The sectors of both blocks after each change, and how many acts that took. */
  private final List<byte[]> models = new ArrayList<>();

  private final List<Integer> ends = new ArrayList<>();

  LogWriterTest() throws IOException {
    file = new RecordedFile(TestImage.withBlocks().array());
  }

  private static DiskImage read(DiskBytes bytes) {
    return Operation.quiet("t", op -> VhdxEngine.readable(bytes, "t", op));
  }

  private static byte[] contents(DiskBytes bytes) throws IOException {
    return bytes.read(TestImage.PAYLOAD, SECTORS * 4096).array();
  }

  private static SortedMap<Long, ByteBuffer> sectors(int count, Random random) {
    SortedMap<Long, ByteBuffer> sectors = new TreeMap<>();
    while (sectors.size() < count) {
      byte[] bytes = new byte[4096];
      random.nextBytes(bytes);
      sectors.put(
          TestImage.PAYLOAD + 4096L * random.nextInt(SECTORS),
          ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN));
    }
    return sectors;
  }

  private LogWriter change(int changes, int most, Random random) throws IOException {
    HeaderWriter headers = new HeaderWriter(file, read(file).header());
    headers.beforeWriting();
    LogWriter log = new LogWriter(file, headers);
    models.add(contents(file));
    ends.add(file.acts());
    for (int i = 0; i < changes; i++) {
      SortedMap<Long, ByteBuffer> sectors =
          sectors(random.nextInt(8) == 0 ? most : 1 + random.nextInt(most), random);
      log.commit(sectors);
      byte[] model = models.get(i).clone();
      sectors.forEach((at, sector) -> sector.get(0, model, (int) (at - TestImage.PAYLOAD), 4096));
      models.add(model);
      ends.add(file.acts());
    }
    return log;
  }

  @ParameterizedTest
  @CsvSource({"1, 200, 41", "5, 120, 42", "60, 20, 43", "126, 20, 44"})
  void everyCrashLeavesEachChangeWholeOrUndone(int most, int changes, long seed)
      throws IOException {
    Random random = new Random(seed);
    change(changes, most, random).retire();
    for (int i = 0; i < 60; i++) {
      int acts = random.nextInt(file.acts() + 1);
      int done = 0;
      while (done < changes && ends.get(done + 1) <= acts) {
        done++;
      }
      byte[] image = i % 2 == 0 ? file.after(acts) : file.afterLosing(acts, random);
      byte[] found = contents(read(new RecordedFile(image)).bytes());
      boolean before = Arrays.equals(found, models.get(done));
      assertThat(before || Arrays.equals(found, models.get(Math.min(done + 1, changes))))
          .as("seed %d, act %d, after change %d", seed, acts, done)
          .isTrue();
    }
    assertThat(contents(file)).isEqualTo(models.get(changes));
    assertThat(read(file).log().state()).isEqualTo(LogState.CLEAN);
  }

  /** QEMU replays all entries that follow each other, also those that are done with. */
  @ParameterizedTest
  @CsvSource({"1, 150, 46", "60, 9, 47", "126, 2, 48"})
  void qemuComesToTheSame(int most, int changes, long seed) throws Exception {
    Tools.require("qemu-img");
    change(changes, most, new Random(seed));
    assertThat(read(file).log().state()).isEqualTo(LogState.DIRTY);
    Path left = Files.write(folder.resolve("left.vhdx"), file.array());
    Tools.run("qemu-img", "check", "-q", "-f", "vhdx", "-r", "all", left.toString());
    RecordedFile replayed = new RecordedFile(Files.readAllBytes(left));
    assertThat(read(replayed).log().state()).isEqualTo(LogState.CLEAN);
    assertThat(Arrays.equals(contents(replayed), models.get(changes))).isTrue();
  }

  @Test
  void tooManySectorsForOneEntryAreRefused() throws IOException {
    LogWriter log = change(0, 1, new Random(1));
    assertThatThrownBy(() -> log.commit(sectors(127, new Random(2))))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
