package org.nixwsl.storage.testkit.move;

import java.nio.file.Path;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.store.NixStore;

/** A program that moves a store as any other would, and is killed when a stage begins. */
final class KilledMove {
  private KilledMove() {}

  /**
   * Takes the file of the disk, the instance, the stage, and perhaps a script that is run in the
   * instance before the end.
   */
  public static void main(String[] args) {
    Stage last = Stage.valueOf(args[2]);
    RunOptions options =
        RunOptions.builder()
            .on(
                StorageEvent.StageStarted.class,
                event -> {
                  if (event.stage() == last) {
                    if (args.length > 3) {
                      String wsl = System.getenv("NIXWSL_WSL");
                      run(wsl, "-d", args[1], "--exec", "/bin/sh", "-c", args[3]);
                    }
                    run("kill", "-9", Long.toString(ProcessHandle.current().pid()));
                  }
                })
            .build();
    try (StorageSdk sdk = StorageSdk.open()) {
      sdk.migrator().run(sdk.migrator().plan(request(Path.of(args[0]), args[1]).build()), options);
    }
  }

  static MigrationRequest.Builder request(Path disk, String instance) {
    return MigrationRequest.builder()
        .source(NixStore.ofRoot(Path.of("/")))
        .instance(InstanceName.of(instance))
        .storage(SharedStorage.onVhdx(disk))
        .createDisk(DiskSpec.ofSize(ByteSize.mebibytes(512)));
  }

  static void run(String... command) {
    Operation.quiet("test", operation -> new ProcessRunner().runOk(Command.of(command), operation));
  }
}
