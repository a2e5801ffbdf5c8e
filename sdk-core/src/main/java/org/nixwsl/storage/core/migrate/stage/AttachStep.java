package org.nixwsl.storage.core.migrate.stage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.SharedStorage;

/**
 * Attaches the storage, formats a blank disk, mounts, and proves which one it is. Done again in
 * each attempt: an attachment ends with the machine.
 */
public final class AttachStep implements StageStep {
  private static final String ATTACHED_BEFORE = "attachedBefore";
  private static final String FORMATTED_AS = "formattedAs";
  private static final String UUID_SEEN = "fileSystemUuid";
  private static final String MOUNTED_TO_UNDO = "mountedToUndo";

  /** The step. */
  public AttachStep() {}

  @Override
  public Stage stage() {
    return Stage.ATTACH;
  }

  @Override
  public boolean needed(Attempt attempt) {
    return true;
  }

  @Override
  public Map<String, String> intent(Attempt attempt) {
    Map<String, String> facts = new HashMap<>();
    boolean before = attempt.machine().mounter().state(attempt.storage()).isPresent();
    // What an attempt of before found stands: what is attached now may be its doing.
    facts.put(
        ATTACHED_BEFORE,
        attempt.state().facts(stage()).getOrDefault(ATTACHED_BEFORE, Boolean.toString(before)));
    if (!before && blank(attempt)) {
      facts.put(FORMATTED_AS, uuid(attempt).orElseGet(UUID::randomUUID).toString());
    }
    return facts;
  }

  @Override
  public Map<String, String> perform(Attempt attempt, StageProgress progress)
      throws IOException, InterruptedException {
    MountedStorage mounted =
        blank(attempt) && attempt.machine().mounter().state(attempt.storage()).isEmpty()
            ? format(attempt)
            : mount(attempt);
    attempt.mounted(mounted);
    requireNotAnothers(attempt);
    return mounted
        .fileSystemUuid()
        .map(uuid -> Map.of(UUID_SEEN, uuid.toString()))
        .orElse(Map.of());
  }

  /**
   * Before anything else is changed: where the journal of a move was lost, its store is there all
   * the same, and an instance may boot from it.
   */
  private static void requireNotAnothers(Attempt attempt) throws IOException, InterruptedException {
    if (attempt.isAnothers()) {
      Optional<Problem> other =
          CopyStep.otherOwner(
              attempt.request(), attempt.requireMounted(), attempt.look().orElseThrow());
      if (other.isPresent()) {
        throw new ConflictException(other.get());
      }
      CommitStep.tidy(attempt);
      throw new ConflictException(CopyStep.anotherStore(attempt));
    }
  }

  /** Whether the storage was attached before the move, so that it stays. */
  private static boolean attachedBefore(Attempt attempt) {
    return Boolean.parseBoolean(
        attempt.state().facts(Stage.ATTACH).getOrDefault(ATTACHED_BEFORE, "true"));
  }

  /** Whether it is mounted only so that a rollback could look at it. */
  public static boolean mountedToUndo(Attempt attempt) {
    return attempt.found(MOUNTED_TO_UNDO).isPresent();
  }

  /** Mounts the storage for a rollback, if there is one: a disk that is gone holds nothing. */
  public static void mountToUndo(Attempt attempt) throws IOException, InterruptedException {
    boolean there = attempt.diskFile().map(Files::exists).orElse(true);
    boolean attached = attempt.machine().mounter().state(attempt.storage()).isPresent();
    if (there && (attached || !blank(attempt))) {
      if (!attached) {
        attempt.found(MOUNTED_TO_UNDO, "true");
      }
      try {
        attempt.mounted(ensure(attempt));
      } catch (DiskException e) {
        if (!formattingWasCutShort(attempt, e)) {
          throw e;
        }
        // To its end, so that it is seen that nothing is on it; refused if anything might be.
        attempt.mounted(format(attempt));
      }
    }
  }

  /** Not as long as it has to be known that the disk was being formatted. */
  @Override
  public boolean undoable(Attempt attempt) {
    return !formatting(attempt)
        || blank(attempt)
        || attempt.diskFile().filter(Files::exists).isEmpty();
  }

  /** Whether formatting was begun and never seen to be done. */
  public static boolean formatting(Attempt attempt) {
    Map<String, String> facts = attempt.state().facts(Stage.ATTACH);
    return facts.containsKey(FORMATTED_AS) && !facts.containsKey(UUID_SEEN);
  }

  /** Only what this move attached; it is looked first whether anything on it keeps its file. */
  @Override
  public void undo(Attempt attempt, Operation operation) throws IOException, InterruptedException {
    Optional<MountedStorage> mounted = attempt.mounted();
    if (attempt.state().rollingBack()
        && mounted.isPresent()
        && attempt.machine().tree().holdsNothing(mounted.get())) {
      attempt.found(DiskStep.EMPTY, "true");
    }
    if (mountedToUndo(attempt)) {
      detach(attempt);
    } else if (!attachedBefore(attempt)) {
      if (attempt.othersRelyOnStorage() || othersOwn(attempt)) {
        attempt.say("The storage stays attached: another instance was moved to it.");
      } else {
        detach(attempt);
      }
    }
  }

  /** Whoever uses it by now, or another partition of the disk, keeps it attached. */
  private static void detach(Attempt attempt) throws IOException, InterruptedException {
    try {
      attempt.change(
          "detach the storage",
          () -> attempt.machine().mounter().unmount(attempt.storage(), RunOptions.ofDefaults()));
      attempt.mounted(null);
    } catch (ConflictException e) {
      if (e.code() != ErrorCode.STORAGE_BUSY) {
        throw e;
      }
      attempt.say("The storage stays attached: " + e.problem().message());
    }
  }

  /**
   * Also without a journal: an instance may have come from another host. In an attempt that failed
   * nobody relied on a storage that was not there before it; and where its files are may be why it
   * failed.
   */
  private static boolean othersOwn(Attempt attempt) throws IOException {
    Optional<MountedStorage> mounted = attempt.mounted();
    return attempt.state().rollingBack()
        && mounted.isPresent()
        && attempt.machine().tree().owners(mounted.get()).stream()
            .anyMatch(name -> !name.equals(attempt.request().instance().value()));
  }

  private static MountedStorage format(Attempt attempt) throws IOException, InterruptedException {
    return attempt.make(
        "format and mount the disk",
        () -> attempt.machine().mounter().prepareBlankDisk(known(attempt), attempt.silent()));
  }

  private static MountedStorage mount(Attempt attempt) throws IOException, InterruptedException {
    try {
      return ensure(attempt);
    } catch (DiskException e) {
      if (!formattingWasCutShort(attempt, e)) {
        throw e;
      }
      // The mounter looks again whether anything at all can be seen on it, and refuses if so.
      return format(attempt);
    }
  }

  /** Mounts the storage if it is not; never formats. */
  static MountedStorage ensure(Attempt attempt) throws IOException, InterruptedException {
    return attempt.make(
        "mount the storage",
        () -> attempt.machine().mounter().ensureMounted(known(attempt), attempt.silent()));
  }

  /** Ours, and its formatting was begun and never confirmed. */
  private static boolean formattingWasCutShort(Attempt attempt, DiskException e) {
    return e.code() == ErrorCode.WRONG_STORAGE
        && formatting(attempt)
        && attempt
            .diskFile()
            .map(file -> attempt.machine().vhdx().inspect(file))
            .filter(disk -> DiskStep.madeBy(attempt.state(), disk))
            .isPresent();
  }

  private static boolean blank(Attempt attempt) {
    Optional<Path> file = attempt.diskFile().filter(Files::exists);
    if (file.isEmpty() || attempt.machine().mounter().state(attempt.storage()).isPresent()) {
      return false;
    }
    try {
      return DiskStep.neverWritten(attempt.machine().vhdx().inspect(file.get()));
    } catch (DiskException e) {
      if (e.code() == ErrorCode.VHDX_IN_USE) {
        return false; // half attached by an attempt of before: the mounter puts that in order
      }
      throw e;
    }
  }

  /** The storage with the UUID that it has to have, as far as that is known. */
  private static SharedStorage known(Attempt attempt) {
    SharedStorage storage = attempt.storage();
    return uuid(attempt).map(storage::knownBy).orElse(storage);
  }

  private static Optional<UUID> uuid(Attempt attempt) {
    Map<String, String> facts = attempt.state().facts(Stage.ATTACH);
    return attempt
        .storage()
        .fileSystemUuid()
        .or(() -> Optional.ofNullable(facts.get(UUID_SEEN)).map(UUID::fromString))
        .or(() -> Optional.ofNullable(facts.get(FORMATTED_AS)).map(UUID::fromString));
  }
}
