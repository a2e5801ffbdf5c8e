package org.nixwsl.storage.disk;

import java.util.List;

/**
 * The result of {@link org.nixwsl.storage.VhdxManager#check}.
 *
 * @param findings everything that was found, errors first
 */
public record DiskCheck(List<Finding> findings) {
  /** Copies the list. */
  public DiskCheck {
    findings = List.copyOf(findings);
  }

  /** The worst severity found. */
  public Status status() {
    if (findings.isEmpty()) {
      return Status.CLEAN;
    }
    return findings.stream().anyMatch(f -> f.severity() == Severity.ERROR)
        ? Status.ERRORS
        : Status.WARNINGS;
  }

  /** The whole check in one word. */
  public enum Status {
    /** Nothing was found. */
    CLEAN,
    /** Legal but odd; the file can be used. */
    WARNINGS,
    /** Windows would refuse the file, or data would differ. */
    ERRORS
  }

  /** How bad a finding is. */
  public enum Severity {
    /** Legal but odd. */
    WARNING,
    /** Windows would refuse the file, or data would differ. */
    ERROR
  }

  /**
   * One thing that was found.
   *
   * @param severity how bad it is
   * @param code a stable name, such as {@code HEADER_INVALID}
   * @param message what is wrong, for people
   * @param offset the byte in the file where it was seen
   */
  public record Finding(Severity severity, String code, String message, long offset) {}
}
