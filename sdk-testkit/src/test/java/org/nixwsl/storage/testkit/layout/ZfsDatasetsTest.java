package org.nixwsl.storage.testkit.layout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLayout;
import org.nixwsl.storage.mount.StorageLocation;
import org.nixwsl.storage.testkit.StoreFixture;

class ZfsDatasetsTest {
  @Test
  void isRefusedInThePlanWithWhatTheKernelLacks(@TempDir Path folder) throws Exception {
    Path kernel = Path.of("/proc/filesystems");
    assumeTrue(Files.isReadable(kernel), "skipped: Linux is needed");
    assumeFalse(Files.readString(kernel).contains("zfs"), "skipped: this kernel has ZFS");
    MigrationRequest request =
        MigrationRequest.builder()
            .source(StoreFixture.create(Files.createDirectory(folder.resolve("a")), 7).store())
            .instance(LayoutContract.INSTANCE)
            .storage(
                SharedStorage.builder()
                    .location(new StorageLocation.MountedDirectory(folder))
                    .layout(new StorageLayout.ZfsDatasets())
                    .build())
            .build();
    try (StorageSdk sdk = StorageSdk.open()) {
      List<Problem> refusals = sdk.migrator().plan(request).refusals();
      assertThat(refusals)
          .anySatisfy(
              problem -> {
                assertThat(problem.code()).isEqualTo(ErrorCode.UNSUPPORTED_PLATFORM);
                assertThat(problem.message())
                    .contains("The layout zfs cannot be used")
                    .contains("the kernel has no zfs loaded");
              });
    }
  }
}
