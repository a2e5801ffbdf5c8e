package org.nixwsl.storage.core.migrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nixwsl.storage.core.escape.Interpreters;
import org.nixwsl.storage.core.platform.StoreHost.Measure;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;

/** Compared with what the kernel says of what mkfs.btrfs makes. */
class BtrfsRoomTest {
  @TempDir private Path folder = Path.of("/");

  @ParameterizedTest
  @ValueSource(longs = {109, 128, 300, 512, 1023, 1024, 4096, 16384, 60000, 1 << 20})
  void neverPromisesMoreThanThereIsAndNotMuchLess(long mebibytes) throws IOException {
    assumeTrue("root".equals(System.getProperty("user.name")), "skipped: root is missing");
    Interpreters.needs("mkfs.btrfs");
    String script =
        "set -e; truncate -s "
            + mebibytes
            + "M image; mkfs.btrfs -q -K image >&2; mkdir mnt; mount -o loop image mnt;"
            + " stat -f -c '%S %a' mnt; umount mnt";
    ProcessRunner.Result result =
        Interpreters.run(Command.of("sh", "-c", "cd \"$1\"; " + script, "sh", folder.toString()));
    assertThat(result.exitCode()).as(result.allText()).isZero();
    String[] words = result.text().strip().split(" ", -1);
    long free = Long.parseLong(words[0]) * Long.parseLong(words[1]);
    long usable = BtrfsRoom.usableBytes(mebibytes << 20);
    assertThat(usable).isLessThanOrEqualTo(free);
    if (mebibytes > 1000) {
      assertThat(usable).isGreaterThan(free / 100 * 95);
    }
  }

  @Test
  void promisesNothingWhereNoneCanBeMade() throws IOException {
    Interpreters.needs("mkfs.btrfs");
    Command make =
        Command.of(
            "sh",
            "-c",
            "cd \"$1\" && truncate -s 108M image && ! mkfs.btrfs -q -K image",
            "sh",
            folder.toString());
    assertThat(Interpreters.run(make).exitCode()).isZero();
    assertThat(BtrfsRoom.usableBytes(108L << 20)).isZero();
  }

  @Test
  void filesTakeRoomOfTheirOwnForMetadata() {
    BtrfsRoom room = new BtrfsRoom();
    long size = 1L << 30;
    long bytes = BtrfsRoom.usableBytes(size);
    assertThat(room.holds(size, new Measure(1, 1, 0, bytes))).isTrue();
    assertThat(room.holds(size, new Measure(1, 1, 1, bytes))).isFalse();
    assertThat(room.holds(size, new Measure(1, 1, 1_000_000, 1))).isFalse();
    assertThat(room.written(new Measure(1, 1, 10, 1 << 20))).isGreaterThan((1 << 20) + 10 * 1024);
  }
}
