package org.nixwsl.storage.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.nixwsl.storage.core.run.Operation;

/**
 * Runs contestants in turn, each the same number of times, so that a machine that gets slower or
 * faster meanwhile does so for all of them, and prints what came of it as Markdown. Not
 * thread-safe.
 */
final class Harness {
  private final PrintStream out;
  private final PrintStream progress;
  private final int runs;
  private final Map<String, List<Timings>> works = new LinkedHashMap<>();
  private final Set<String> told = new LinkedHashSet<>();
  private String loads = "";

  /**
   * A harness that prints to the standard streams: results to one, what it is doing to the other.
   */
  Harness(int runs) {
    this.out = System.out;
    this.progress = System.err;
    this.runs = runs;
  }

  /** Makes the same start for every run; what it gives is closed after the run, untimed. */
  @FunctionalInterface
  interface Start {
    /** Makes it. */
    Prepared prepare(Operation operation) throws IOException, InterruptedException;
  }

  /** What a run needs and what is gone after it. */
  @FunctionalInterface
  interface Prepared {
    /** Lets go of it. */
    void close() throws IOException;
  }

  /** Prints what the whole run is about, and the machine. */
  void title(String title, String what, Operation operation)
      throws IOException, InterruptedException {
    out.println("### " + title + "\n");
    out.println(what + "\n");
    out.println(Machine.describe(operation) + "\n");
  }

  /** Prints a line below the tables. */
  void note(String line) {
    out.println(line + "\n");
  }

  /** Measures one kind of work, for the table that {@link #print} prints. */
  void measure(String name, Start start, List<Contestant> contestants, Operation operation)
      throws IOException, InterruptedException {
    List<Contestant> able =
        contestants.stream().filter(contestant -> contestant.missing().isEmpty()).toList();
    String loadBefore = Machine.load();
    Map<Contestant, List<Timings.Run>> times = new LinkedHashMap<>();
    able.forEach(contestant -> times.put(contestant, new ArrayList<>()));
    for (int run = 1; run <= runs; run++) {
      for (Map.Entry<Contestant, List<Timings.Run>> entry : times.entrySet()) {
        progress.printf("%s, run %d of %d: %s%n", name, run, runs, entry.getKey().name());
        Prepared ready = start.prepare(operation);
        try {
          entry.getValue().add(time(entry.getKey(), operation));
        } finally {
          ready.close();
        }
      }
    }
    List<Timings> timings = new ArrayList<>();
    times.forEach((who, took) -> timings.add(new Timings(who.name(), who.ours(), took)));
    works.put(name, timings);
    loads +=
        (loads.isEmpty() ? "" : "; ")
            + String.format("%s %s before and %s after", name, loadBefore, Machine.load());
    for (Contestant contestant : contestants) {
      told.add(
          "- "
              + contestant.name()
              + ": "
              + contestant
                  .missing()
                  .map(program -> "left out, as " + program + " is not installed")
                  .orElse("`" + contestant.told() + "`"));
    }
  }

  /** Prints the table of all that was measured, the commands, and the medians as charts. */
  void print() {
    out.print(Table.of(works));
    out.printf("%nRuns of each, in turn: %d. Load average: %s.%n%n", runs, loads);
    told.forEach(out::println);
    out.println();
    out.print(Plot.of(works));
  }

  private static Timings.Run time(Contestant contestant, Operation operation)
      throws IOException, InterruptedException {
    Duration cpu = Machine.cpuTime();
    try (PeakMemory peak = new PeakMemory()) {
      long start = System.nanoTime();
      contestant.run(operation);
      Duration wall = Duration.ofNanos(System.nanoTime() - start);
      return new Timings.Run(wall, Machine.cpuTime().minus(cpu), peak.bytes());
    }
  }
}
