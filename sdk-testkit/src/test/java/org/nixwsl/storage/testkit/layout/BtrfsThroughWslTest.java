package org.nixwsl.storage.testkit.layout;

import java.nio.file.Path;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.nixwsl.storage.core.vhdx.VhdxEngine;
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
  private static final DiskSpec DISK = DiskSpec.ofSize(ByteSize.mebibytes(512));

  @Override
  SharedStorage storage() {
    return on(wsl.folder().resolve("shared.vhdx"));
  }

  @Override
  SharedStorage onAnotherFileSystem() {
    Path file = wsl.folder().resolve("another.vhdx");
    new VhdxEngine().create(file, DISK);
    wsl.change(machine -> machine.format(file, 0, "ext4", UUID.randomUUID()));
    return on(file);
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
        .createDisk(DISK)
        .build();
  }

  @Override
  String mountPoint() {
    return "/mnt/wsl/nixstorage";
  }
}
