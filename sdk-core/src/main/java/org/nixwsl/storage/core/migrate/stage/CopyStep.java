package org.nixwsl.storage.core.migrate.stage;

import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.migrate.journal.JournalState;
import org.nixwsl.storage.core.platform.StorageTree;
import org.nixwsl.storage.core.platform.StorageTree.Directory;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.IntegrityException;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.StorageLayout;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.StoreFinding;

/**
 * Makes the directory ours and copies the store paths, while the system lives. What earlier
 * attempts brought to the device is known to the copy's own journal, on the storage.
 */
public final class CopyStep implements StageStep {
  private static final String CLAIMED = "claimed";

  /** So many paths are named in a message; the error carries them all. */
  private static final int NAMED = 5;

  /** The step. */
  public CopyStep() {}

  @Override
  public Stage stage() {
    return Stage.COPY;
  }

  @Override
  public boolean needed(Attempt attempt) throws IOException, InterruptedException {
    return !attempt.committed();
  }

  @Override
  public Map<String, String> intent(Attempt attempt) throws IOException, InterruptedException {
    StorageTree.Facts facts = attempt.look().orElseThrow();
    Optional<Problem> other = otherOwner(attempt.request(), attempt.requireMounted(), facts);
    if (other.isPresent()) {
      throw new ConflictException(other.get());
    }
    List<Problem> unsuitable =
        attempt
            .machine()
            .tree()
            .refusals(
                attempt.storage().layout(),
                attempt.request().instance(),
                attempt.mounted(),
                attempt.operation());
    if (!unsuitable.isEmpty()) {
      throw new ConflictException(unsuitable.get(0));
    }
    if (facts.directory() == Directory.STORE && !finishedBefore(attempt)) {
      throw new ConflictException(anotherStore(attempt)); // a rollback must not take it for ours
    }
    Map<String, String> claim = new HashMap<>();
    if (facts.owner().isEmpty()) {
      facts.us().ifPresent(us -> claim.put(CLAIMED, us));
    }
    return claim;
  }

  @Override
  public Map<String, String> perform(Attempt attempt, StageProgress progress)
      throws IOException, InterruptedException {
    String claim = attempt.state().facts(stage()).get(CLAIMED);
    if (claim != null) {
      attempt.change(
          "claim the directory",
          () ->
              attempt
                  .machine()
                  .tree()
                  .claim(attempt.requireMounted(), attempt.request().instance(), claim));
    }
    StorageTree tree = attempt.machine().tree();
    StorageLayout layout = attempt.storage().layout();
    boolean update = finishedBefore(attempt);
    if (update) {
      attempt.change(
          "keep the copy as it was",
          () ->
              tree.snapshot(
                  layout,
                  attempt.requireMounted(),
                  attempt.request().instance(),
                  "before-update",
                  attempt.operation()));
    }
    attempt.change(
        "make the directory",
        () ->
            tree.makeDirectory(
                layout,
                attempt.requireMounted(),
                attempt.request().instance(),
                attempt.operation()));
    attempt.session(
        attempt.make(
            "begin the copy",
            () ->
                attempt.machine().host().begin(attempt.copyRequest(update), attempt.operation())));
    attempt.keepRoom(progress);
    attempt.change("copy the store paths", () -> attempt.session().copyPaths(progress));
    requireSound(attempt.session().report());
    return Map.of();
  }

  /** Whether the target is a store by this move's doing, whose commit was taken back. */
  private static boolean finishedBefore(Attempt attempt) throws IOException, InterruptedException {
    return attempt.state().of(Stage.STATE) != JournalState.Progress.UNTOUCHED
        && attempt.look().orElseThrow().directory() == Directory.STORE;
  }

  /** The reason not to begin that the directory is somebody else's. */
  public static Optional<Problem> otherOwner(
      MigrationRequest request, MountedStorage mounted, StorageTree.Facts facts) {
    return facts.ownedByAnother()
        ? Optional.of(
            Problem.of(
                ErrorCode.OTHER_OWNER,
                "The directory "
                    + PathBytes.printable(mounted.instanceDirectory(request.instance()))
                    + " belongs to the instance with the root disk "
                    + facts.owner().orElseThrow()
                    + ", and this one has "
                    + facts.us().orElse("one that cannot be told")
                    + ".",
                "Choose another name for this instance, or make it the owner with nix-storage"
                    + " adopt."))
        : Optional.empty();
  }

  /** The reason not to touch a store that this move did not make. */
  static Problem anotherStore(Attempt attempt) {
    return Problem.of(
        ErrorCode.TARGET_NOT_EMPTY,
        "The directory "
            + PathBytes.printable(attempt.target().directory())
            + " is a store already, and the journal of this move did not make it.",
        "If the instance was moved before and its journal is lost, nothing is left to do. Else look"
            + " at the directory and move it away, or choose another name for the instance.");
  }

  @Override
  public boolean undoable(Attempt attempt) throws IOException, InterruptedException {
    return !attempt.isAnothers()
        && attempt.look().map(facts -> facts.directory() != Directory.FOREIGN).orElse(true);
  }

  /** To the trash, whatever it is by now: nothing that may have been a store is deleted. */
  @Override
  public void undo(Attempt attempt, Operation operation) throws IOException, InterruptedException {
    if (attempt.mounted().isEmpty()) {
      return;
    }
    String name = attempt.request().instance().value() + "." + attempt.state().header().migration();
    attempt
        .make(
            "move the directory to the trash",
            () ->
                attempt
                    .machine()
                    .tree()
                    .moveToTrash(attempt.requireMounted(), attempt.request().instance(), name))
        .ifPresent(in -> attempt.found("trash", in));
    String claim = attempt.state().facts(stage()).get(CLAIMED);
    if (claim != null) {
      attempt.change(
          "release the directory",
          () ->
              attempt
                  .machine()
                  .tree()
                  .release(attempt.requireMounted(), attempt.request().instance(), claim));
    }
  }

  /**
   * Passes if the source had no damage.
   *
   * @throws IntegrityException {@code SOURCE_DAMAGED} with all damaged paths
   */
  static void requireSound(CopyReport report) {
    requireSound(report, "moved");
  }

  /**
   * The same of another way.
   *
   * @param what what is not done with a damaged store, such as "moved"
   */
  public static void requireSound(CopyReport report, String what) {
    List<StoreFinding> damage =
        report.findings().stream().filter(f -> f.verdict().damage()).toList();
    if (damage.isEmpty()) {
      return;
    }
    String names =
        damage.stream()
            .limit(NAMED)
            .map(f -> f.path() + " (" + f.verdict() + ")")
            .collect(Collectors.joining(", "));
    throw new IntegrityException(
        Problem.of(
            ErrorCode.SOURCE_DAMAGED,
            "The store is not "
                + what
                + ", because "
                + damage.size()
                + " of its paths differ from what its database says: "
                + names
                + (damage.size() > NAMED ? ", ..." : "")
                + ".",
            "Repair the source with nix-store --repair-path, or delete the paths, and call again."),
        damage);
  }
}
