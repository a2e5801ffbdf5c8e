package org.nixwsl.storage.store;

import java.time.Duration;
import java.util.List;
import org.nixwsl.storage.disk.ByteSize;

/**
 * The result of a verification.
 *
 * @param level how deep it looked
 * @param paths how many store paths the database names
 * @param bytes the sum of the NAR sizes that were looked at
 * @param duration how long it took
 * @param findings what was found, in the order of the paths
 * @param notes what limits the result, such as a lock that could not be taken; for people
 */
public record VerifyReport(
    VerifyLevel level,
    long paths,
    ByteSize bytes,
    Duration duration,
    List<StoreFinding> findings,
    List<String> notes) {
  /** Copies the lists. */
  public VerifyReport {
    findings = List.copyOf(findings);
    notes = List.copyOf(notes);
  }

  /** Whether any finding is damage. */
  public boolean damaged() {
    return findings.stream().anyMatch(f -> f.verdict().damage());
  }
}
