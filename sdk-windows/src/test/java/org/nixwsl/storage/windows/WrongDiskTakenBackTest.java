package org.nixwsl.storage.windows;

import static java.nio.charset.StandardCharsets.UTF_16LE;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLocation;

/** Which wrong disk is detached again, and which stays attached. */
class WrongDiskTakenBackTest extends MounterFixture {
  @Test
  void aDiskWithoutFileSystemIsDetachedAgain() throws IOException {
    wsl.answers("--mount", 0, "");
    wsl.answers("--mount", 1, "Der Datenträger wurde angefügt, aber ...\r\n", "", UTF_16LE);
    wsl.answers("look", 0, ROOT + END);
    fails(ErrorCode.WRONG_STORAGE, StateLeft.NOTHING_CHANGED, () -> mounter.ensureMounted(storage));
    assertThat(mounts()).isEqualTo(3); // attach, mount, and once more for a slow device
    assertThat(detached()).isEqualTo(1);
  }

  @Test
  void neverDetachesAWrongDiskThatSomeoneElseAttached() throws IOException {
    attachedBefore();
    wsl.answers("--mount", 0, "");
    wsl.answers("look", 0, MOUNTED.replace(DISK.toString(), OTHER.toString()));
    fails(ErrorCode.WRONG_STORAGE, StateLeft.NEEDS_CLEANUP, () -> mounter.ensureMounted(storage));
    assertThat(detached()).isZero();
  }

  @Test
  void anotherPartitionThatIsInUseKeepsAPhysicalDiskAttached() throws IOException {
    String disk =
        "D sdc 8:32 2097152 1 0 ? -\nP sdc1 8:33 9000 0 0 ext4 "
            + DISK
            + "\nP sdc2 8:34 9000 0 0 ext4 "
            + OTHER
            + "\n";
    String share = SHARE.replace("8:32", "8:33");
    wsl.answers("look", 0, ROOT + share + BIND.replace("8:32", "8:34") + disk + END);
    SharedStorage physical =
        SharedStorage.builder()
            .location(new StorageLocation.PhysicalDisk("\\\\.\\PhysicalDrive1", Optional.of(1)))
            .fileSystemUuid(DISK)
            .build();
    fails(ErrorCode.STORAGE_BUSY, StateLeft.NOTHING_CHANGED, () -> mounter.unmount(physical));
    assertThat(detached()).isZero();
  }

  @Test
  void aMountThatOnlyLooksLikeTheShareKeepsTheDiskAttached() throws IOException {
    String like = "M 95 70 8:32 / /srv/wsl/nixstorage rw,relatime - ext4 /dev/sdc rw\n";
    wsl.answers("look", 0, ROOT + SHARE + like + SDC + END);
    fails(ErrorCode.STORAGE_BUSY, StateLeft.NOTHING_CHANGED, () -> mounter.unmount(storage));
    assertThat(detached()).isZero();
  }

  @Test
  void aDiskThatAHookBoundAtOnceIsNotTakenBack() throws IOException {
    wsl.answers("--mount", 0, "");
    wsl.answers("look", 0, ROOT + SHARE + BIND + SDC.replace(DISK.toString(), OTHER + "") + END);
    fails(ErrorCode.WRONG_STORAGE, StateLeft.NEEDS_CLEANUP, () -> mounter.ensureMounted(storage));
    wsl.clear("--mount");
    wsl.answers("--mount", 0, "");
    mountFails("Wsl/Service/MountDisk/WSL_E_VM_MODE_MOUNT_NAME_ALREADY_EXISTS");
    String another = SHARE.replace("8:32", "8:48").replace("sdc", "sdd");
    wsl.clear("look");
    wsl.answers("look", 0, ROOT + another + BIND + SDC + END);
    fails(ErrorCode.ALREADY_EXISTS, StateLeft.NEEDS_CLEANUP, () -> mounter.ensureMounted(storage));
    assertThat(detached()).isZero();
  }

  @Test
  void theDiskThatHasTheNameDoesNotKeepOursFromBeingTakenBack() throws IOException {
    wsl.answers("--mount", 0, "");
    mountFails("Wsl/Service/MountDisk/WSL_E_VM_MODE_MOUNT_NAME_ALREADY_EXISTS");
    String another = SHARE.replace("8:32", "8:48").replace("sdc", "sdd");
    wsl.answers("look", 0, ROOT + another + BIND.replace("8:32", "8:48") + SDC + END);
    fails(
        ErrorCode.ALREADY_EXISTS, StateLeft.NOTHING_CHANGED, () -> mounter.ensureMounted(storage));
    assertThat(detached()).isEqualTo(1);
  }

  @Test
  void aRootDiskIsNoStorageAndStaysWhereItIs() throws IOException {
    wsl.answers("--mount", 0, "");
    wsl.answers("look", 0, NO_SHARE).answers("look", 0, MOUNTED.replace("8:16 / / ", "8:32 / / "));
    fails(ErrorCode.WRONG_STORAGE, StateLeft.NEEDS_CLEANUP, () -> mounter.ensureMounted(storage));
    assertThat(detached()).isZero();
  }

  @Test
  void theRootDiskOfAnotherInstanceIsNoStorage() throws IOException {
    wsl.answers("--mount", 0, "");
    running("nixos\nUbuntu");
    wsl.answers("look-nixos", 0, MOUNTED);
    wsl.answers("look-Ubuntu", 0, MOUNTED.replace("8:16 / / ", "8:32 / / "));
    fails(
        ErrorCode.WRONG_STORAGE, StateLeft.NEEDS_CLEANUP, () -> mounter.ensureMounted(withoutUuid));
    assertThat(detached()).isZero();
  }
}
