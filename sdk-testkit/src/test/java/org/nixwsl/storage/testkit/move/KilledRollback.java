package org.nixwsl.storage.testkit.move;

import java.nio.file.Path;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.migrate.RollbackRequest;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.SharedStorage;

/**
 * A program that takes a move back as any other would, and is killed when a stage begins, or in the
 * middle of bringing changes back.
 */
final class KilledRollback {
  private KilledRollback() {}

  /** Takes the file of the disk, the instance and the stage. */
  public static void main(String[] args) {
    Stage last = Stage.valueOf(args[2]);
    RunOptions options =
        RunOptions.builder()
            .on(
                StorageEvent.StageStarted.class,
                event -> killAt(event.stage() == last && last != Stage.BRING_BACK))
            .on(StorageEvent.Progress.class, event -> killAt(event.stage() == last))
            .build();
    try (StorageSdk sdk = StorageSdk.open()) {
      sdk.migrator()
          .rollBack(
              RollbackRequest.of(SharedStorage.onVhdx(Path.of(args[0])), InstanceName.of(args[1])),
              options);
    }
  }

  private static void killAt(boolean here) {
    if (here) {
      KilledMove.run("kill", "-9", Long.toString(ProcessHandle.current().pid()));
    }
  }
}
