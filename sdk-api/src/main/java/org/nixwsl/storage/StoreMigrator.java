package org.nixwsl.storage;

import java.util.List;
import org.nixwsl.storage.migrate.MigrationPlan;
import org.nixwsl.storage.migrate.MigrationReport;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.MigrationStatus;
import org.nixwsl.storage.migrate.ReclaimReport;
import org.nixwsl.storage.migrate.RollbackReport;
import org.nixwsl.storage.migrate.RollbackRequest;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.SharedStorage;

/**
 * Moves a store to the shared storage. Until the last step the old store is whole and in use; the
 * last step is one rename. The old store is never changed or deleted. Thread-safe; calls that
 * change something on one storage exclude each other, also across processes.
 *
 * <p>What a move does is written down in a journal beside the storage before it is done ({@code
 * docs/journal-format.md}). Killed at any moment, it can be taken up by {@link #resume} or taken
 * back by {@link #rollBack}, by any process that sees the storage.
 *
 * <p>On Windows the work is done inside the WSL instance of the request, by a program that is sent
 * there ({@code docs/guest-protocol.md}): a call starts the instance, and where it has no Java, Nix
 * is asked for one, which then is in its store.
 *
 * <p>A store that the machine itself runs on under systemd is frozen from the last look at it to
 * the commit ({@code docs/freeze.md}): no daemon of Nix, and {@code /nix} read-only. After the
 * commit it stays so until the instance is restarted or the move taken back, if the request names a
 * configuration; else the store is in use again at once.
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
   * Does what the plan says, after looking again that it still holds. A move of the same store that
   * was cut short is taken up.
   *
   * @throws org.nixwsl.storage.error.ConflictException {@code PLAN_REFUSED}, {@code STORE_IN_USE},
   *     {@code STORE_CHANGED}, {@code TARGET_NOT_EMPTY}, {@code OTHER_OWNER}, {@code MOVE_RUNNING},
   *     {@code MOVE_UNFINISHED} if another move of this instance was not brought to its end
   * @throws org.nixwsl.storage.error.CommandException {@code SWITCH_FAILED} with what {@code
   *     nixos-rebuild} printed
   * @throws org.nixwsl.storage.error.EnvironmentException {@code RESTART_FAILED} if the instance
   *     did not come up on the storage: it goes on with the old store then
   * @throws org.nixwsl.storage.error.IntegrityException {@code SOURCE_DAMAGED} or {@code
   *     TARGET_DAMAGED}, with the paths; the target is not committed then
   * @throws org.nixwsl.storage.error.OperationCancelledException if it was cancelled
   */
  MigrationReport run(MigrationPlan plan, RunOptions options);

  /** {@link #run(MigrationPlan, RunOptions)} that nobody follows. */
  default MigrationReport run(MigrationPlan plan) {
    return run(plan, RunOptions.ofDefaults());
  }

  /**
   * Moves several instances to one storage, one after another. The disk is made, attached and
   * mounted once, by the first of them, and detached after the last if any of the plans asks for
   * that. Each move is an operation of its own with its own journal: when one fails, those before
   * it are done, and those after it not begun.
   *
   * @param plans for one storage, each instance once; at least one
   * @throws IllegalArgumentException if they are for several storages or name an instance twice
   * @throws org.nixwsl.storage.error.StorageSdkException as for {@link #run(MigrationPlan,
   *     RunOptions)}
   */
  List<MigrationReport> runAll(List<MigrationPlan> plans, RunOptions options);

  /** {@link #runAll(List, RunOptions)} that nobody follows. */
  default List<MigrationReport> runAll(List<MigrationPlan> plans) {
    return runAll(plans, RunOptions.ofDefaults());
  }

  /**
   * Goes on with a move that was cut short, and ends as an undisturbed run does. What was copied
   * and proven is not copied again. A move that was committed is only tidied up.
   *
   * @param storage the storage as in the request of the move
   * @throws org.nixwsl.storage.error.ConflictException {@code MOVE_NOT_FOUND} if there is nothing
   *     to go on with, {@code MOVE_UNFINISHED} if its rollback was begun, and as for {@link
   *     #run(MigrationPlan, RunOptions)}
   * @throws org.nixwsl.storage.error.EnvironmentException {@code JOURNAL_FOREIGN}, {@code
   *     JOURNAL_DAMAGED}, {@code JOURNAL_TOO_NEW}
   */
  MigrationReport resume(SharedStorage storage, InstanceName instance, RunOptions options);

  /** {@link #resume(SharedStorage, InstanceName, RunOptions)} that nobody follows. */
  default MigrationReport resume(SharedStorage storage, InstanceName instance) {
    return resume(storage, instance, RunOptions.ofDefaults());
  }

  /**
   * Takes a move back, finished or not: the id, the arming, the configuration and the switch to it,
   * the task at logon, the directory on the storage, which goes to the storage's trash, and the
   * attachment that the move had made. An instance that runs from the directory is restarted, where
   * that can be done from here, and has to come up on its root disk. A disk that the move had made
   * is deleted if nothing is on it: no directory of an instance, no owner in the register, nothing
   * in the trash. Nothing that was once a store is deleted. A rollback that was cut short is
   * brought to its end by calling it again.
   *
   * <p>What came to the storage since the commit is brought into the old store first, and proven
   * there, unless {@link RollbackRequest#discardChangesSince} lets it go: store paths, profiles and
   * roots. Store paths and roots that only the old store has stay there; its profiles become those
   * of the storage. Where a boot may have taken the storage, store paths that the old store has
   * lost since are brought too, also if nothing was built. Until that is done the id stays, and the
   * instance goes on on the storage. The store on the storage stands still meanwhile, where it can
   * be made to; what is written to one that cannot, before its instance is stopped, makes the call
   * fail with {@code STORE_CHANGED}, and the next one brings it.
   *
   * @throws org.nixwsl.storage.error.ConflictException {@code MOVE_NOT_FOUND}; {@code STORAGE_BUSY}
   *     if an instance runs from the directory and cannot be restarted from here; {@code
   *     CHANGED_SINCE_COMMIT} if the directory holds what the old store does not, and that cannot
   *     be brought back from here; {@code STORE_IN_USE} if Nix works in the old store, {@code
   *     STORE_CHANGED} if the other one changes while it is brought back; {@code MOVE_RUNNING}
   * @throws org.nixwsl.storage.error.EnvironmentException {@code NOT_A_STORE} if the move was
   *     committed and the old store is not there any more; {@code NO_SPACE} if it has no room for
   *     what has to be brought back; {@code JOURNAL_FOREIGN}, {@code JOURNAL_DAMAGED}, {@code
   *     JOURNAL_TOO_NEW}
   * @throws org.nixwsl.storage.error.IntegrityException {@code SOURCE_DAMAGED} if store paths that
   *     have to be brought back are damaged, {@code TARGET_DAMAGED} if they came back from the old
   *     store's device with other contents
   */
  RollbackReport rollBack(RollbackRequest request, RunOptions options);

  /** {@link #rollBack(RollbackRequest, RunOptions)} that nobody follows. */
  default RollbackReport rollBack(RollbackRequest request) {
    return rollBack(request, RunOptions.ofDefaults());
  }

  /**
   * How far the move of an instance is. Changes nothing, and attaches nothing: what is on a disk
   * that is not mounted is not seen.
   *
   * @throws org.nixwsl.storage.error.EnvironmentException {@code JOURNAL_FOREIGN}, {@code
   *     JOURNAL_DAMAGED}, {@code JOURNAL_TOO_NEW}
   */
  MigrationStatus status(SharedStorage storage, InstanceName instance);

  /**
   * Empties the trash of a mounted storage: what rollbacks put there is gone then, and the
   * snapshots of a layout that has some. What an instance still runs from is kept.
   *
   * @throws org.nixwsl.storage.error.EnvironmentException {@code TOOL_MISSING} if there are
   *     subvolumes, and no program to delete them
   * @throws org.nixwsl.storage.error.DiskException {@code NOT_MOUNTED}
   * @throws org.nixwsl.storage.error.ConflictException {@code MOVE_RUNNING}
   */
  ReclaimReport reclaim(SharedStorage storage, RunOptions options);

  /** {@link #reclaim(SharedStorage, RunOptions)} that nobody follows. */
  default ReclaimReport reclaim(SharedStorage storage) {
    return reclaim(storage, RunOptions.ofDefaults());
  }
}
