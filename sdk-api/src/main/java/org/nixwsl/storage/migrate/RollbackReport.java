package org.nixwsl.storage.migrate;

import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.mount.InstanceName;

/**
 * A move that was taken back: the old store is the instance's store again. It is as before, or,
 * where the store on the storage had changed since the commit, has these changes too.
 *
 * @param instance the instance
 * @param undone the stages that were taken back by this call, in the order in which that was done
 * @param trash the name in the storage's trash that the instance's directory has now; empty if
 *     there was none
 * @param diskDeleted whether the disk that the move had made was deleted
 * @param broughtBack what this rollback brought into the old store before it took the move back,
 *     also by calls before this one; empty if nothing had to be brought, or it was discarded
 * @param notes what was left and why, for people
 */
public record RollbackReport(
    InstanceName instance,
    List<Stage> undone,
    Optional<String> trash,
    boolean diskDeleted,
    Optional<BroughtBack> broughtBack,
    List<String> notes) {
  /** Copies the lists. */
  public RollbackReport {
    undone = List.copyOf(undone);
    notes = List.copyOf(notes);
  }
}
