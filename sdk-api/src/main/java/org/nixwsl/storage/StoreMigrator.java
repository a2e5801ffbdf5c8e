package org.nixwsl.storage;

import org.nixwsl.storage.migrate.MigrationPlan;
import org.nixwsl.storage.migrate.MigrationReport;
import org.nixwsl.storage.migrate.MigrationRequest;

/**
 * Moves a store to the shared storage. Until the last step the old store is whole and in use; the
 * last step is one rename. The old store is never changed or deleted. Thread-safe; two migrations
 * of one instance exclude each other, also across processes.
 */
public interface StoreMigrator {
  /**
   * Measures and looks, changes nothing. A plan with refusals is a normal result: nothing is thrown
   * for a reason that a plan can carry.
   */
  MigrationPlan plan(MigrationRequest request, RunOptions options);

  /** {@link #plan(MigrationRequest, RunOptions)} that nobody follows. */
  default MigrationPlan plan(MigrationRequest request) {
    return plan(request, RunOptions.ofDefaults());
  }

  /**
   * Does what the plan says, after looking again that it still holds.
   *
   * @throws org.nixwsl.storage.error.ConflictException {@code PLAN_REFUSED}, {@code STORE_IN_USE},
   *     {@code STORE_CHANGED}, {@code TARGET_NOT_EMPTY}
   * @throws org.nixwsl.storage.error.IntegrityException {@code SOURCE_DAMAGED} or {@code
   *     TARGET_DAMAGED}, with the paths; the target is not committed then
   * @throws org.nixwsl.storage.error.OperationCancelledException if it was cancelled
   */
  MigrationReport run(MigrationPlan plan, RunOptions options);

  /** {@link #run(MigrationPlan, RunOptions)} that nobody follows. */
  default MigrationReport run(MigrationPlan plan) {
    return run(plan, RunOptions.ofDefaults());
  }
}
