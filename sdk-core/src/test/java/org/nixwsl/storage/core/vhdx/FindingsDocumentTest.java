package org.nixwsl.storage.core.vhdx;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.core.vhdx.findings.FindingCode;
import org.nixwsl.storage.core.vhdx.findings.Findings;
import org.nixwsl.storage.disk.DiskCheck.Severity;

class FindingsDocumentTest {
  private static final Pattern ROW =
      Pattern.compile("\\| `(\\w+)` \\| (error|warning) \\| (?:`(\\w+)`)? ?\\| .+ \\|");

  @Test
  void theDocumentListsEachCodeWithItsSeverityAndRefusal() throws IOException {
    List<String> documented =
        Files.readAllLines(Path.of("..", "docs", "vhdx-findings.md")).stream()
            .flatMap(FindingsDocumentTest::row)
            .toList();
    List<String> known =
        Stream.of(FindingCode.values()).map(FindingsDocumentTest::describe).toList();
    assertThat(documented).containsExactlyInAnyOrderElementsOf(known);
  }

  private static Stream<String> row(String line) {
    Matcher m = ROW.matcher(line);
    return m.matches()
        ? Stream.of(m.group(1) + " " + m.group(2) + " " + (m.group(3) == null ? "" : m.group(3)))
        : Stream.empty();
  }

  private static String describe(FindingCode code) {
    String refusal =
        code.severity() == Severity.ERROR
            ? Findings.refusing("f").refusal(code, "m").code().name()
            : "";
    return code + " " + code.severity().name().toLowerCase(Locale.ROOT) + " " + refusal;
  }
}
