package org.nixwsl.storage.core.migrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Compared with what mkfs.ext4 makes. */
final class Ext4RoomTest {
  private static final String MKFS = "/usr/sbin/mkfs.ext4";

  @TempDir private Path folder = Path.of("/");

  @ParameterizedTest
  @ValueSource(
      longs = {64, 500, 600, 1023, 1024, 2048, 5000, 16384, 20000, 33000, 65536, 131072, 1 << 20})
  void neverPromisesMoreThanThereIsAndNotMuchLess(long mebibytes) throws Exception {
    assumeTrue(Files.isExecutable(Path.of(MKFS)), "skipped: mkfs.ext4 is missing");
    Path image = folder.resolve("image");
    run("truncate", "-s", mebibytes + "M", image.toString());
    run(
        MKFS,
        "-q",
        "-F",
        "-G",
        "4096",
        "-E",
        "nodiscard,lazy_itable_init=1,lazy_journal_init=1",
        image.toString());
    String facts = run("/usr/sbin/dumpe2fs", "-h", image.toString());
    long free = number(facts, "Free blocks") * number(facts, "Block size");
    long usable = Ext4Room.usableBytes(mebibytes << 20);
    assertThat(usable).isLessThanOrEqualTo(free);
    if (mebibytes > 1000) {
      assertThat(usable).isGreaterThan(free / 100 * 97);
    }
    assertThat(Ext4Room.usableInodes(mebibytes << 20))
        .isLessThanOrEqualTo(number(facts, "Inode count"))
        .isGreaterThan(number(facts, "Inode count") / 2);
  }

  private static long number(String facts, String name) {
    Matcher matcher = Pattern.compile("(?m)^" + name + ": +(\\d+)$").matcher(facts);
    assertThat(matcher.find()).as(name).isTrue();
    return Long.parseLong(matcher.group(1));
  }

  private static String run(String... argv) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(List.of(argv)).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }
}
