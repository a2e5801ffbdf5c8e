package org.nixwsl.storage.core.migrate.stage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.UUID;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.migrate.journal.JournalState;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.disk.DiskInfo;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.disk.LogState;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.migrate.Stage;

/** Makes the disk where there is none. */
public final class DiskStep implements StageStep {
  private static final String DISK_ID = "diskId";

  /** Whether the file holds nothing that was on the storage when it was last looked at. */
  static final String EMPTY = "empty";

  /** The step. */
  public DiskStep() {}

  @Override
  public Stage stage() {
    return Stage.DISK;
  }

  @Override
  public boolean needed(Attempt attempt) {
    JournalState.Progress progress = attempt.state().of(stage());
    boolean open =
        progress == JournalState.Progress.BEGUN || progress == JournalState.Progress.UNDOING;
    return attempt.diskFile().filter(file -> open || Files.notExists(file)).isPresent();
  }

  @Override
  public Map<String, String> perform(Attempt attempt, StageProgress progress)
      throws IOException, InterruptedException {
    Path file = attempt.diskFile().orElseThrow();
    DiskSpec spec = attempt.request().createDisk().orElseThrow();
    if (Files.notExists(file)) {
      DiskInfo made =
          attempt.make(
              "create the disk",
              () -> attempt.machine().vhdx().create(file, spec, attempt.silent()));
      return Map.of(DISK_ID, made.diskId().toString());
    }
    // It came between the intent and now: the killed attempt made it, or somebody else did. A blank
    // one of the right size may be used either way.
    DiskInfo there = attempt.machine().vhdx().inspect(file);
    if (madeBy(attempt.state(), there)) {
      return Map.of();
    }
    if (neverWritten(there) && there.virtualSize().equals(spec.virtualSize())) {
      return Map.of(DISK_ID, there.diskId().toString());
    }
    attempt.say(PathBytes.printable(file) + " was not made by this move.");
    return Map.of();
  }

  /** Only what this move made, and what holds nothing of anyone. */
  @Override
  public boolean undoable(Attempt attempt) throws IOException {
    Path file = attempt.diskFile().orElse(null);
    if (file == null || Files.notExists(file)) {
      return true;
    }
    try {
      DiskInfo now = attempt.machine().vhdx().inspect(file);
      boolean blank = neverWritten(now);
      boolean made =
          madeBy(attempt.state(), now)
              || (blank
                  && attempt.state().of(stage()) != JournalState.Progress.UNTOUCHED
                  && !attempt.state().facts(stage()).containsKey(DISK_ID));
      return made && (blank || attempt.found(EMPTY).isPresent());
    } catch (StorageSdkException e) {
      attempt.say(PathBytes.printable(file) + " was not looked into: " + e.problem().message());
      return false; // in use, or no disk any more
    }
  }

  @Override
  public void undo(Attempt attempt, Operation operation) throws IOException, InterruptedException {
    Path file = attempt.diskFile().orElse(null);
    if (file != null && undoable(attempt)) {
      attempt.change("delete the disk", () -> Files.deleteIfExists(file));
    }
  }

  /** Whether the journal says that this move made the disk. */
  static boolean madeBy(JournalState state, DiskInfo disk) {
    String id = state.facts(Stage.DISK).get(DISK_ID);
    return id != null && UUID.fromString(id).equals(disk.diskId());
  }

  /**
   * A disk that was formatted, or only partitioned, has blocks; a new one has none. A log says that
   * somebody wrote, and one that cannot be replayed hides which blocks there are.
   */
  static boolean neverWritten(DiskInfo info) {
    return info.log() == LogState.CLEAN
        && info.blocks().fullyPresent() == 0
        && info.blocks().partiallyPresent() == 0;
  }
}
