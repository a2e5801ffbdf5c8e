package org.nixwsl.storage.migrate;

import java.time.Duration;
import java.util.List;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.error.Problem;

/**
 * What a migration would do, measured and not yet begun.
 *
 * @param request what was asked for
 * @param paths store paths to copy
 * @param inodes files, symlinks and directories to make
 * @param bytes what they take on the disk, blocks rounded up
 * @param steps what would be done, in order
 * @param refusals every reason not to start; empty when the plan can be run
 * @param notes what to know, and no reason to refuse; for people
 */
public record MigrationPlan(
    MigrationRequest request,
    long paths,
    long inodes,
    ByteSize bytes,
    List<Step> steps,
    List<Problem> refusals,
    List<String> notes) {
  /** Copies the lists. */
  public MigrationPlan {
    steps = List.copyOf(steps);
    refusals = List.copyOf(refusals);
    notes = List.copyOf(notes);
  }

  /** Whether it can be run. */
  public boolean runnable() {
    return refusals.isEmpty();
  }

  /**
   * One step.
   *
   * @param stage the stage it belongs to
   * @param text what is done, for people
   * @param estimate how long it may take; a guess from sizes, not a promise
   */
  public record Step(Stage stage, String text, Duration estimate) {}
}
