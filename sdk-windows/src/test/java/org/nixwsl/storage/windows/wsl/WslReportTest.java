package org.nixwsl.storage.windows.wsl;

import static java.nio.charset.StandardCharsets.UTF_16LE;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class WslReportTest {
  @Test
  void theSymbolIsTheSameInEveryLanguage() {
    for (String said :
        List.of(
            "The file cannot be opened: someone else is using it. \r\nError code: ",
            "Auf die Datei kann nicht zugegriffen werden, da sie benutzt wird. \r\nFehlercode: ",
            "ファイルは別のプログラムが使用中のため開けません。 \r\nエラー コード: ")) {
      byte[] printed =
          (said + "Wsl/Service/AttachDisk/MountDisk/HCS/ERROR_SHARING_VIOLATION\r\n")
              .getBytes(UTF_16LE);
      WslReport report = WslReport.in(WslText.decode(printed)).orElseThrow();
      assertThat(report.error()).contains(WslError.ERROR_SHARING_VIOLATION);
      assertThat(report.contexts())
          .containsExactly("Wsl", "Service", "AttachDisk", "MountDisk", "HCS");
    }
  }

  @Test
  void theLastLineCountsAndWarningsDoNot() {
    String output =
        """
        wsl: something is odd: CreateInstance/CreateVm/ConfigureNetworking/0x8007054f
        Error code: Wsl/E_INVALIDARG
        Error code: Wsl/Service/DetachDisk/0x80070002
        """;
    WslReport report = WslReport.in(output).orElseThrow();
    assertThat(report.within("DetachDisk")).isTrue();
    assertThat(report.error()).contains(WslError.ERROR_FILE_NOT_FOUND);
    assertThat(report).hasToString("Wsl/Service/DetachDisk/0x80070002");
    assertThat(WslReport.in(output.lines().findFirst().orElseThrow())).isEmpty();
    assertThat(WslReport.in("all is well")).isEmpty();
  }

  @Test
  void anUnknownErrorIsStillReported() {
    WslReport report = WslReport.in("x: Wsl/Service/0x8badf00d").orElseThrow();
    assertThat(report.symbol()).isEqualTo("0x8badf00d");
    assertThat(report.error()).isEmpty();
  }

  @Test
  void hostileOutputDoesNotFillTheStack() {
    assertThat(WslReport.in("Wsl" + "/a".repeat(1_000_000) + "/E_FAIL")).isEmpty();
    assertThat(WslReport.in("Wsl/" + "a".repeat(1_000_000) + "/E_FAIL")).isEmpty();
  }

  @Test
  void everyErrorOfWslIsKnownByNameAndByNumber() throws IOException {
    List<String> lines;
    try (InputStream in = WslReportTest.class.getResourceAsStream("symbols.txt")) {
      lines =
          new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8)
              .lines()
              .toList();
    }
    assertThat(lines).hasSizeGreaterThan(55);
    for (String line : lines) {
      String[] parts = line.split(" ", -1);
      WslError error = WslError.of(parts[0]).orElseThrow(() -> new AssertionError(line));
      assertThat(WslError.of("0x" + parts[1])).as(line).contains(error);
      assertThat(WslError.of("0x" + parts[1].toUpperCase(Locale.ROOT))).contains(error);
    }
    for (WslError error : WslError.values()) {
      assertThat(error.remedy()).as(error.name()).endsWith(".");
    }
  }
}
