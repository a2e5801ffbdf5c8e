package org.nixwsl.storage.config;

import java.util.List;

/**
 * What is known of a configuration.
 *
 * @param steps what was done to find out, and what was not, in order
 * @param findings what our own rules say
 */
public record ConfigCheck(List<Step> steps, List<ConfigFinding> findings) {
  /** Makes the lists unmodifiable. */
  public ConfigCheck {
    steps = List.copyOf(steps);
    findings = List.copyOf(findings);
  }

  /** Whether no step failed and no rule is broken. Says nothing of steps that were not run. */
  public boolean passed() {
    return findings.isEmpty() && steps.stream().noneMatch(s -> s.outcome() == Outcome.FAILED);
  }

  /**
   * One way to look at a configuration.
   *
   * @param name what was done, for people
   * @param outcome how it ended
   * @param detail what a program complained about, or why it was not run; may be empty
   */
  public record Step(String name, Outcome outcome, String detail) {}

  /** How a step ended. */
  public enum Outcome {
    /** Nothing to complain about, or the findings have it. */
    PASSED,
    /** It failed; the detail says how. */
    FAILED,
    /** It was not run; the detail says why. */
    NOT_RUN
  }
}
