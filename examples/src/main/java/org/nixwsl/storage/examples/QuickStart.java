package org.nixwsl.storage.examples;

import java.nio.file.Path;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.migrate.MigrationPlan;
import org.nixwsl.storage.migrate.MigrationReport;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.store.NixStore;

/** Moves the store below a root directory to a new disk: the shortest whole program. */
public final class QuickStart {
  private QuickStart() {}

  /** Arguments: the root directory of the store, the VHDX file, the name of the instance. */
  public static void main(String[] args) {
    // region quick-start
    try (StorageSdk sdk = StorageSdk.open()) {
      MigrationRequest request =
          MigrationRequest.builder()
              .source(NixStore.ofRoot(Path.of(args[0])))
              .storage(SharedStorage.onVhdx(Path.of(args[1])))
              .instance(InstanceName.of(args[2]))
              .createDisk(DiskSpec.ofSize(ByteSize.gibibytes(256)))
              .build();
      MigrationPlan plan = sdk.migrator().plan(request);
      plan.steps().forEach(step -> System.out.println(step.stage() + ": " + step.text()));
      plan.refusals().forEach(refusal -> System.out.println("No: " + refusal.message()));
      if (plan.runnable()) {
        MigrationReport report = sdk.migrator().run(plan);
        System.out.println(report.copy().paths() + " store paths moved and proven");
      }
    }
    // endregion
  }
}
