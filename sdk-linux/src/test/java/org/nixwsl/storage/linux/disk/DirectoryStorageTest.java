package org.nixwsl.storage.linux.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.nixwsl.storage.linux.disk.DiskMachine.storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.platform.DiskFormat;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLayout;
import org.nixwsl.storage.mount.StorageLocation.MountedDirectory;

/** Storage that is mounted already. */
final class DirectoryStorageTest {
  @RegisterExtension private final DiskMachine machine = new DiskMachine();

  @Test
  void aDirectoryOfAMountedDiskIsProvenAndNeverTouched() throws IOException {
    SharedStorage disk = storage(machine.createDisk("a.vhdx", "1G"), "store");
    MountedStorage mounted = machine.mounter().prepareBlankDisk(disk, RunOptions.ofDefaults());
    Path directory = Files.createDirectory(mounted.mountPoint().resolve("below"));
    SharedStorage storage =
        storage(new MountedDirectory(directory), "store", mounted.fileSystemUuid().orElseThrow());
    MountedStorage seen =
        new MountedStorage(directory, mounted.device(), mounted.fileSystemUuid(), "ext4");
    assertThat(machine.mounter().refusals(storage)).isEmpty();
    assertThat(machine.mounter().ensureMounted(storage)).isEqualTo(seen);
    assertThat(machine.mounter().state(storage)).contains(seen);
    machine.mounter().unmount(storage);
    assertThat(machine.mounter().state(disk)).contains(mounted);
    assertThat(codeOf(() -> machine.mounter().prepareBlankDisk(storage, RunOptions.ofDefaults())))
        .isEqualTo(ErrorCode.DISK_NOT_BLANK);

    SharedStorage other = storage(new MountedDirectory(directory), "store", UUID.randomUUID());
    assertThat(codeOf(() -> machine.mounter().ensureMounted(other)))
        .isEqualTo(ErrorCode.WRONG_STORAGE);
    machine.sh("mount -o remount,ro " + mounted.mountPoint());
    assertThat(codeOf(() -> machine.mounter().ensureMounted(storage)))
        .isEqualTo(ErrorCode.WRONG_STORAGE);
    assertThat(codeOf(() -> machine.mounter().ensureMounted(disk)))
        .isEqualTo(ErrorCode.WRONG_STORAGE);
    machine.mounter().unmount(disk);
  }

  @Test
  void memoryIsNoPlaceForAStore() throws IOException {
    Path mount = Files.createDirectory(machine.folder().resolve("ram"));
    machine.sh("mount -t tmpfs none " + mount);
    try {
      SharedStorage storage = SharedStorage.inDirectory(mount);
      assertThat(machine.mounter().refusals(storage))
          .extracting(Problem::code)
          .containsExactly(ErrorCode.UNSUITABLE_FILE_SYSTEM);
      assertThat(codeOf(() -> machine.mounter().ensureMounted(storage)))
          .isEqualTo(ErrorCode.UNSUITABLE_FILE_SYSTEM);
    } finally {
      machine.sh("umount " + mount);
    }
  }

  @Test
  void aDirectoryThatIsNotThereIsNotFound() {
    SharedStorage storage = SharedStorage.inDirectory(machine.folder().resolve("absent"));
    assertThat(machine.mounter().state(storage)).isEmpty();
    assertThat(codeOf(() -> machine.mounter().ensureMounted(storage)))
        .isEqualTo(ErrorCode.NOT_FOUND);
  }

  @Test
  void everyMissingProgramIsNamedWithItsPackage() throws IOException {
    Tools none = Tools.in("/nowhere:relative:");
    for (StorageLayout layout :
        List.of(StorageLayout.ofDefaults(), new StorageLayout.BtrfsSubvolumes())) {
      DiskFormat format = DiskFormat.of(layout);
      assertThat(none.refusals(format))
          .anySatisfy(
              p -> {
                assertThat(p.message()).contains(format.program());
                assertThat(p.remedy()).contains("apt install " + format.debianPackage());
              });
    }
    assertThat(none.missing())
        .hasSize(6)
        .allSatisfy(p -> assertThat(p.code()).isEqualTo(ErrorCode.TOOL_MISSING))
        .anySatisfy(p -> assertThat(p.remedy()).contains("apt install qemu-system-common"))
        .anySatisfy(p -> assertThat(p.message()).contains("fusermount3"));
  }

  private static ErrorCode codeOf(Runnable call) {
    StorageSdkException e = catchThrowableOfType(StorageSdkException.class, call::run);
    assertThat(e).isNotNull();
    return e.code();
  }
}
