package org.nixwsl.storage.examples.nixwsl;

import java.io.IOException;
import java.nio.file.Path;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.store.NixStore;

/** A process that moves a store and is killed by SIGKILL when a stage begins, or when it ended. */
final class KilledMove {
  private KilledMove() {}

  /** Arguments: root of the store, directory, name of a stage, begin or end. */
  public static void main(String[] args) {
    Stage stage = Stage.valueOf(args[2]);
    RunOptions options =
        args[3].equals("begin")
            ? RunOptions.builder()
                .on(StorageEvent.StageStarted.class, e -> killAt(e.stage() == stage))
                .build()
            : RunOptions.builder()
                .on(StorageEvent.StageEnded.class, e -> killAt(e.stage() == stage))
                .build();
    try (StorageSdk sdk = StorageSdk.open()) {
      MigrationRequest request =
          MigrationRequest.builder()
              .source(NixStore.ofRoot(Path.of(args[0])))
              .instance(InstanceName.of("one"))
              .storage(SharedStorage.inDirectory(Path.of(args[1])))
              .build();
      sdk.migrator().run(sdk.migrator().plan(request), options);
    }
  }

  private static void killAt(boolean now) {
    if (!now) {
      return;
    }
    try {
      new ProcessBuilder("kill", "-KILL", Long.toString(ProcessHandle.current().pid()))
          .start()
          .waitFor();
    } catch (IOException | InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
