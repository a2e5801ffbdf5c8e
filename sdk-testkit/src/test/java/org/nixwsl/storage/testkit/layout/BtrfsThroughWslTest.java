package org.nixwsl.storage.testkit.layout;

import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLayout;
import org.nixwsl.storage.mount.StorageLocation;
import org.nixwsl.storage.store.NixStore;

/** The contract on a VHDX that becomes a btrfs, through {@code wsl}. */
@Tag("long")
@Tag("once")
class BtrfsThroughWslTest extends DisksOfWsl {
  @Override
  SharedStorage storage() {
    return on(wsl.folder().resolve("shared.vhdx"));
  }

  @Override
  SharedStorage onAnotherFileSystem() {
    return on(wsl.addDisk("another", "ext4"));
  }

  private static SharedStorage on(Path file) {
    return SharedStorage.builder()
        .location(new StorageLocation.VhdxFile(file))
        .layout(new StorageLayout.BtrfsSubvolumes(3))
        .build();
  }

  @Override
  MigrationRequest request(SharedStorage storage) {
    return MigrationRequest.builder()
        .source(NixStore.ofRoot(Path.of("/")))
        .instance(INSTANCE)
        .storage(storage)
        .createDisk(DiskSpec.ofSize(ByteSize.mebibytes(512)))
        .build();
  }

  @Override
  String mountPoint() {
    return "/mnt/wsl/nixstorage";
  }
}
