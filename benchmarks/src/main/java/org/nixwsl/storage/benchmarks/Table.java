package org.nixwsl.storage.benchmarks;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The Markdown table of one measurement. */
final class Table {
  private Table() {}

  /**
   * One line for each contestant, and a column for each of ours with its median as a part of that
   * line's.
   */
  static String of(List<Timings> all) {
    List<Timings> ours = all.stream().filter(Timings::ours).toList();
    List<String> head =
        new ArrayList<>(List.of("contestant", "median s", "fastest", "slowest", "CPU s"));
    ours.forEach(our -> head.add(our.name() + " ÷ this"));
    StringBuilder text = new StringBuilder(line(head));
    text.append("|---|").append("--:|".repeat(head.size() - 1)).append('\n');
    for (Timings timings : all) {
      List<String> cells =
          new ArrayList<>(
              List.of(
                  timings.name(),
                  seconds(timings.median()),
                  seconds(timings.fastest()),
                  seconds(timings.slowest()),
                  seconds(timings.medianCpu())));
      for (Timings our : ours) {
        cells.add(
            our.equals(timings) ? "" : String.format(Locale.ROOT, "%.2fx", our.ratioTo(timings)));
      }
      text.append(line(cells));
    }
    return text.toString();
  }

  /** Milliseconds matter below a second and are noise above ten. */
  private static String seconds(Duration duration) {
    double seconds = duration.toNanos() / 1e9;
    return String.format(
        Locale.ROOT, seconds < 1 ? "%.3f" : seconds < 10 ? "%.2f" : "%.1f", seconds);
  }

  private static String line(List<String> cells) {
    StringBuilder line = new StringBuilder("|");
    // A bar in a name would end the cell.
    cells.forEach(cell -> line.append(' ').append(cell.replace("|", "\\|")).append(" |"));
    return line.append('\n').toString();
  }
}
