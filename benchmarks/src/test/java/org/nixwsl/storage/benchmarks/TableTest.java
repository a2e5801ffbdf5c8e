package org.nixwsl.storage.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
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
            List.of(
                timings("ours", true, 500, 400, 700),
                timings("ours, proven", true, 1000),
                timings("the | rival", false, 20_000)));

    assertThat(table.lines())
        .containsExactly(
            "| contestant | median s | fastest | slowest | CPU s | ours ÷ this | ours, proven ÷ this |",
            "|---|--:|--:|--:|--:|--:|--:|",
            "| ours | 0.500 | 0.400 | 0.700 | 1.00 |  | 2.00x |",
            "| ours, proven | 1.00 | 1.00 | 1.00 | 2.00 | 0.50x |  |",
            "| the \\| rival | 20.0 | 20.0 | 20.0 | 40.0 | 0.03x | 0.05x |");
  }

  /** Runs that kept two processors busy. */
  private static Timings timings(String name, boolean ours, long... millis) {
    return new Timings(
        name,
        ours,
        LongStream.of(millis)
            .mapToObj(wall -> new Timings.Run(Duration.ofMillis(wall), Duration.ofMillis(2 * wall)))
            .toList());
  }
}
