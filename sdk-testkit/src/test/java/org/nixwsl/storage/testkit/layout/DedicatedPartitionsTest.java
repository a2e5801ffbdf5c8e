package org.nixwsl.storage.testkit.layout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.core.migrate.MigrationEngine;
import org.nixwsl.storage.core.migrate.stage.SideEffects;
import org.nixwsl.storage.core.vhdx.VhdxEngine;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.migrate.MigrationPlan;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.MigrationStatus;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountName;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLayout;
import org.nixwsl.storage.mount.StorageLocation;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.testkit.wsl.model.DiskContents;

/** The contract on partitions of a physical disk, through {@code wsl}. */
@Tag("once")
class DedicatedPartitionsTest extends DisksOfWsl {
  private static final UUID FIRST = UUID.fromString("11111111-2222-4333-8444-000000000001");
  private static final UUID SECOND = UUID.fromString("11111111-2222-4333-8444-000000000002");

  private String disk = "";

  /** Two partitions, of which the second has another file system. */
  @BeforeEach
  void addADisk() throws IOException {
    Path file = wsl.folder().resolve("physical.vhdx");
    new VhdxEngine().create(file, DiskSpec.ofSize(ByteSize.mebibytes(256)));
    DiskContents.divide(file);
    wsl.change(machine -> machine.format(file, 1, "ext4", FIRST));
    wsl.change(machine -> machine.format(file, 2, "btrfs", SECOND));
    disk = wsl.ask(machine -> machine.addPhysicalDisk(file));
    wsl.change(machine -> machine.elevated(true));
  }

  @Test
  void withoutAdministratorRightsNothingIsDone() {
    wsl.change(machine -> machine.elevated(false));
    MigrationEngine engine = engine(SideEffects.direct());
    StorageSdkException refused =
        catchThrowableOfType(
            StorageSdkException.class, () -> engine.run(engine.plan(request(storage()))));
    assertThat(refused.code()).as(refused.toString()).isEqualTo(ErrorCode.ACCESS_DENIED);
    assertThat(engine.status(storage(), INSTANCE).phase()).isEqualTo(MigrationStatus.Phase.NONE);
    assertThat(wsl.<Boolean>ask(machine -> machine.online(disk))).isTrue();
  }

  @Tag("long")
  @Test
  void aDiskIsKnownByItsUuidAndAPartitionIsForOneInstance() {
    MigrationEngine engine = engine(SideEffects.direct());
    SharedStorage unknown =
        SharedStorage.builder().location(storage().location()).mountName(mountName()).build();
    assertThat(engine.plan(request(unknown)).refusals())
        .extracting(Problem::code)
        .containsExactly(ErrorCode.BAD_SETTING);

    ensureMounted();
    sh("mkdir -p " + mountPoint() + "/other/store");
    MigrationPlan shared = engine.plan(request(storage()));
    assertThat(shared.refusals())
        .extracting(Problem::code)
        .containsExactly(ErrorCode.TARGET_NOT_EMPTY);
    assertThat(shared.refusals().get(0).message()).contains("other");
    assertThat(shared.notes()).anyMatch(note -> note.contains("administrator rights"));
  }

  @Tag("long")
  @Test
  void aMoveIsFoundAgainWhenTheDiskHasAnotherNumber() throws IOException {
    MigrationEngine engine = engine(SideEffects.direct());
    engine.run(engine.plan(request(storage())));
    wsl.call("--shutdown");
    Path file = wsl.folder().resolve("physical.vhdx");
    disk = wsl.ask(machine -> machine.addPhysicalDisk(file));

    engine.resume(storage(), INSTANCE);

    assertThat(sh("grep -c ' " + mountPoint() + " ' /proc/self/mountinfo")).isEqualTo("1\n");
    assertThat(wsl.<Boolean>ask(machine -> machine.online(disk))).isFalse();
  }

  private static MountName mountName() {
    return MountName.of("own");
  }

  @Override
  SharedStorage storage() {
    return partition(1, FIRST);
  }

  @Override
  SharedStorage onAnotherFileSystem() {
    return partition(2, SECOND);
  }

  private SharedStorage partition(int number, UUID uuid) {
    return SharedStorage.builder()
        .location(new StorageLocation.PhysicalDisk(disk, Optional.of(number)))
        .mountName(mountName())
        .fileSystemUuid(uuid)
        .layout(new StorageLayout.DedicatedPartitions())
        .build();
  }

  @Override
  MigrationRequest request(SharedStorage storage) {
    return MigrationRequest.builder()
        .source(NixStore.ofRoot(Path.of("/")))
        .instance(InstanceName.of("main"))
        .storage(storage)
        .build();
  }

  @Override
  String mountPoint() {
    return "/mnt/wsl/own";
  }
}
