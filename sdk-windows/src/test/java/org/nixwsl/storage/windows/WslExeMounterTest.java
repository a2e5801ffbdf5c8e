package org.nixwsl.storage.windows;

import static java.nio.charset.StandardCharsets.UTF_16LE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLocation;

class WslExeMounterTest {
  private static final UUID DISK = UUID.fromString("0b7f6f0e-6f38-4c3c-8a47-5f6b3a0d1c2e");
  private static final String ROOT =
      """
      70 60 8:16 / / rw,relatime - ext4 /dev/sdb rw,discard,errors=remount-ro,data=ordered
      71 70 0:30 / /mnt/wsl rw,relatime shared:1 - tmpfs none rw
      72 70 8:16 /nix/store /nix/store ro,relatime - ext4 /dev/sdb rw
      """;
  private static final String SHARE =
      "80 71 8:32 / /mnt/wsl/nixstorage rw,relatime shared:9 - ext4 /dev/sdc rw\n";
  private static final String BIND = "90 70 8:32 /main /nix rw,relatime - ext4 /dev/sdc rw\n";
  private static final String LIST =
      """
        NAME    STATE    VERSION
      * Ubuntu  Stopped  2
        old     Running  1
        docker-desktop Running 2
        nixos   Running  2
      """;

  @TempDir Path scratch;
  private FakeWsl wsl;
  private WslExeMounter mounter;
  private SharedStorage storage;
  private String path;

  @BeforeEach
  void layOutOneDisk() throws IOException {
    wsl = new FakeWsl(Files.createDirectories(scratch.resolve("fake")));
    mounter = new WslExeMounter(wsl.exe(), Ticker.system(), Duration.ofMillis(400));
    Path file = Files.createFile(scratch.resolve("disk.vhdx")).toRealPath();
    path = file.toString();
    storage =
        SharedStorage.builder()
            .location(new StorageLocation.VhdxFile(file))
            .fileSystemUuid(DISK)
            .build();
    wsl.answers("uuid", 0, DISK + "\n/dev/sdc\n");
  }

  @Test
  void mountsAndProvesIt() throws IOException {
    wsl.answers("--mount", 0, "/mnt/wsl/nixstorage\n").answers("--list", 0, LIST);
    wsl.answers("mounts", 0, ROOT + SHARE);
    assertThat(mounter.ensureMounted(storage))
        .isEqualTo(
            new MountedStorage(
                Path.of("/mnt/wsl/nixstorage"), "/dev/sdc", Optional.of(DISK), "ext4"));
    assertThat(wsl.calls())
        .startsWith(List.of("--mount", path, "--vhd", "--name", "nixstorage", "--type", "ext4"))
        .endsWith(List.of("-d", "nixos", "-u", "root", "--exec", "/bin/sh", "-s"));
  }

  @Test
  void resolvesLinksSinceWslDoes() throws IOException {
    wsl.answers("--mount", 0, "").answers("--list", 0, LIST).answers("mounts", 0, SHARE);
    Path link = Files.createSymbolicLink(scratch.resolve("link.vhdx"), Path.of(path));
    mounter.ensureMounted(SharedStorage.onVhdx(link));
    assertThat(wsl.calls().get(0)).contains(path);
  }

  @Test
  void aDiskThatIsMountedAlreadyIsProvenAsWell() throws IOException {
    mountFails("Wsl/Service/MountDisk/WSL_E_DISK_ALREADY_MOUNTED");
    wsl.answers("--list", 0, LIST).answers("mounts", 0, SHARE);
    assertThat(mounter.ensureMounted(storage).device()).isEqualTo("/dev/sdc");
  }

  @Test
  void doesNotBelieveAStaleTable() throws IOException {
    mountFails("Wsl/Service/MountDisk/WSL_E_DISK_ALREADY_MOUNTED");
    wsl.answers("--list", 0, LIST).answers("mounts", 0, ROOT);
    fails(ErrorCode.NOT_MOUNTED, StateLeft.NEEDS_CLEANUP, () -> mounter.ensureMounted(storage));
  }

  @Test
  void doesNotBelieveSuccessOverATmpfs() throws IOException {
    wsl.answers("--mount", 0, "").answers("--list", 0, LIST);
    wsl.answers("mounts", 0, SHARE + "99 80 0:77 / /mnt/wsl/nixstorage rw - tmpfs none rw\n");
    fails(ErrorCode.WRONG_STORAGE, StateLeft.NEEDS_CLEANUP, () -> mounter.ensureMounted(storage));
  }

  @Test
  void saysThatADiskWithoutFileSystemStaysAttached() throws IOException {
    wsl.answers("--mount", 1, "Der Datenträger wurde angefügt, aber ...\r\n", "", UTF_16LE);
    wsl.answers("--list", 0, LIST).answers("mounts", 0, ROOT);
    fails(ErrorCode.WRONG_STORAGE, StateLeft.NEEDS_CLEANUP, () -> mounter.ensureMounted(storage));
  }

  @Test
  void refusesAnotherFileSystemAReadOnlyOneAndACopy() throws IOException {
    wsl.answers("--mount", 0, "").answers("--list", 0, LIST);
    wsl.answers("mounts", 0, SHARE.replace("rw,relatime", "ro,relatime"));
    fails(ErrorCode.WRONG_STORAGE, StateLeft.NEEDS_CLEANUP, () -> mounter.ensureMounted(storage));
    wsl.answers("mounts", 0, SHARE.replace("/dev/sdc rw", "/dev/sdc ro"));
    fails(ErrorCode.WRONG_STORAGE, StateLeft.NEEDS_CLEANUP, () -> mounter.ensureMounted(storage));
    wsl.answers("mounts", 0, SHARE).answers("uuid", 0, DISK + "\n/dev/sdc\n/dev/sdd\n");
    assertThat(mounter.ensureMounted(storage).device()).isEqualTo("/dev/sdc");
    fails(ErrorCode.WRONG_STORAGE, StateLeft.NEEDS_CLEANUP, () -> mounter.ensureMounted(storage));
    wsl.answers("uuid", 0, UUID.randomUUID() + "\n/dev/sdc\n");
    fails(ErrorCode.WRONG_STORAGE, StateLeft.NEEDS_CLEANUP, () -> mounter.ensureMounted(storage));
    wsl.answers("uuid", 0, "\n");
    fails(ErrorCode.WRONG_STORAGE, StateLeft.NEEDS_CLEANUP, () -> mounter.ensureMounted(storage));
  }

  @Test
  void aDeviceNameFromTheMountTableIsNotTrusted() throws IOException {
    wsl.answers("--mount", 0, "").answers("--list", 0, LIST);
    wsl.answers("mounts", 0, SHARE.replace("/dev/sdc", "/dev/sdc;reboot"));
    fails(ErrorCode.WRONG_STORAGE, StateLeft.NEEDS_CLEANUP, () -> mounter.ensureMounted(storage));
    assertThat(scratch.resolve("fake/uuid/1.used")).doesNotExist();
  }

  @Test
  void triesAgainWhileSomethingHoldsTheFile() throws IOException {
    mountFails("Wsl/Service/AttachDisk/MountDisk/HCS/ERROR_SHARING_VIOLATION");
    mountFails("Wsl/Service/AttachDisk/MountVhd/HCS/0x80070020");
    wsl.answers("--mount", 0, "").answers("--list", 0, LIST).answers("mounts", 0, SHARE);
    mounter.ensureMounted(storage);
    assertThat(wsl.calls()).filteredOn(call -> call.get(0).equals("--mount")).hasSize(3);
  }

  @Test
  void tellsARetryWithinAStage() throws IOException {
    mountFails("Wsl/Service/AttachDisk/MountDisk/HCS/ERROR_SHARING_VIOLATION");
    wsl.answers("--mount", 0, "").answers("--list", 0, LIST).answers("mounts", 0, SHARE);
    wsl.answers("--unmount", 0, "");
    List<String> events = new ArrayList<>();
    RunOptions options =
        RunOptions.builder()
            .on(StorageEvent.class, event -> events.add(event.getClass().getSimpleName()))
            .build();
    mounter.ensureMounted(storage, options);
    assertThat(events)
        .containsExactly("Started", "StageStarted", "Retried", "StageEnded", "Completed");
  }

  @Test
  void givesUpAfterATime() throws IOException {
    mountFails("Wsl/Service/AttachDisk/MountDisk/HCS/ERROR_SHARING_VIOLATION");
    assertThatThrownBy(() -> mounter.ensureMounted(storage))
        .isInstanceOfSatisfying(
            StorageSdkException.class,
            e -> {
              assertThat(e.code()).isEqualTo(ErrorCode.VHDX_IN_USE);
              assertThat(e.retryable()).isTrue();
              assertThat(e.stateLeft()).isEqualTo(StateLeft.NOTHING_CHANGED);
            });
  }

  @Test
  void doesNotTryAgainWhatCannotGetBetter() throws IOException {
    mountFails("Wsl/Service/WSL_E_DISK_MOUNT_DISABLED");
    fails(ErrorCode.ACCESS_DENIED, StateLeft.NOTHING_CHANGED, () -> mounter.ensureMounted(storage));
    assertThat(wsl.calls()).hasSize(1);
  }

  @Test
  void refusesANameThatAnotherDiskHas() throws IOException {
    mountFails("Wsl/Service/MountDisk/WSL_E_VM_MODE_MOUNT_NAME_ALREADY_EXISTS");
    fails(ErrorCode.ALREADY_EXISTS, StateLeft.NEEDS_CLEANUP, () -> mounter.ensureMounted(storage));
  }

  @Test
  void aMissingFileIsSaidBeforeWslIsAsked() throws IOException {
    Files.delete(Path.of(path));
    fails(ErrorCode.NOT_FOUND, StateLeft.NOTHING_CHANGED, () -> mounter.ensureMounted(storage));
    assertThat(wsl.calls()).isEmpty();
  }

  @Test
  void unmountsByTheFinalPathAlsoWhereTheFileIsGone() throws IOException {
    wsl.answers("--list", 0, "nixos\n").answers("mounts", 0, ROOT + SHARE);
    wsl.answers("--unmount", 0, "");
    mounter.unmount(storage);
    Files.delete(Path.of(path));
    mounter.unmount(storage);
    assertThat(wsl.calls())
        .filteredOn(call -> call.get(0).equals("--unmount"))
        .containsExactly(List.of("--unmount", path), List.of("--unmount", path));
  }

  @Test
  void whatIsNotAttachedIsUnmountedAlready() throws IOException {
    wsl.answers("--list", 0, "");
    wsl.answers(
        "--unmount", -1, "?: Wsl/Service/DetachDisk/ERROR_FILE_NOT_FOUND\r\n", "", UTF_16LE);
    mounter.unmount(storage);
    assertThat(wsl.calls()).hasSize(2);
  }

  @Test
  void refusalByLinuxMeansBusy() throws IOException {
    wsl.answers("--list", 0, "");
    wsl.answers("--unmount", -1, "使用中です。\r\n", "", UTF_16LE);
    fails(ErrorCode.STORAGE_BUSY, StateLeft.NOTHING_CHANGED, () -> mounter.unmount(storage));
  }

  @Test
  void neverPullsTheDiskFromUnderABoundNix() throws IOException {
    wsl.answers("--list", 0, "Ubuntu\nnixos\n").answers("mounts-Ubuntu", 0, ROOT + SHARE);
    wsl.answers("mounts-nixos", 0, ROOT + SHARE + BIND);
    fails(ErrorCode.STORAGE_BUSY, StateLeft.NOTHING_CHANGED, () -> mounter.unmount(storage));
    wsl.answers("mounts-Ubuntu", 0, ROOT).answers("mounts-nixos", 0, ROOT + BIND);
    fails(ErrorCode.STORAGE_BUSY, StateLeft.NOTHING_CHANGED, () -> mounter.unmount(storage));
    assertThat(wsl.calls()).noneMatch(call -> call.get(0).equals("--unmount"));
  }

  @Test
  void leavesMountedDirectoriesAlone() throws IOException {
    mounter.unmount(SharedStorage.inDirectory(Path.of("/srv")));
    assertThat(wsl.calls()).isEmpty();
    fails(
        ErrorCode.UNSUPPORTED_PLATFORM,
        StateLeft.NOTHING_CHANGED,
        () -> mounter.ensureMounted(SharedStorage.inDirectory(Path.of("/srv"))));
  }

  @Test
  void lookingStartsNothing() throws IOException {
    wsl.answers("--list", 0, "").answers("--list", 0, "nixos\n");
    wsl.answers("mounts", 0, ROOT).answers("mounts", 0, ROOT + SHARE);
    assertThat(mounter.state(storage)).isEmpty();
    assertThat(wsl.calls()).hasSize(1);
    assertThat(mounter.state(storage)).isEmpty();
    assertThat(mounter.state(storage)).map(MountedStorage::device).contains("/dev/sdc");
    wsl.answers("uuid", 0, UUID.randomUUID() + "\n/dev/sdc\n");
    assertThat(mounter.state(storage)).isEmpty();
  }

  @Test
  void saysThatBlankDisksAreNotThereYet() {
    fails(
        ErrorCode.UNSUPPORTED_PLATFORM,
        StateLeft.NOTHING_CHANGED,
        () -> mounter.prepareBlankDisk(storage, RunOptions.ofDefaults()));
  }

  private void mountFails(String report) throws IOException {
    wsl.answers("--mount", -1, "Das ging nicht. \r\nFehlercode: " + report + "\r\n", "", UTF_16LE);
  }

  private static void fails(ErrorCode code, StateLeft left, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            StorageSdkException.class,
            e -> {
              assertThat(e.code()).as(e.getMessage()).isEqualTo(code);
              assertThat(e.stateLeft()).as(e.getMessage()).isEqualTo(left);
            });
  }
}
