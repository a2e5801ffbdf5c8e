package org.nixwsl.storage.linux.machine;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

final class MountPointTest {
  private static final String TABLE =
      """
      27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
      30 27 0:25 / /tmp rw - tmpfs tmpfs rw
      31 30 7:0 / /tmp/a\\040b\\134c ro,nosuid shared:7 master:3 propagate_from:2 - ext4 /dev/loop0 rw,errors=remount-ro
      32 30 7:0 /inst /tmp/- rw - ext4 /dev/loop0 rw
      33 30 7:1 / /tmp/- rw - xfs /dev/loop1 ro
      not a line
      """;

  private final MountTable table = MountTable.parse(TABLE.getBytes(ISO_8859_1));

  @Test
  void readsEscapedNamesAndAnyNumberOfOptionalFields() {
    MountTable.Mount entry = table.at("/tmp/a b\\c").orElseThrow();
    assertThat(entry.device()).isEqualTo("7:0");
    assertThat(entry.type()).isEqualTo("ext4");
    assertThat(entry.source()).isEqualTo("/dev/loop0");
    assertThat(entry.writable()).isFalse();
    assertThat(table.ofDevice("7:0")).hasSize(2);
  }

  @Test
  void seesTheTopmostOfSeveralMountsAtOnePlace() {
    MountTable.Mount entry = table.at("/tmp/-").orElseThrow();
    assertThat(entry.type()).isEqualTo("xfs");
    assertThat(entry.writable()).isFalse();
  }

  @Test
  void findsTheMountThatHoldsAPath() {
    assertThat(table.carrying(Path.of("/tmp/a b\\c/x")).orElseThrow().device()).isEqualTo("7:0");
    assertThat(table.carrying(Path.of("/tmp/a b\\cx")).orElseThrow().type()).isEqualTo("tmpfs");
    assertThat(table.carrying(Path.of("/tmpx")).orElseThrow().point()).isEqualTo("/");
    assertThat(table.carrying(Path.of("/")).orElseThrow().point()).isEqualTo("/");
  }
}
