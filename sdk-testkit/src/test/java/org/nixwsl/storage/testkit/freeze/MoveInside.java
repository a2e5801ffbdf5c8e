package org.nixwsl.storage.testkit.freeze;

import java.nio.file.Path;
import java.util.Optional;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.RollbackRequest;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.store.NixStore;

/** Moves the store of the instance that it runs in to its disk, or takes that back. */
final class MoveInside {
  private MoveInside() {}

  /** Takes {@code run}, {@code run-armed} or {@code rollback}. */
  public static void main(String[] arguments) {
    SharedStorage disk = SharedStorage.inDirectory(Path.of("/disk"));
    InstanceName instance = InstanceName.of("main");
    try (StorageSdk sdk = StorageSdk.open()) {
      if (arguments[0].equals("rollback")) {
        System.out.println(sdk.migrator().rollBack(RollbackRequest.of(disk, instance)));
        return;
      }
      Optional<Path> configuration =
          Optional.of(Path.of("/etc/nixos")).filter(unused -> arguments[0].equals("run-armed"));
      MigrationRequest move =
          MigrationRequest.builder()
              .source(NixStore.ofRoot(Path.of("/")))
              .instance(instance)
              .storage(disk)
              .configDirectory(configuration)
              .build();
      System.out.println(sdk.migrator().run(sdk.migrator().plan(move)).copy().notes());
    }
  }
}
