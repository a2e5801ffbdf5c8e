package org.nixwsl.storage.benchmarks;

import java.time.Duration;
import java.util.List;
import java.util.function.Function;

/**
 * How long the runs of one contestant took.
 *
 * @param name the contestant
 * @param ours whether it is the SDK, with which the others are compared
 * @param runs at least one
 */
record Timings(String name, boolean ours, List<Run> runs) {
  /**
   * One run.
   *
   * @param wall what a clock on the wall shows
   * @param cpu what all threads and child processes spent on processors, in the kernel included; it
   *     says more than the wall clock on a machine that is busy with other things
   * @param peakBytes the most memory that one of its processes had in use, 0 when it started none
   */
  record Run(Duration wall, Duration cpu, long peakBytes) {}

  /** Copies the runs. */
  Timings {
    if (runs.isEmpty()) {
      throw new IllegalArgumentException(name + " never ran");
    }
    runs = List.copyOf(runs);
  }

  /** The middle one of the times; of an even number the mean of the two in the middle. */
  Duration median() {
    return median(Run::wall);
  }

  /** The same for the time on processors. */
  Duration medianCpu() {
    return median(Run::cpu);
  }

  /** The most memory that one process had in use in any of the runs, in bytes. */
  long peakBytes() {
    return runs.stream().mapToLong(Run::peakBytes).max().orElse(0);
  }

  Duration fastest() {
    return sorted(Run::wall).get(0);
  }

  Duration slowest() {
    return sorted(Run::wall).get(runs.size() - 1);
  }

  /** The median as a part of another's median: below 1 is faster than the other. */
  double ratioTo(Timings other) {
    return (double) median().toNanos() / Math.max(1, other.median().toNanos());
  }

  private Duration median(Function<Run, Duration> time) {
    List<Duration> sorted = sorted(time);
    int half = sorted.size() / 2;
    return sorted.size() % 2 == 1
        ? sorted.get(half)
        : sorted.get(half - 1).plus(sorted.get(half)).dividedBy(2);
  }

  private List<Duration> sorted(Function<Run, Duration> time) {
    return runs.stream().map(time).sorted().toList();
  }
}
