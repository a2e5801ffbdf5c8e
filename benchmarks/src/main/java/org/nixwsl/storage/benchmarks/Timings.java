package org.nixwsl.storage.benchmarks;

import java.time.Duration;
import java.util.List;

/**
 * How long the runs of one contestant took.
 *
 * @param name the contestant
 * @param ours whether it is the SDK, with which the others are compared
 * @param runs wall-clock times, at least one
 */
record Timings(String name, boolean ours, List<Duration> runs) {
  /** Sorts the times. */
  Timings {
    if (runs.isEmpty()) {
      throw new IllegalArgumentException(name + " never ran");
    }
    runs = runs.stream().sorted().toList();
  }

  /** The middle one; of an even number the mean of the two in the middle. */
  Duration median() {
    int half = runs.size() / 2;
    return runs.size() % 2 == 1
        ? runs.get(half)
        : runs.get(half - 1).plus(runs.get(half)).dividedBy(2);
  }

  Duration fastest() {
    return runs.get(0);
  }

  Duration slowest() {
    return runs.get(runs.size() - 1);
  }

  /** The median as a part of another's median: below 1 is faster than the other. */
  double ratioTo(Timings other) {
    return (double) median().toNanos() / Math.max(1, other.median().toNanos());
  }
}
