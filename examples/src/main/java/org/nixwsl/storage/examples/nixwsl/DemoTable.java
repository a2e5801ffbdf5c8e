package org.nixwsl.storage.examples.nixwsl;

import java.io.IOException;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What a demonstration did, step by step. Not thread-safe. */
final class DemoTable {
  private final Output output;
  private final List<Row> rows = new ArrayList<>();
  private boolean proven = true;

  /**
   * One line of the table.
   *
   * @param step what was done
   * @param duration how long it took
   * @param result what came of it
   */
  private record Row(String step, Duration duration, String result) {}

  /** Something to do. */
  @FunctionalInterface
  interface Step<T> {
    /** Does it. */
    T run() throws IOException;
  }

  /** What is told of a result. */
  @FunctionalInterface
  interface Told<T> {
    /** Tells it. */
    String tell(T result) throws IOException;
  }

  DemoTable(Output output) {
    this.output = output;
  }

  /** Does something and tells of it. */
  <T> T step(String name, Step<T> step, Told<T> told) throws IOException {
    long start = System.nanoTime();
    T result = step.run();
    add(name, Duration.ofNanos(System.nanoTime() - start), told.tell(result));
    return result;
  }

  /** Tells of what was done. */
  void add(String name, Duration duration, String result) {
    rows.add(new Row(name, duration, result));
  }

  /** Notes whether something is as it has to be. */
  void prove(boolean asItHasToBe) {
    proven &= asItHasToBe;
  }

  /** Whether all was. */
  boolean proven() {
    return proven;
  }

  /**
   * Prints it.
   *
   * @param sentence what it comes to if all is proven
   */
  void print(boolean disk, String sentence) {
    Map<String, Object> json =
        Output.object(
            "proven",
            proven,
            "disk",
            disk,
            "steps",
            rows.stream()
                .map(
                    r ->
                        Output.object(
                            "step",
                            r.step().strip(),
                            "durationMillis",
                            r.duration().toMillis(),
                            "result",
                            r.result()))
                .toList());
    output.print(json, out -> print(out, sentence));
  }

  private void print(PrintWriter out, String sentence) {
    out.println();
    out.printf("%-24s %8s  %s%n", "step", "time", "result");
    for (Row row : rows) {
      out.printf("%-24s %8s  %s%n", row.step(), Output.time(row.duration()), row.result());
    }
    out.println();
    out.println(proven ? sentence : "NOT everything was proven; see above.");
  }
}
