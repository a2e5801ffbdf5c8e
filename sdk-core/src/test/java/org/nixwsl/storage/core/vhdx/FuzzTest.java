package org.nixwsl.storage.core.vhdx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;
import static org.nixwsl.storage.core.vhdx.TestImage.MIB;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.vhdx.format.BlockState;
import org.nixwsl.storage.core.vhdx.format.DiskBytes;
import org.nixwsl.storage.disk.DiskCheck;
import org.nixwsl.storage.disk.DiskType;
import org.nixwsl.storage.error.StorageSdkException;

/**
 * Good images with some fields changed, checksums made right again in most: whatever they say, only
 * our own exception comes out, in bounded time, and a disk that checks clean can be read.
 */
class FuzzTest {
  private static final int CASES = 6000;
  private static final int CASES_PER_FILE = 60;
  private static final long SEED = 20261124;
  private static final Duration LIMIT_PER_CASE = Duration.ofSeconds(5);

  /** Where structures are; most changes go there. */
  private static final int[][] PLACES = {
    {0, 600},
    {64 << 10, 90},
    {128 << 10, 90},
    {192 << 10, 100},
    {256 << 10, 100},
    {MIB, 3 * 4096},
    {2 * MIB, 256},
    {TestImage.ITEMS, 64},
    {TestImage.ITEMS + 4096, 80},
    {TestImage.BAT, 160},
    {TestImage.BAT + 4096 * 8, 16}
  };

  private static final long[] VALUES = {
    0,
    1,
    2,
    4,
    7,
    511,
    512,
    4095,
    4096,
    65535,
    65536,
    MIB - 1,
    MIB,
    MIB + 1,
    3L * MIB,
    4L * MIB,
    1L << 31,
    (1L << 31) - 1,
    0xFFFF_FFFFL,
    1L << 32,
    1L << 40,
    1L << 46,
    1L << 47,
    1L << 62,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    -1,
    -4096,
    -MIB
  };

  @TempDir Path folder;

  @Test
  void onlyOurOwnExceptionComesOutOfHostileImages() throws IOException {
    TestImage dirty = TestImage.withBlocks();
    LogBuilder log = new LogBuilder(dirty);
    int first = log.entry().data(TestImage.BAT, new byte[4096]).write();
    log.entry().tail(first).zero(TestImage.PAYLOAD, 8192).data(5 * MIB, new byte[4096]).write();
    TestImage[] templates = {
      TestImage.empty(), TestImage.withBlocks(), TestImage.differencing(), dirty
    };
    TestImage[] scratch = Stream.of(templates).map(TestImage::copy).toArray(TestImage[]::new);
    int accepted = 0;
    for (int n = 0; n < CASES; n++) {
      Random random = new Random(SEED + n);
      int which = random.nextInt(templates.length);
      TestImage image = templates[which].copyInto(scratch[which]);
      mutate(image, random);
      if (n % CASES_PER_FILE == 0) {
        runOnFile(image, SEED + n);
      }
      accepted += run(image, SEED + n) ? 1 : 0;
    }
    // Were nothing accepted or nothing refused, the mutations would prove nothing.
    assertThat(accepted).isBetween(CASES / 50, CASES * 49 / 50);
  }

  private static void mutate(TestImage image, Random random) {
    int changes = 1 + random.nextInt(3);
    for (int i = 0; i < changes; i++) {
      int[] place = PLACES[random.nextInt(PLACES.length)];
      int at = place[0] + random.nextInt(place[1]) / 4 * 4;
      switch (random.nextInt(5)) {
        case 0 -> image.put8(at + random.nextInt(4), random.nextInt());
        case 1 -> image.put32(at, VALUES[random.nextInt(VALUES.length)]);
        case 2 -> image.put64(at, VALUES[random.nextInt(VALUES.length)]);
        case 3 -> image.put64(at, Long.reverseBytes(image.buffer().getLong(at)));
        default -> image.put8(at, image.array()[at] ^ 1 << random.nextInt(8));
      }
    }
    if (random.nextInt(8) != 0) {
      image.seal().seal(MIB, 8192).seal(MIB + 8192, 8192);
    }
    if (random.nextInt(12) == 0) {
      image.resize(512 * random.nextInt(image.array().length / 512));
    }
  }

  /** The same through the engine: whatever comes out, the file stays as it was. */
  private void runOnFile(TestImage image, long seed) throws IOException {
    Path file = image.writeTo(folder.resolve("fuzz.vhdx"));
    String before = Tools.sha256(file);
    VhdxEngine engine = new VhdxEngine();
    succeeds(() -> engine.inspect(file));
    succeeds(() -> engine.check(file));
    if (succeeds(() -> closeAgain(engine.openForReading(file)))) {
      assertThat(engine.inspect(file).fileSize().bytes()).isEqualTo(image.size());
    }
    assertThat(Tools.sha256(file)).as("seed %d", seed).isEqualTo(before);
  }

  private static void closeAgain(SeekableByteChannel channel) {
    try (channel) {
      assertThat(channel.read(ByteBuffer.allocate(1))).isEqualTo(1);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Whether the image was accepted. */
  private static boolean run(TestImage image, long seed) {
    long start = System.nanoTime();
    try {
      DiskCheck check = Operation.quiet("fuzz", op -> VhdxEngine.check(image, "f", op));
      boolean errors = check.status() == DiskCheck.Status.ERRORS;
      boolean informed =
          succeeds(() -> Operation.quiet("f", op -> VhdxEngine.info(image, "f", op)));
      boolean read = succeeds(() -> readAll(image));
      if (!errors && !informed) {
        fail("seed %d: no error found, and inspect refused it: %s", seed, check);
      }
      if (errors && read) {
        fail("seed %d: read in spite of %s", seed, check);
      }
      return !errors;
    } catch (StorageSdkException e) {
      return false;
    } catch (RuntimeException | Error e) {
      throw new AssertionError("seed " + seed, e);
    } finally {
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(LIMIT_PER_CASE);
    }
  }

  private static boolean succeeds(Runnable body) {
    try {
      body.run();
      return true;
    } catch (StorageSdkException e) {
      return false;
    }
  }

  /** Reads each block that is in the file; a disk with an error must not come so far. */
  private static void readAll(TestImage image) {
    Operation.<Boolean>quiet(
        "fuzz",
        op -> {
          DiskImage open = VhdxEngine.readable(image, "f", op);
          assertThat(open.geometry().type()).isNotEqualTo(DiskType.DIFFERENCING);
          DiskBytes bytes = open.bytes();
          BlockTable table = open.blockTable();
          ByteBuffer buffer = ByteBuffer.allocate(MIB);
          for (long block = 0; block < open.geometry().payloadBlocks(); block++) {
            long entry = table.entry(open.geometry().indexOfPayload(block));
            if (BlockState.of(entry) == BlockState.FULLY_PRESENT) {
              bytes.read(BlockState.offset(entry), buffer.clear());
            }
          }
          return true;
        });
  }
}
