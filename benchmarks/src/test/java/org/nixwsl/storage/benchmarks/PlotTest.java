package org.nixwsl.storage.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class PlotTest {
  @Test
  void drawsABarForEachContestantOfEachWorkThatHasRivals() {
    Map<String, List<Timings>> works = new LinkedHashMap<>();
    works.put(
        "copy, cold",
        List.of(
            TableTest.timings("ours", true, 500, 400, 700),
            TableTest.timings("the \"rival\"", false, 20_000)));
    works.put("resume", List.of(TableTest.timings("ours", true, 1000)));

    assertThat(Plot.of(works).lines())
        .containsExactly(
            "```mermaid",
            "xychart-beta horizontal",
            "  title \"copy, cold: seconds, less is better\"",
            "  x-axis [\"ours\", \"the 'rival'\"]",
            "  bar [0.50, 20.00]",
            "```",
            "");
  }
}
