package org.nixwsl.storage.core.vhdx.findings;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.nixwsl.storage.disk.DiskCheck.Finding;
import org.nixwsl.storage.disk.DiskCheck.Severity;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.Problem;

/**
 * Where broken rules are told. A strict reader refuses the disk at the first error and lets
 * warnings pass; a check collects everything and goes on. Not thread-safe.
 */
public final class Findings {
  /** A hostile table could break one rule millions of times; more of one kind are only counted. */
  static final int KEPT_PER_CODE = 100;

  private final String file;
  private final boolean refusing;
  private final List<Finding> kept = new ArrayList<>();
  private final Map<FindingCode, Long> counts = new EnumMap<>(FindingCode.class);

  private Findings(String file, boolean refusing) {
    this.file = file;
    this.refusing = refusing;
  }

  /**
   * Refuses at the first error.
   *
   * @param file the file's name for messages
   */
  public static Findings refusing(String file) {
    return new Findings(file, true);
  }

  /** Collects everything. */
  public static Findings collecting(String file) {
    return new Findings(file, false);
  }

  /**
   * Tells of a broken rule.
   *
   * @param offset the byte in the file where it was seen; as the file gives it, may be nonsense
   * @param message what is wrong, one sentence for people, without a full stop
   * @throws DiskException if this is strict and the rule is an error
   */
  public void report(FindingCode code, long offset, String message) {
    if (refusing) {
      if (code.severity() == Severity.ERROR) {
        throw refusal(code, message);
      }
      return;
    }
    if (counts.merge(code, 1L, Long::sum) <= KEPT_PER_CODE) {
      kept.add(new Finding(code.severity(), code.name(), message + ".", offset));
    }
  }

  /** The refusal of the disk for a broken rule. */
  public DiskException refusal(FindingCode code, String message) {
    return new DiskException(
        Problem.of(
            code.errorCode(),
            "Cannot use " + file + ": " + message + " (" + code + ").",
            code.remedy()));
  }

  /** What was collected: errors first, each kind in the order in which it was met. */
  public List<Finding> toList() {
    List<Finding> all = new ArrayList<>(kept);
    counts.forEach(
        (code, count) -> {
          if (count > KEPT_PER_CODE) {
            String more = (count - KEPT_PER_CODE) + " more findings of this kind.";
            all.add(new Finding(code.severity(), code.name(), more, 0));
          }
        });
    all.sort(Comparator.comparing(Finding::severity).reversed());
    return all;
  }
}
