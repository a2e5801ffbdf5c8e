package org.nixwsl.storage.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

final class TableTest {
  @Test
  void theMedianOfAnOddNumberIsTheMiddleRunInWhateverOrderTheyCame() {
    assertThat(timings("a", false, 9000, 1000, 2000).median()).isEqualTo(Duration.ofSeconds(2));
  }

  @Test
  void theMedianOfAnEvenNumberIsTheMeanOfTheTwoInTheMiddle() {
    assertThat(timings("a", false, 1000, 9000, 2000, 4000).median())
        .isEqualTo(Duration.ofSeconds(3));
  }

  @Test
  void aContestantThatNeverRanHasNoTimings() {
    assertThatThrownBy(() -> timings("a", false)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void comparesEachOfOursWithEveryOtherContestant() {
    String table =
        Table.of(
            Map.of(
                "copy",
                List.of(
                    timings("ours", true, 500, 400, 700),
                    timings("ours, proven", true, 1000),
                    timings("the | rival", false, 20_000))));

    assertThat(table.lines())
        .containsExactly(
            "| work | contestant | median s | fastest | slowest | CPU s | peak MB | ours ÷ this"
                + " | ours, proven ÷ this |",
            "|---|---|--:|--:|--:|--:|--:|--:|--:|",
            "| copy | ours | 0.500 | 0.400 | 0.700 | 1.00 | 5 |  | 2.00x |",
            "| copy | ours, proven | 1.00 | 1.00 | 1.00 | 2.00 | 5 | 0.50x |  |",
            "| copy | the \\| rival | 20.0 | 20.0 | 20.0 | 40.0 | 5 | 0.03x | 0.05x |");
  }

  @Test
  void comparesOnlyWhoDidTheSameWork() {
    Map<String, List<Timings>> works = new LinkedHashMap<>();
    works.put("copy", List.of(timings("ours", true, 1000)));
    works.put("verify", List.of(timings("rival", false, 2000)));

    assertThat(Table.of(works).lines().skip(3))
        .containsExactly("| verify | rival | 2.00 | 2.00 | 2.00 | 4.00 | 5 |  |");
  }

  /** Runs that kept two processors busy. */
  static Timings timings(String name, boolean ours, long... millis) {
    return new Timings(
        name,
        ours,
        LongStream.of(millis)
            .mapToObj(
                wall ->
                    new Timings.Run(
                        Duration.ofMillis(wall), Duration.ofMillis(2 * wall), 5_000_000))
            .toList());
  }
}
