package org.nixwsl.storage.core.vhdx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;
import static org.nixwsl.storage.core.vhdx.TestImage.MIB;

import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.vhdx.format.BlockState;
import org.nixwsl.storage.core.vhdx.format.DiskBytes;
import org.nixwsl.storage.disk.DiskCheck;
import org.nixwsl.storage.error.StorageSdkException;

/**
 * Good images with some fields changed, checksums made right again in most: whatever they say, only
 * our own exception comes out, in bounded time, and a disk that checks clean can be read.
 */
@Tag("once")
class FuzzTest {
  /** All of them take a fifth of the time that the whole normal run may. */
  private static final int CASES =
      "all".equals(System.getProperty("nixwsl.tests")) ? 200_000 : 40_000;

  private static final int CASES_PER_FILE = 5000;
  private static final int WORKERS = 2;
  private static final long SEED = 20261124;
  private static final Duration LIMIT_PER_CASE = Duration.ofSeconds(5);

  /** The images take 70 MiB of it. */
  private static final String MEMORY = "-Xmx128m";

  /** 200,000 take about 80 s on two idle cores. */
  private static final Duration LIMIT = Duration.ofMinutes(15);

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
  void onlyOurOwnExceptionComesOutOfHostileImages() throws Exception {
    Tools.Result result =
        Tools.run(
            List.of(
                ChildJvm.java(),
                "-XX:+UseSerialGC",
                MEMORY,
                "-Dnixwsl.tests=" + System.getProperty("nixwsl.tests", ""),
                "-cp",
                System.getProperty("java.class.path"),
                FuzzTest.class.getName(),
                folder.toString()),
            LIMIT);
    assertThat(result.exitCode()).as(result.output()).isZero();
    // Were nothing accepted or nothing refused, the mutations would prove nothing.
    int accepted = Integer.parseInt(result.output().lines().reduce((a, b) -> b).orElse(""));
    assertThat(accepted).isBetween(CASES / 50, CASES * 49 / 50);
  }

  /** Runs all cases in this JVM, and prints how many images were accepted. */
  public static void main(String[] args) {
    Path folder = Path.of(args[0]);
    int accepted =
        IntStream.range(0, WORKERS).parallel().map(worker -> new Worker(folder).run(worker)).sum();
    System.out.println(accepted);
  }

  /** A thread with images of its own. */
  private static final class Worker {
    private final Path folder;
    private final TestImage[] templates = templates();
    private final TestImage[] scratch =
        Stream.of(templates).map(TestImage::copy).toArray(TestImage[]::new);

    Worker(Path folder) {
      this.folder = folder;
    }

    /** Runs every so many cases, and tells how many were accepted. */
    int run(int first) {
      int accepted = 0;
      for (int n = first; n < CASES; n += WORKERS) {
        long seed = SEED + n;
        Random random = new Random(seed);
        int which = random.nextInt(templates.length);
        TestImage image = scratch[which];
        Set<Integer> flipped = new HashSet<>();
        mutate(image, random, flipped);
        int size = image.array().length;
        DiskBytes bytes =
            new Image(image, random.nextInt(12) == 0 ? 512 * random.nextInt(size / 512) : size);
        if (n % CASES_PER_FILE == 0) {
          runOnFile(image, (int) bytes.size(), folder, seed);
        }
        accepted += accepted(bytes, seed) ? 1 : 0;
        restore(image, templates[which], flipped);
      }
      return accepted;
    }
  }

  /** An image that ends early. It offers no way to write. */
  private record Image(TestImage image, long size) implements DiskBytes {
    @Override
    public void read(long offset, ByteBuffer target) throws IOException {
      if (!contains(offset, target.remaining())) {
        throw new EOFException("Offset " + offset);
      }
      image.read(offset, target);
    }
  }

  private static TestImage[] templates() {
    try {
      TestImage dirty = TestImage.withBlocks();
      LogBuilder log = new LogBuilder(dirty);
      int first = log.entry().data(TestImage.BAT, new byte[4096]).write();
      log.entry().tail(first).zero(TestImage.PAYLOAD, 8192).data(5 * MIB, new byte[4096]).write();
      return new TestImage[] {
        TestImage.empty(), TestImage.withBlocks(), TestImage.differencing(), dirty
      };
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void mutate(TestImage image, Random random, Set<Integer> flipped) {
    int changes = 1 + random.nextInt(3);
    for (int i = 0; i < changes; i++) {
      int[] place = PLACES[random.nextInt(PLACES.length)];
      int at = place[0] + random.nextInt(place[1]) / 4 * 4;
      switch (random.nextInt(6)) {
        case 0 -> image.put8(at + random.nextInt(4), random.nextInt());
        case 1 -> image.put32(at, VALUES[random.nextInt(VALUES.length)]);
        case 2 -> image.put64(at, VALUES[random.nextInt(VALUES.length)]);
        case 3 -> image.put64(at, Long.reverseBytes(image.buffer().getLong(at)));
        case 4 -> {
          int anywhere = random.nextInt(4 * MIB);
          flipped.add(anywhere);
          image.put8(anywhere, image.array()[anywhere] ^ 1 << random.nextInt(8));
        }
        default -> image.put8(at, image.array()[at] ^ 1 << random.nextInt(8));
      }
    }
    if (random.nextInt(8) != 0) {
      image.seal().seal(MIB, 8192).seal(MIB + 8192, 8192);
    }
  }

  /** Takes back what {@link #mutate} may have changed; checksums are in those places too. */
  private static void restore(TestImage image, TestImage template, Set<Integer> flipped) {
    for (int[] place : PLACES) {
      System.arraycopy(template.array(), place[0], image.array(), place[0], place[1] + 8);
    }
    flipped.forEach(at -> image.put8(at, template.array()[at]));
  }

  /** The same through the engine: whatever comes out, the file stays as it was. */
  private static void runOnFile(TestImage image, int size, Path folder, long seed) {
    try {
      Path file = Files.write(folder.resolve(seed + ".vhdx"), Arrays.copyOf(image.array(), size));
      String before = Tools.sha256(file);
      VhdxEngine engine = new VhdxEngine();
      succeeds(() -> engine.inspect(file));
      succeeds(() -> engine.check(file));
      if (succeeds(() -> closeAgain(engine.openForReading(file)))) {
        assertThat(engine.inspect(file).fileSize().bytes()).isEqualTo(size);
      }
      assertThat(Tools.sha256(file)).as("seed %d", seed).isEqualTo(before);
      Files.delete(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void closeAgain(SeekableByteChannel channel) {
    try (channel) {
      assertThat(channel.read(ByteBuffer.allocate(1))).isEqualTo(1);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Whether the image was accepted. */
  private static boolean accepted(DiskBytes image, long seed) {
    long start = System.nanoTime();
    try {
      DiskCheck check = Operation.quiet("fuzz", op -> VhdxEngine.check(image, "f", op));
      boolean errors = check.status() == DiskCheck.Status.ERRORS;
      boolean informed =
          seed % 4 != 0
              || succeeds(() -> Operation.quiet("f", op -> VhdxEngine.info(image, "f", op)));
      boolean read = succeeds(() -> readAll(image));
      if (!errors && !informed) {
        fail("seed %d: no error found, and inspect refused it: %s", seed, check);
      }
      if (errors == read) {
        fail("seed %d: %s in spite of %s", seed, read ? "read" : "not read", check);
      }
      return !errors;
    } catch (StorageSdkException e) {
      return false;
    } catch (RuntimeException | Error e) {
      throw new AssertionError("seed " + seed, e);
    } finally {
      assertThat(Duration.ofNanos(System.nanoTime() - start))
          .as("seed %d", seed)
          .isLessThan(LIMIT_PER_CASE);
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

  /** Reads from each block that is in the file; a disk with an error must not come so far. */
  private static void readAll(DiskBytes image) {
    Operation.<Boolean>quiet(
        "fuzz",
        op -> {
          DiskImage open = VhdxEngine.sound(image, "f", op);
          BlockTable table = open.blockTable();
          DiskContents contents =
              new DiskContents(List.of(new DiskContents.Layer(open, table, "f")));
          ByteBuffer buffer = ByteBuffer.allocate(16 << 10);
          long block = open.geometry().blockSize();
          for (long i = 0; i < open.geometry().payloadBlocks(); i++) {
            if (BlockState.of(table.entry(open.geometry().indexOfPayload(i))).inFile()) {
              long left = open.geometry().virtualSize() - i * block;
              int count = (int) Math.min(left, buffer.capacity());
              contents.read(i * block, buffer.clear().limit(count));
              long end = i * block + Math.min(left, block);
              contents.read(end - count, buffer.clear().limit(count));
            }
          }
          return true;
        });
  }
}
