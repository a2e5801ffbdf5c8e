package org.nixwsl.storage.core.wslconf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.config.WslConfigSettings;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;

class WslConfigTextTest {
  private static final WslConfigSettings NEVER =
      WslConfigSettings.builder()
          .vmIdleTimeout(WslConfigSettings.NEVER)
          .instanceIdleTimeout(WslConfigSettings.NEVER)
          .build();
  private static final String[] PIECES = {
    "[wsl2]",
    "[WSL2] # c",
    "[general]",
    "[experimental]",
    "[bad header]",
    "[wsl2",
    "# comment \\",
    "vmIdleTimeout=5",
    " VMIDLETIMEOUT \t= \"7\" # why",
    "instanceIdleTimeout = 3",
    "memory=4GB",
    "swapFile=C:\\\\x#y",
    "k = a \\",
    "k = \"open",
    "k = bad \\q escape",
    "; no comment",
    "=",
    "é=1",
    "vmIdleTimeout=\"open",
    "vmIdleTimeout = 1 \\",
    "",
    "  ",
    "kernelCommandLine = a=\"b c\""
  };

  @Test
  void aNewFileGetsBothSections() {
    assertThat(merged("", NEVER))
        .isEqualTo("[wsl2]\r\nvmIdleTimeout=-1\r\n[general]\r\ninstanceIdleTimeout=-1\r\n");
  }

  @Test
  void aValueIsReplacedWhereItStandsAndItsCommentStays() {
    WslConfigSettings ten =
        WslConfigSettings.builder().vmIdleTimeout(Duration.ofSeconds(10)).build();
    assertThat(merged("# mine\n[wsl2]\n  VmIdleTimeout\t=  60000  # default\nmemory=4GB", ten))
        .isEqualTo("# mine\n[wsl2]\n  VmIdleTimeout\t=  10000  # default\nmemory=4GB");
  }

  @Test
  void aMissingKeyComesBelowTheFirstHeadingOfItsSection() {
    assertThat(merged("[wsl2]\r\nmemory=4GB\r\n[wsl2]\r\n", NEVER))
        .isEqualTo(
            "[wsl2]\r\nvmIdleTimeout=-1\r\nmemory=4GB\r\n[wsl2]\r\n"
                + "[general]\r\ninstanceIdleTimeout=-1\r\n");
    assertThat(merged("[general]", NEVER))
        .isEqualTo(
            "[general]\r\ninstanceIdleTimeout=-1\r\n\r\n[wsl2]\r\nvmIdleTimeout=-1\r\n"
                .replace("\r\n\r\n", "\r\n"));
  }

  @Test
  void wslReadsTheValuesAndFindsAllElseAsBefore() {
    long seed = Long.getLong("nixwsl.seed", System.nanoTime());
    System.out.println("wslReadsTheValues: -Dnixwsl.seed=" + seed);
    Random random = new Random(seed);
    for (int i = 0; i < 20_000; i++) {
      StringBuilder file = new StringBuilder(random.nextInt(8) == 0 ? "\uFEFF" : "");
      String end = random.nextBoolean() ? "\n" : "\r\n";
      for (int n = random.nextInt(9); n > 0; n--) {
        file.append(PIECES[random.nextInt(PIECES.length)])
            .append(n == 1 && random.nextBoolean() ? "" : end);
      }
      String before = file.toString();
      String after = merged(before, NEVER);
      WslReader old = WslReader.of(before);
      WslReader now = WslReader.of(after);
      assertThat(now.values())
          .as(before + "\n->\n" + after)
          .containsEntry("wsl2.vmidletimeout", "-1")
          .containsEntry("general.instanceidletimeout", "-1");
      old.values().remove("wsl2.vmidletimeout");
      old.values().remove("general.instanceidletimeout");
      assertThat(now.values()).as(before + "\n->\n" + after).containsAllEntriesOf(old.values());
      if (!before.endsWith("\\")) { // that line makes no sense to WSL until another one follows
        assertThat(now.values()).hasSize(old.values().size() + 2);
      }
      assertThat(merged(after, NEVER)).isEqualTo(after);
    }
  }

  @Test
  void bytesOfOtherEncodingsStay() {
    byte[] before = "# \u00e9\u00ff\n[wsl2]\nx=\u0080\n".getBytes(StandardCharsets.ISO_8859_1);
    WslConfigSettings vm =
        WslConfigSettings.builder().vmIdleTimeout(WslConfigSettings.NEVER).build();
    assertThat(WslConfigText.merge(before, vm))
        .isEqualTo(
            "# \u00e9\u00ff\n[wsl2]\nvmIdleTimeout=-1\nx=\u0080\n"
                .getBytes(StandardCharsets.ISO_8859_1));
  }

  @Test
  void nothingSetChangesNothing() {
    String text = "[wsl2]\nvmIdleTimeout=5\\q";
    assertThat(merged(text, WslConfigSettings.builder().build())).isEqualTo(text);
  }

  @Test
  void utf16IsRefused() {
    assertThatThrownBy(() -> WslConfigText.merge("[wsl2]".getBytes(StandardCharsets.UTF_16), NEVER))
        .isInstanceOfSatisfying(
            EnvironmentException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.BAD_SETTING));
  }

  @Test
  void timesThatWslCannotReadAreRefused() {
    for (Duration time : new Duration[] {Duration.ofNanos(1), Duration.ofDays(30)}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> WslConfigSettings.builder().vmIdleTimeout(time).build());
    }
  }

  private static String merged(String text, WslConfigSettings settings) {
    return new String(
        WslConfigText.merge(text.getBytes(StandardCharsets.UTF_8), settings),
        StandardCharsets.UTF_8);
  }
}
