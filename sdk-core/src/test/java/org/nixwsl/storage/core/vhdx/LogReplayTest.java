package org.nixwsl.storage.core.vhdx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.nixwsl.storage.core.vhdx.TestImage.BAT;
import static org.nixwsl.storage.core.vhdx.TestImage.LOG;
import static org.nixwsl.storage.core.vhdx.TestImage.MIB;
import static org.nixwsl.storage.core.vhdx.TestImage.PAYLOAD;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.vhdx.format.DiskBytes;
import org.nixwsl.storage.disk.DiskCheck;
import org.nixwsl.storage.disk.DiskInfo;
import org.nixwsl.storage.disk.LogState;
import org.nixwsl.storage.error.DiskException;

class LogReplayTest {
  /** Where the entries of {@link #chain} leave their marks: a sector of block 0 for each. */
  private static final int MARKS = PAYLOAD;

  private static byte[] sector(int fill) {
    byte[] sector = new byte[4096];
    Arrays.fill(sector, (byte) fill);
    return sector;
  }

  /** s0 (tail s0), s1, s2 (tails s1), s3 (tail s1), s4 (tail s3); s1 to s4 mark their sector. */
  private static int[] chain(TestImage image) {
    LogBuilder log = new LogBuilder(image);
    int s0 = log.entry().write();
    int s1 = log.entry().data(MARKS + 4096, sector(1)).write();
    int s2 = log.entry().data(MARKS + 2 * 4096, sector(2)).tail(s1).write();
    int s3 = log.entry().data(MARKS + 3 * 4096, sector(3)).tail(s1).write();
    int s4 = log.entry().data(MARKS + 4 * 4096, sector(4)).tail(s3).write();
    return new int[] {s0, s1, s2, s3, s4};
  }

  private static DiskImage open(TestImage image) {
    return Operation.quiet("t", op -> VhdxEngine.readable(image, "t", op));
  }

  private static DiskInfo info(TestImage image) {
    return Operation.quiet("t", op -> VhdxEngine.info(image, "t", op));
  }

  private static DiskCheck check(TestImage image) {
    return Operation.quiet("t", op -> VhdxEngine.check(image, "t", op));
  }

  /** The numbers of the entries that were replayed. */
  private static String marks(TestImage image) throws IOException {
    DiskBytes bytes = open(image).bytes();
    StringBuilder seen = new StringBuilder();
    for (int i = 1; i <= 4; i++) {
      byte[] sector = bytes.read(MARKS + i * 4096L, 4096).array();
      if (Arrays.equals(sector, sector(i))) {
        seen.append(i);
      } else {
        assertThat(sector).containsOnly(0xA0);
      }
    }
    return seen.toString();
  }

  static Stream<Arguments> damagedChains() {
    return Stream.of(
        Arguments.of(new int[] {}, "34", 2),
        Arguments.of(new int[] {0}, "34", 2),
        Arguments.of(new int[] {4}, "123", 3),
        Arguments.of(new int[] {2}, "34", 2),
        Arguments.of(new int[] {3}, "12", 2),
        Arguments.of(new int[] {1, 4}, "", 1));
  }

  @ParameterizedTest
  @MethodSource("damagedChains")
  void replaysWhatTheLastWholeSequenceNeeds(int[] damaged, String replayed, int entries)
      throws IOException {
    TestImage image = TestImage.withBlocks();
    int[] places = chain(image);
    for (int n : damaged) {
      image.flip(LOG + places[n] + 40);
    }
    byte[] before = image.array().clone();
    assertThat(info(image).log()).isEqualTo(LogState.DIRTY);
    assertThat(info(image).logEntries()).isEqualTo(entries);
    assertThat(marks(image)).isEqualTo(replayed);
    assertThat(check(image).findings()).extracting(f -> f.code()).contains("LOG_DIRTY");
    assertThat(Arrays.equals(image.array(), before)).isTrue();
  }

  @Test
  void refusesALogWithoutAnyWholeSequence() throws IOException {
    TestImage image = TestImage.withBlocks();
    for (int place : chain(image)) {
      image.flip(LOG + place + 70);
      image.put8(LOG + place, 0);
    }
    assertCorrupt(image, "LOG_EMPTY");
  }

  @Test
  void refusesALogThatIsAnnouncedAndEmpty() throws IOException {
    TestImage image = TestImage.withBlocks();
    new LogBuilder(image);
    assertCorrupt(image, "LOG_EMPTY");
  }

  @Test
  void acceptsASingleEntryWithoutChanges() throws IOException {
    TestImage image = TestImage.withBlocks();
    new LogBuilder(image).entry().write();
    assertThat(info(image).logEntries()).isEqualTo(1);
    assertThat(marks(image)).isEmpty();
  }

  @Test
  void acceptsAFlushedOffsetOfZeroAsWindows62WritesIt() throws IOException {
    TestImage image = TestImage.withBlocks();
    new LogBuilder(image).entry().flushed(0).write();
    assertThat(info(image).log()).isEqualTo(LogState.DIRTY);
  }

  @Test
  void readsAnEntryAcrossTheEndOfTheRing() throws IOException {
    TestImage image = TestImage.withBlocks();
    LogBuilder log = new LogBuilder(image).at(MIB - 8192);
    int first = log.entry().data(MARKS + 4096, sector(1)).data(MARKS + 8192, sector(2)).write();
    log.entry().data(MARKS + 3 * 4096, sector(3)).tail(first).write();
    assertThat(marks(image)).isEqualTo("123");
  }

  @Test
  void findsAChainOfWhichOnlyTheEndIsAtTheStartOfTheRing() throws IOException {
    TestImage image = TestImage.withBlocks();
    LogBuilder log = new LogBuilder(image).at(MIB - 16384);
    int first = log.entry().data(MARKS + 4096, sector(1)).write();
    log.entry().data(MARKS + 8192, sector(2)).tail(first).write();
    assertThat(log.place()).isZero();
    log.entry().data(MARKS + 3 * 4096, sector(3)).tail(first).write();
    assertThat(marks(image)).isEqualTo("123");
  }

  @Test
  void passesOverEntriesOfEarlierOpensWithGreaterNumbers() throws IOException {
    TestImage image = TestImage.withBlocks();
    LogBuilder log = new LogBuilder(image);
    log.entry().data(MARKS + 4096, sector(1)).write();
    log.sequence(9_000).guid("99999999-9abc-def0-1122-334455667788");
    log.entry().data(MARKS + 8192, sector(2)).write();
    log.sequence(20_000).guid("88888888-9abc-def0-1122-334455667788");
    log.entry().data(MARKS + 8192, sector(2)).write();
    assertThat(marks(image)).isEqualTo("1");
  }

  @Test
  void comparesSequenceNumbersAsUnsigned() throws IOException {
    TestImage image = TestImage.withBlocks();
    LogBuilder log = new LogBuilder(image).sequence(Long.MAX_VALUE);
    log.entry().data(MARKS + 4096, sector(1)).write();
    log.at(65536).sequence(Long.MIN_VALUE + 7).entry().data(MARKS + 8192, sector(2)).write();
    assertThat(marks(image)).isEqualTo("2");
  }

  @ParameterizedTest
  @ValueSource(ints = {125, 126, 127, 200, 253})
  void readsEntriesWhoseDescriptorsFillSectors(int count) throws IOException {
    TestImage image = TestImage.withBlocks();
    LogBuilder.Entry entry = new LogBuilder(image).entry();
    for (int i = 0; i < count; i++) {
      entry.data(PAYLOAD + MIB - (i % 200 + 1) * 4096L, sector(i % 200));
    }
    entry.write();
    DiskBytes bytes = open(image).bytes();
    for (int i = 0; i < Math.min(count, 200); i++) {
      byte[] found = bytes.read(PAYLOAD + MIB - (i + 1) * 4096L, 4096).array();
      assertThat(Arrays.equals(found, sector(i))).as("sector %d", i).isTrue();
    }
  }

  @Test
  void clearsTheBlockTableByAZeroDescriptor() throws IOException {
    TestImage image = TestImage.withBlocks();
    new LogBuilder(image).entry().zero(BAT, 4096).write();
    assertThat(info(image).blocks().notPresent()).isEqualTo(16);
  }

  @Test
  void replaysAChangeOfARegionTable() throws IOException {
    TestImage image = TestImage.withBlocks();
    byte[] good = Arrays.copyOfRange(image.array(), 192 << 10, (192 << 10) + 4096);
    new LogBuilder(image).entry().data(192 << 10, good).write();
    image.flip((192 << 10) + 5);
    assertThat(check(image).findings()).extracting(f -> f.code()).containsExactly("LOG_DIRTY");
  }

  @Test
  void readsWhatTheReplayAppendsToTheFile() throws IOException {
    TestImage image = TestImage.withBlocks();
    byte[] table = Arrays.copyOfRange(image.array(), BAT, BAT + 4096);
    ByteBuffer.wrap(table).order(java.nio.ByteOrder.LITTLE_ENDIAN).putLong(40, 6L << 20 | 6);
    LogBuilder.Entry entry = new LogBuilder(image).entry().last(7L * MIB);
    entry.data(BAT, table).data(6L * MIB + 4096, sector(7)).write();
    DiskImage open = open(image);
    assertThat(open.bytes().size()).isEqualTo(7L * MIB);
    assertThat(open.bytes().read(6L * MIB, 4096).array()).containsOnly(0);
    assertThat(open.bytes().read(6L * MIB + 4096, 4096).array()).containsOnly(7);
    assertThat(open.bytes().read(7L * MIB - 4096, 4096).array()).containsOnly(0);
    assertThat(info(image).fileSize().bytes()).isEqualTo(6L * MIB);
  }

  static Stream<Arguments> forbidden() {
    Consumer<LogBuilder.Entry> identifier = e -> e.data(0, sector(1));
    Consumer<LogBuilder.Entry> header = e -> e.data(64 << 10, sector(1));
    Consumer<LogBuilder.Entry> log = e -> e.data(LOG + 4096, sector(1));
    Consumer<LogBuilder.Entry> far = e -> e.data(1L << 50, sector(1));
    Consumer<LogBuilder.Entry> negative = e -> e.data(-4096, sector(1));
    Consumer<LogBuilder.Entry> overLog = e -> e.zero(MIB - 4096, MIB);
    Consumer<LogBuilder.Entry> huge = e -> e.zero(BAT, 1L << 40);
    Consumer<LogBuilder.Entry> overflow = e -> e.zero(BAT, Long.MAX_VALUE - 4095);
    Consumer<LogBuilder.Entry> late =
        e -> e.data(MARKS, sector(9)).zero(BAT, 4096).data(4096, sector(1));
    return Stream.of(
        Arguments.of("the identifier", identifier, "LOG_TARGET"),
        Arguments.of("a header", header, "LOG_TARGET"),
        Arguments.of("the log", log, "LOG_TARGET"),
        Arguments.of("1 PiB", far, "LOG_TARGET"),
        Arguments.of("a negative offset", negative, "LOG_TARGET"),
        Arguments.of("zeros over the log", overLog, "LOG_TARGET"),
        Arguments.of("1 TiB of zeros", huge, "LOG_TARGET"),
        Arguments.of("zeros past 2^63", overflow, "LOG_TARGET"),
        Arguments.of("a bad target after good ones", late, "LOG_TARGET"),
        Arguments.of("a cut file", set(e -> e.flushed(7L * MIB)), "LOG_FILE_TRUNCATED"),
        Arguments.of(
            "a flushed offset of 2^63", set(e -> e.flushed(1L << 63)), "LOG_FILE_TRUNCATED"),
        Arguments.of("a last offset of 2^63", set(e -> e.last(1L << 63)), "LOG_FILE_END"),
        Arguments.of("a last offset of 1 PiB", set(e -> e.last(1L << 50)), "LOG_FILE_END"));
  }

  private static Consumer<LogBuilder.Entry> set(Consumer<LogBuilder.Entry> change) {
    return change;
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("forbidden")
  void refusesAReplayThatMustNotBe(String name, Consumer<LogBuilder.Entry> change, String code)
      throws IOException {
    TestImage image = TestImage.withBlocks();
    LogBuilder log = new LogBuilder(image);
    int first = log.entry().data(MARKS + 4096, sector(1)).write();
    LogBuilder.Entry entry = log.entry().tail(first);
    change.accept(entry);
    entry.write();
    assertCorrupt(image, code);
  }

  /** Where the second of two entries begins, for the cases below. */
  private static final int SECOND = LOG + 8192;

  static Stream<Arguments> invalidEntries() {
    return Stream.of(
        invalid("a tail that is not aligned", i -> i.put32(SECOND + 12, 1)),
        invalid("a tail past the ring", i -> i.put32(SECOND + 12, MIB)),
        invalid("length 0", i -> i.put32(SECOND + 8, 0)),
        invalid("a length above the ring", i -> i.put32(SECOND + 8, 2 * MIB)),
        invalid("an unaligned length", i -> i.put32(SECOND + 8, 3 * 4096 - 1)),
        invalid("two billion descriptors", i -> i.put32(SECOND + 24, 1L << 31)),
        invalid("more descriptors than data sectors", i -> i.put32(SECOND + 24, 3)),
        invalid("fewer descriptors than data sectors", i -> i.put32(SECOND + 24, 1)),
        invalid("a descriptor of another entry", i -> i.put64(SECOND + 64 + 24, 5)),
        invalid("an unaligned target", i -> i.put64(SECOND + 64 + 16, MARKS + 512)),
        invalid("an unknown descriptor", i -> i.put8(SECOND + 64, 'x')),
        invalid("a data sector of another entry", i -> i.put32(SECOND + 4096 + 4092, 5)),
        invalid("a torn data sector", i -> i.put32(SECOND + 4096 + 4, 5)),
        invalid("a data sector without signature", i -> i.put8(SECOND + 4096, 'x')),
        invalid("sequence 0", i -> i.put64(SECOND + 16, 0)));
  }

  private static Arguments invalid(String name, Consumer<TestImage> change) {
    return Arguments.of(name, change);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("invalidEntries")
  void anEntryWithABadFieldDoesNotCount(String name, Consumer<TestImage> change)
      throws IOException {
    TestImage image = withTwoEntries();
    assertThat(marks(image)).isEqualTo("123");
    change.accept(image);
    image.seal(SECOND, 3 * 4096);
    assertThat(marks(image)).as(name).isEqualTo("1");
  }

  @Test
  void anEntryWithAWrongChecksumDoesNotCount() throws IOException {
    TestImage image = withTwoEntries();
    image.put8(SECOND + 4096 + 2000, 77);
    assertThat(marks(image)).isEqualTo("1");
  }

  private static TestImage withTwoEntries() throws IOException {
    TestImage image = TestImage.withBlocks();
    LogBuilder log = new LogBuilder(image);
    int first = log.entry().data(MARKS + 4096, sector(1)).write();
    LogBuilder.Entry second = log.entry().tail(first);
    second.data(MARKS + 8192, sector(2)).data(MARKS + 3 * 4096, sector(3)).write();
    return image;
  }

  /** Random changes in many entries, against the same changes made in an array. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20})
  void readsWhatAReplayOnDiskWouldLeave(long seed) throws IOException {
    Random random = new Random(seed);
    TestImage image = TestImage.withBlocks();
    int size = 8 * MIB;
    byte[] model = Arrays.copyOf(image.array(), size);
    LogBuilder log = new LogBuilder(image).at(4096 * random.nextInt(256));
    int first = log.place();
    int sectors = 0;
    while (sectors < 150) {
      LogBuilder.Entry entry = log.entry().tail(first).last(size);
      int changes = random.nextInt(6);
      for (int i = 0; i < changes; i++) {
        int target = PAYLOAD + 4096 * random.nextInt(64);
        if (random.nextInt(3) == 0) {
          int length = 4096 * (1 + random.nextInt(20));
          entry.zero(target, length);
          Arrays.fill(model, target, target + length, (byte) 0);
        } else {
          byte[] data = new byte[4096];
          random.nextBytes(data);
          entry.data(target, data);
          System.arraycopy(data, 0, model, target, 4096);
          sectors++;
        }
      }
      entry.write();
      sectors++;
    }
    DiskBytes bytes = open(image).bytes();
    assertThat(bytes.size()).isEqualTo(size);
    for (int i = 0; i < 300; i++) {
      int from = PAYLOAD - 5000 + random.nextInt(size - PAYLOAD);
      int length = Math.min(size - from, random.nextInt(i < 290 ? 20_000 : 4 * MIB));
      byte[] found = bytes.read(from, length).array();
      boolean equal = Arrays.equals(found, 0, length, model, from, from + length);
      assertThat(equal).as("seed %d, %d bytes at %d", seed, length, from).isTrue();
    }
  }

  private static void assertCorrupt(TestImage image, String code) {
    byte[] before = image.array().clone();
    assertThat(info(image).log()).isEqualTo(LogState.CORRUPT);
    assertThat(check(image).findings()).extracting(f -> f.code()).contains(code);
    assertThatThrownBy(() -> open(image))
        .isInstanceOf(DiskException.class)
        .hasMessageContaining(code);
    assertThat(Arrays.equals(image.array(), before)).isTrue();
  }
}
