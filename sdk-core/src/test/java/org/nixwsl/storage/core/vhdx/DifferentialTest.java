package org.nixwsl.storage.core.vhdx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.nixwsl.storage.core.vhdx.TestImage.MIB;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.disk.DiskCheck;

/**
 * Made images, 80 in the normal run, each given to QEMU, 7-Zip and libvhdi as well: what we accept
 * they read, and as we do. What 7-Zip refuses beyond that carries a warning of ours.
 */
@Tag("once")
class DifferentialTest {
  private static final int IMAGES = "all".equals(System.getProperty("nixwsl.tests")) ? 200 : 80;
  private static final long SEED = 41_000;

  /** What we refuse and 7-Zip does not look at (7-Zip 22.01 of Debian 12). */
  private static final Set<String> ONLY_OURS =
      Set.of(
          "METADATA_ITEM_OVERLAP",
          "METADATA_ITEM_MISSING",
          "METADATA_ITEM_LENGTH",
          "METADATA_ITEM_EXTENT",
          "METADATA_ITEM_DUPLICATE",
          "METADATA_COUNT",
          "VIRTUAL_SIZE",
          "BAT_OVERLAP",
          "BAT_STATE",
          "REGION_EXTENT",
          "REGION_TABLES_DIFFER",
          "SECTOR_SIZE");

  /** What we warn of and 7-Zip refuses: damaged copies, and reserved fields that are set. */
  private static final Set<String> ONLY_7ZIP =
      Set.of("HEADER_INVALID", "REGION_TABLE_INVALID", "METADATA_RESERVED");

  private final VhdxEngine engine = new VhdxEngine();

  /** What the others refuse, and we do not. */
  private final List<String> odd = new ArrayList<>();

  @TempDir Path folder;

  @Test
  void otherProgramsJudgeGeneratedImagesAsWeDo() throws Exception {
    Tools.require("qemu-img", "7zz", "vhdiinfo");
    int accepted = 0;
    Set<String> refusedByUsAlone = new TreeSet<>();
    for (long seed = SEED; seed < SEED + IMAGES; seed++) {
      Random random = new Random(seed);
      Path file = folder.resolve("disk.vhdx");
      boolean dirty = random.nextInt(6) == 0;
      TestImage image = generate(random, dirty);
      boolean changed = !dirty && random.nextInt(3) == 0;
      if (changed) {
        change(image, random);
      }
      image.writeTo(file);
      String before = Tools.sha256(file);
      DiskCheck check = engine.check(file);
      if (check.status() == DiskCheck.Status.ERRORS) {
        assertThat(changed).as("seed %d: %s", seed, check).isTrue();
        if (Tools.run("7zz", "t", "-tvhdx", file.toString()).exitCode() != 2) {
          refusedByUsAlone.addAll(
              check.findings().stream()
                  .filter(f -> f.severity() == DiskCheck.Severity.ERROR)
                  .map(DiskCheck.Finding::code)
                  .collect(Collectors.toSet()));
        }
      } else {
        accepted++;
        Set<String> warnings =
            check.findings().stream()
                .map(DiskCheck.Finding::code)
                .collect(Collectors.toCollection(TreeSet::new));
        assertAllReadTheSame(file, dirty, warnings, seed);
      }
      assertThat(Tools.sha256(file)).as("seed %d", seed).isEqualTo(before);
    }
    System.out.printf(
        "%d images, %d read alike, refused by us alone: %s%n", IMAGES, accepted, refusedByUsAlone);
    assertThat(odd).isEmpty();
    assertThat(ONLY_OURS).containsAll(refusedByUsAlone);
    assertThat(accepted).isBetween(IMAGES / 2, IMAGES - 10);
  }

  private void assertAllReadTheSame(Path file, boolean dirty, Set<String> warnings, long seed)
      throws Exception {
    Path ours = folder.resolve("ours");
    try (SeekableByteChannel disk = engine.openForReading(file)) {
      ByteBuffer all = ByteBuffer.allocate(Math.toIntExact(disk.size()));
      disk.read(all);
      Files.write(ours, all.array());
    }
    Path given = file;
    if (dirty) {
      // The others do not replay a log when they read; QEMU does when it repairs.
      given = folder.resolve("replayed.vhdx");
      Files.write(given, Files.readAllBytes(file));
      Tools.succeed("qemu-img", "check", "-q", "-r", "all", "-f", "vhdx", given.toString());
    }
    Path raw = folder.resolve("raw");
    Tools.Result converted =
        Tools.run(
            "qemu-img", "convert", "-f", "vhdx", "-O", "raw", given.toString(), raw.toString());
    if (converted.exitCode() != 0) {
      odd.add(seed + ": QEMU refuses: " + warnings + " " + converted.output());
    } else {
      assertThat(Files.mismatch(ours, raw)).as("QEMU, seed %d", seed).isEqualTo(-1);
    }
    Tools.Result extracted =
        Tools.run("sh", "-c", "7zz x -so -tvhdx \"$0\" > \"$1\"", given.toString(), raw.toString());
    if (extracted.exitCode() != 0) {
      if (Collections.disjoint(ONLY_7ZIP, warnings)) {
        odd.add(seed + ": 7-Zip refuses: " + warnings + " " + extracted.output());
      }
    } else {
      assertThat(Files.mismatch(ours, raw)).as("7-Zip, seed %d", seed).isEqualTo(-1);
    }
    assertThat(Tools.succeed("vhdiinfo", given.toString())).contains("Media size");
  }

  /** A disk with blocks in all states and in any order in the file. */
  private static TestImage generate(Random random, boolean dirty) throws IOException {
    int block = MIB << random.nextInt(4);
    long size = MIB * (3L + random.nextInt(14)) - (random.nextInt(4) == 0 ? 4096 : 0);
    TestImage image = TestImage.of(size, block, 512);
    int blocks = (int) ((size + block - 1) / block);
    List<Integer> places = new ArrayList<>();
    for (int i = 0; i < blocks; i++) {
      places.add(TestImage.PAYLOAD / MIB + i * (block / MIB));
    }
    Collections.shuffle(places, random);
    int[] states = {0, 0, 1, 2, 3, 6, 6, 6};
    int length = image.array().length;
    for (int i = 0; i < blocks; i++) {
      int state = states[random.nextInt(states.length)];
      image.bat(i, state, state == 6 ? places.get(i) : 0);
      if (state == 6) {
        length = Math.max(length, places.get(i) * MIB + block);
      }
    }
    image.resize(length);
    byte[] bytes = new byte[length - TestImage.PAYLOAD];
    for (int at = 0; at < bytes.length; at += 4096) {
      bytes[at + random.nextInt(4096)] = (byte) (1 + random.nextInt(255));
    }
    image.bytes(TestImage.PAYLOAD, bytes);
    if (dirty) {
      byte[] table = Arrays.copyOfRange(image.array(), TestImage.BAT, TestImage.BAT + 4096);
      ByteBuffer entries = ByteBuffer.wrap(table).order(ByteOrder.LITTLE_ENDIAN);
      int one = random.nextInt(blocks) * 8;
      int other = random.nextInt(blocks) * 8;
      long kept = entries.getLong(one);
      entries.putLong(one, entries.getLong(other)).putLong(other, kept);
      new LogBuilder(image).entry().data(TestImage.BAT, table).write();
    }
    return image;
  }

  /** Changes a field of what no log has to be replayed for. */
  private static void change(TestImage image, Random random) {
    long[] values = {0, 1, 4, 7, 513, MIB, 3L * MIB | 6, 900L * MIB | 6, 1L << 31, 1L << 46, -1};
    long value = values[random.nextInt(values.length)];
    switch (random.nextInt(5)) {
      case 0 -> image.put64(TestImage.BAT + 8 * random.nextInt(3), value);
      case 1 ->
          image.put32(
              TestImage.METADATA + 32 + 32 * random.nextInt(5) + 4 * random.nextInt(7), value);
      case 2 -> image.put32(TestImage.ITEMS + 4 * random.nextInt(7), value);
      case 3 -> {
        int at = 16 + 4 * random.nextInt(16);
        image.put32(TestImage.REGIONS_1 + at, value).put32(TestImage.REGIONS_2 + at, value);
      }
      default -> image.put8(TestImage.HEADER_1 + random.nextInt(80), random.nextInt());
    }
    image.seal();
  }
}
