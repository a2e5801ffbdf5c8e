package org.nixwsl.storage.benchmarks;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The medians of one benchmark as bars, in the text that Mermaid draws inside of Markdown (its
 * documentation, "XY chart"), as GitHub and GitLab show it.
 */
final class Plot {
  private Plot() {}

  /**
   * A chart for each kind of work that more than one contestant did.
   *
   * @param works contestants by what they did
   */
  static String of(Map<String, List<Timings>> works) {
    StringBuilder text = new StringBuilder();
    works.forEach(
        (work, all) -> {
          if (all.size() > 1) {
            text.append(chart(work, all));
          }
        });
    return text.toString();
  }

  private static String chart(String work, List<Timings> all) {
    return "```mermaid\nxychart-beta horizontal\n"
        + ("  title " + quoted(work + ": seconds, less is better") + "\n")
        + ("  x-axis " + list(all.stream().map(timings -> quoted(timings.name())).toList()) + "\n")
        + ("  bar " + list(all.stream().map(Plot::seconds).toList()) + "\n")
        + "```\n\n";
  }

  private static String list(List<String> parts) {
    return parts.stream().collect(Collectors.joining(", ", "[", "]"));
  }

  private static String seconds(Timings timings) {
    return String.format(Locale.ROOT, "%.2f", timings.median().toNanos() / 1e9);
  }

  /** A quotation mark in a name would end it. */
  private static String quoted(String name) {
    return '"' + name.replace('"', '\'') + '"';
  }
}
