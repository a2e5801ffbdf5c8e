package org.nixwsl.storage.benchmarks;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The Markdown table of one benchmark. */
final class Table {
  private Table() {}

  /**
   * A line for each contestant of each kind of work, and a column for each of ours with its median
   * as a part of that line's, for the same work.
   *
   * @param works contestants by what they did
   */
  static String of(Map<String, List<Timings>> works) {
    List<String> ours =
        works.values().stream()
            .flatMap(List::stream)
            .filter(Timings::ours)
            .map(Timings::name)
            .distinct()
            .toList();
    List<String> head =
        new ArrayList<>(
            List.of("work", "contestant", "median s", "fastest", "slowest", "CPU s", "peak MB"));
    ours.forEach(our -> head.add(our + " ÷ this"));
    StringBuilder text = new StringBuilder(line(head));
    text.append("|---|---|").append("--:|".repeat(head.size() - 2)).append('\n');
    works.forEach(
        (work, all) -> all.forEach(timings -> text.append(line(cells(work, timings, all, ours)))));
    return text.toString();
  }

  private static List<String> cells(
      String work, Timings timings, List<Timings> all, List<String> ours) {
    List<String> cells =
        new ArrayList<>(
            List.of(
                work,
                timings.name(),
                seconds(timings.median()),
                seconds(timings.fastest()),
                seconds(timings.slowest()),
                seconds(timings.medianCpu()),
                timings.peakBytes() == 0
                    ? ""
                    : String.format(Locale.ROOT, "%.0f", timings.peakBytes() / 1e6)));
    for (String name : ours) {
      cells.add(
          all.stream()
              .filter(other -> other.name().equals(name) && !name.equals(timings.name()))
              .map(our -> String.format(Locale.ROOT, "%.2fx", our.ratioTo(timings)))
              .findFirst()
              .orElse(""));
    }
    return cells;
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
