package org.nixwsl.storage.windows;

import static java.nio.charset.StandardCharsets.UTF_16LE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.core.vhdx.VhdxEngine;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskChannel;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.OperationCancelledException;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.event.CancellationToken;
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.mount.BootState;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLocation;
import org.nixwsl.storage.mount.WslInstance;
import org.nixwsl.storage.windows.wsl.FakeWsl;

class WslExeMounterTest {
  private static final UUID DISK = UUID.fromString("0b7f6f0e-6f38-4c3c-8a47-5f6b3a0d1c2e");
  private static final UUID OTHER = UUID.fromString("11111111-2222-3333-4444-555555555555");
  private static final String ROOT =
      """
      M 70 60 8:16 / / rw,relatime - ext4 /dev/sdb rw,discard,errors=remount-ro,data=ordered
      M 71 70 0:30 / /mnt/wsl rw,relatime shared:1 - tmpfs none rw
      M 72 70 8:16 /nix/store /nix/store ro,relatime - ext4 /dev/sdb rw
      D sdb 8:16 4194304 0 0 ext4 99999999-2222-3333-4444-555555555555
      """;
  private static final String SHARE =
      "M 80 71 8:32 / /mnt/wsl/nixstorage rw,relatime shared:9 - ext4 /dev/sdc rw\n";
  private static final String BIND = "A 90 70 8:32 /main /nix rw,relatime - ext4 /dev/sdc rw\n";
  private static final String SDC = "D sdc 8:32 2097152 0 0 ext4 " + DISK + "\n";
  private static final String END = "E\n";
  private static final String NO_SHARE = ROOT + SDC + END;
  private static final String MOUNTED = ROOT + SHARE + SDC + END;
  private static final String BLANK = "D sdc 8:32 131072 0 0 nothing -\n";
  private static final String LIST =
      """
        NAME    STATE    VERSION
      * Ubuntu  Stopped  2
        old     Running  1
        docker-desktop Running 2
        nixos   Running  2
      """;

  @TempDir Path scratch;
  private final SkippingTicker ticker = new SkippingTicker();
  private FakeWsl wsl;
  private WslMounter mounter;
  private SharedStorage storage;
  private SharedStorage withoutUuid;
  private Path file;
  private String path;

  @BeforeEach
  void layOutOneDisk() throws IOException {
    wsl = new FakeWsl(Files.createDirectories(scratch.resolve("fake")));
    mounter = mounter(ticker);
    file = Files.createFile(scratch.resolve("disk.vhdx")).toRealPath();
    path = file.toString();
    withoutUuid = SharedStorage.onVhdx(file);
    storage =
        SharedStorage.builder()
            .location(new StorageLocation.VhdxFile(file))
            .fileSystemUuid(DISK)
            .build();
    wsl.answers("--list", 0, LIST).answers("--running", 0, "nixos\n");
    wsl.answers("--unmount", 0, "");
  }

  private WslMounter mounter(Ticker clock) {
    return new WindowsPlatform(wsl.runner(), scratch.resolve("host"), Map.of())
        .mounter(new ProcessRunner(), clock);
  }

  @Test
  void attachesMountsAndProvesIt() throws IOException {
    wsl.answers("--mount", 0, "").answers("look", 0, MOUNTED);
    assertThat(mounter.ensureMounted(withoutUuid))
        .isEqualTo(
            new MountedStorage(
                Path.of("/mnt/wsl/nixstorage"), "/dev/sdc", Optional.of(DISK), "ext4"));
    assertThat(wsl.calls())
        .startsWith(
            List.of("--mount", path, "--vhd", "--bare"),
            List.of("--mount", path, "--vhd", "--name", "nixstorage", "--type", "ext4"))
        .contains(List.of("-d", "nixos", "-u", "root", "--exec", "/bin/sh", "-s"));
  }

  @Test
  void aSecondCallOnlyLooks() throws IOException {
    wsl.answers("--mount", 0, "").answers("look", 0, MOUNTED);
    mounter.ensureMounted(withoutUuid);
    int before = mounts();
    mounter.ensureMounted(withoutUuid);
    mounter.ensureMounted(storage);
    assertThat(mounts()).isEqualTo(before);
  }

  @Test
  void resolvesLinksSinceWslDoes() throws IOException {
    wsl.answers("--mount", 0, "").answers("look", 0, MOUNTED);
    Path link = Files.createSymbolicLink(scratch.resolve("link.vhdx"), file);
    mounter.ensureMounted(SharedStorage.onVhdx(link));
    assertThat(wsl.calls().get(0)).contains(path);
  }

  @Test
  void aDiskThatIsMountedAlreadyIsProvenByItsUuid() throws IOException {
    attachedBefore();
    mountFails("Wsl/Service/MountDisk/WSL_E_DISK_ALREADY_MOUNTED");
    wsl.answers("look", 0, NO_SHARE).answers("look", 0, MOUNTED);
    assertThat(mounter.ensureMounted(storage).device()).isEqualTo("/dev/sdc");
  }

  @Test
  void whatSomeoneElseMountedIsNotProvenByItsName() throws IOException {
    attachedBefore();
    mountFails("Wsl/Service/MountDisk/WSL_E_DISK_ALREADY_MOUNTED");
    wsl.answers("look", 0, MOUNTED);
    assertThatThrownBy(() -> mounter.ensureMounted(withoutUuid))
        .isInstanceOfSatisfying(
            StorageSdkException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.WRONG_STORAGE))
        .hasMessageContaining(DISK.toString());
    assertThat(detached()).isZero();
  }

  @Test
  void mendsAStaleTableFromInsideAnInstance() throws IOException {
    attachedBefore();
    mountFails("Wsl/Service/MountDisk/WSL_E_DISK_ALREADY_MOUNTED");
    wsl.answers("look", 0, NO_SHARE).answers("look", 0, NO_SHARE).answers("look", 0, MOUNTED);
    wsl.answers("remount", 0, "");
    assertThat(mounter.ensureMounted(storage).device()).isEqualTo("/dev/sdc");
    assertThat(wsl.scripts())
        .anySatisfy(
            script ->
                assertThat(script)
                    .startsWith(
                        "set -- 'remount' 'sdc' '8:32' '" + DISK + "' '/mnt/wsl/nixstorage'\n"));
  }

  @Test
  void withoutUuidAStaleTableCannotBeMended() throws IOException {
    attachedBefore();
    mountFails("Wsl/Service/MountDisk/WSL_E_DISK_ALREADY_MOUNTED");
    wsl.answers("look", 0, NO_SHARE);
    fails(
        ErrorCode.NOT_MOUNTED, StateLeft.NOTHING_CHANGED, () -> mounter.ensureMounted(withoutUuid));
  }

  @Test
  void doesNotBelieveSuccessOverATmpfs() throws IOException {
    wsl.answers("--mount", 0, "");
    wsl.answers(
        "look",
        0,
        ROOT + SHARE + "M 99 80 0:77 / /mnt/wsl/nixstorage rw - tmpfs none rw\n" + SDC + END);
    fails(ErrorCode.WRONG_STORAGE, StateLeft.NOTHING_CHANGED, () -> mounter.ensureMounted(storage));
    assertThat(detached()).isEqualTo(1);
  }

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
  void refusesAnotherFileSystemAReadOnlyOneAndACopy() throws IOException {
    for (String seen :
        List.of(
            MOUNTED.replace(DISK.toString(), OTHER.toString()),
            MOUNTED.replace(SDC, SDC.replace(DISK.toString(), "-")),
            MOUNTED.replace("nixstorage rw,relatime", "nixstorage ro,relatime"),
            MOUNTED.replace("/dev/sdc rw", "/dev/sdc ro"),
            MOUNTED.replace(SDC, SDC + SDC.replace("sdc 8:32", "sdd 8:48")),
            MOUNTED.replace(SDC, ""))) {
      FakeWsl fresh = new FakeWsl(Files.createTempDirectory(scratch, "fake"));
      fresh.answers("--list", 0, LIST).answers("--mount", 0, "").answers("--unmount", 0, "");
      fresh.answers("--running", 0, "nixos\n");
      fresh.answers("look", 0, NO_SHARE).answers("look", 0, seen);
      WslMounter other =
          new WindowsPlatform(fresh.runner(), scratch.resolve("host"), Map.of())
              .mounter(new ProcessRunner(), ticker);
      fails(ErrorCode.WRONG_STORAGE, StateLeft.NOTHING_CHANGED, () -> other.ensureMounted(storage));
      assertThat(fresh.calls()).as(seen).contains(List.of("--unmount", path));
    }
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
  void triesAgainWhileSomethingHoldsTheFile() throws IOException {
    mountFails("Wsl/Service/AttachDisk/MountDisk/HCS/ERROR_SHARING_VIOLATION");
    mountFails("Wsl/Service/AttachDisk/MountVhd/HCS/0x80070020");
    wsl.answers("--mount", 0, "").answers("look", 0, MOUNTED);
    List<String> events = new ArrayList<>();
    RunOptions options =
        RunOptions.builder()
            .on(StorageEvent.class, event -> events.add(event.getClass().getSimpleName()))
            .build();
    mounter.ensureMounted(withoutUuid, options);
    assertThat(events)
        .containsExactly(
            "Started", "StageStarted", "Retried", "Retried", "StageEnded", "Completed");
  }

  @Test
  void givesUpOnASharingViolationAfterHalfAMinute() throws IOException {
    givesUp(
        "Wsl/Service/AttachDisk/MountDisk/HCS/ERROR_SHARING_VIOLATION",
        ErrorCode.VHDX_IN_USE,
        Duration.ofSeconds(25),
        Duration.ofSeconds(35));
  }

  @Test
  void givesUpOnDeniedAccessAfterAMoment() throws IOException {
    givesUp(
        "Wsl/Service/AttachDisk/MountDisk/HCS/E_ACCESSDENIED",
        ErrorCode.ACCESS_DENIED,
        Duration.ofSeconds(2),
        Duration.ofSeconds(9));
  }

  @Test
  void aSecondCrashOfTheVirtualMachineIsNoAccident() throws IOException {
    mountFails("Wsl/Service/CreateVm/WSL_E_VM_CRASHED");
    assertThatThrownBy(() -> mounter.ensureMounted(withoutUuid))
        .isInstanceOf(StorageSdkException.class);
    assertThat(wsl.calls()).hasSize(2);
  }

  @Test
  void whatNeedsTheUserIsNotTriedAgainAndSaysWhatToDo() throws IOException {
    Map<String, ErrorCode> reports =
        Map.of(
            "Wsl/Service/WSL_E_DISK_MOUNT_DISABLED", ErrorCode.ACCESS_DENIED,
            "Wsl/Service/AttachDisk/WSL_E_ELEVATION_NEEDED_TO_MOUNT_DISK", ErrorCode.ACCESS_DENIED,
            "Wsl/Service/AttachDisk/WSL_E_WSL2_NEEDED", ErrorCode.WSL_NOT_AVAILABLE,
            "Wsl/Service/AttachDisk/MountDisk/HCS/ERROR_FILE_CORRUPT", ErrorCode.VHDX_CORRUPT);
    for (Map.Entry<String, ErrorCode> report : reports.entrySet()) {
      FakeWsl fresh = new FakeWsl(Files.createTempDirectory(scratch, "fake"));
      fresh.answers("--mount", -1, "错误代码: " + report.getKey() + "\r\n", "", UTF_16LE);
      WslMounter other =
          new WindowsPlatform(fresh.runner(), scratch.resolve("host"), Map.of())
              .mounter(new ProcessRunner(), ticker);
      fails(report.getValue(), StateLeft.NOTHING_CHANGED, () -> other.ensureMounted(withoutUuid));
      assertThat(fresh.calls()).hasSize(1);
    }
  }

  @Test
  void aNameThatAnotherDiskHasIsRefusedAndTheDiskDetachedAgain() throws IOException {
    wsl.answers("--mount", 0, "");
    mountFails("Wsl/Service/MountDisk/WSL_E_VM_MODE_MOUNT_NAME_ALREADY_EXISTS");
    wsl.answers("look", 0, ROOT + END);
    fails(
        ErrorCode.ALREADY_EXISTS, StateLeft.NOTHING_CHANGED, () -> mounter.ensureMounted(storage));
    assertThat(detached()).isEqualTo(1);
  }

  @Test
  void beginsAnewWhenWslIsShutDownBetweenTwoCalls() throws IOException {
    wsl.answers("--mount", 0, "");
    mountFails("Wsl/Service/MountDisk/ERROR_FILE_NOT_FOUND");
    wsl.answers("--mount", 0, "").answers("look", 0, MOUNTED);
    assertThat(mounter.ensureMounted(withoutUuid).device()).isEqualTo("/dev/sdc");
    assertThat(mounts()).isEqualTo(4);
  }

  @Test
  void halfAViewIsNotBelieved() throws IOException {
    wsl.answers("--mount", 0, "").answers("look", 0, ROOT).answers("look", 0, MOUNTED);
    assertThat(mounter.ensureMounted(withoutUuid).device()).isEqualTo("/dev/sdc");
  }

  @Test
  void physicalDisksAreMountedByPartition() throws IOException {
    wsl.answers("--mount", 0, "");
    wsl.answers(
        "look",
        0,
        MOUNTED
            .replace(SDC, "D sdc 8:32 2097152 1 0 ? -\nP sdc1 8:33 9000 0 0 ext4 " + DISK + "\n")
            .replace("71 8:32 /", "71 8:33 /"));
    SharedStorage physical =
        SharedStorage.builder()
            .location(new StorageLocation.PhysicalDisk("\\\\.\\PhysicalDrive1", Optional.of(1)))
            .build();
    assertThat(mounter.ensureMounted(physical).fileSystemUuid()).contains(DISK);
    assertThat(wsl.calls())
        .contains(
            List.of(
                "--mount",
                "\\\\.\\PHYSICALDRIVE1",
                "--name",
                "nixstorage",
                "--type",
                "ext4",
                "--partition",
                "1"));
    fails(
        ErrorCode.UNSUPPORTED_PLATFORM,
        StateLeft.NOTHING_CHANGED,
        () -> mounter.prepareBlankDisk(physical, RunOptions.ofDefaults()));
  }

  @Test
  void anInstanceThatCannotStartIsPassedOver() throws IOException {
    wsl.clear("--list");
    wsl.answers(
        "--list",
        0,
        "  NAME STATE VERSION\n* Ubuntu Stopped 2\n  dead Stopped 2\n  ill Stopped 2\n");
    running("");
    wsl.answers("--mount", 0, "").answers("look-Ubuntu", 0, MOUNTED);
    String start = "Fehlercode: Wsl/Service/CreateInstance/";
    wsl.answers("look-dead", -1, start + "MountDisk/HCS/ERROR_PATH_NOT_FOUND\r\n");
    wsl.answers("look-ill", -1, start + "WSL_E_DISK_CORRUPTED\r\n");
    assertThat(mounter.ensureMounted(storage).device()).isEqualTo("/dev/sdc");
    assertThat(ticker.paused()).isZero();
    wsl.clear("look-Ubuntu");
    wsl.answers("look-Ubuntu", -1, start + "WSL_E_DISK_CORRUPTED\r\n");
    assertThatThrownBy(() -> mounter.ensureMounted(storage))
        .isInstanceOfSatisfying(
            StorageSdkException.class, e -> assertThat(e.remedy()).hasSizeGreaterThan(10));
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

  @Test
  void whatStartsWhileTheOthersAreLookedAtIsLookedAtToo() throws IOException {
    wsl.clear("--running");
    wsl.answers("--running", 0, "nixos\n").answers("--running", 0, "nixos\nUbuntu\n");
    wsl.answers("look-nixos", 0, MOUNTED);
    wsl.answers("look-Ubuntu", 0, ROOT + SHARE + BIND + SDC + END);
    fails(ErrorCode.STORAGE_BUSY, StateLeft.NOTHING_CHANGED, () -> mounter.unmount(storage));
    assertThat(detached()).isZero();
  }

  @Test
  void aLockThatComesTogetherWithTheCancellationIsGivenBack() throws Exception {
    HostDirectory host = new HostDirectory(scratch.resolve("locks"));
    CountDownLatch held = new CountDownLatch(1);
    CountDownLatch release = new CountDownLatch(1);
    Thread holder =
        new Thread(
            () ->
                Operation.quiet(
                    "hold",
                    op ->
                        host.exclusively(
                            path,
                            op,
                            () -> {
                              held.countDown();
                              release.await();
                              return true;
                            })));
    holder.start();
    held.await();
    CancellationToken token = new CancellationToken();
    Ticker clock =
        new Ticker() {
          @Override
          public Instant now() {
            return Instant.now();
          }

          @Override
          public long nanos() {
            return System.nanoTime();
          }

          @Override
          public void pause(Duration time) throws InterruptedException {
            release.countDown();
            holder.join();
            token.cancel();
          }
        };
    RunOptions options = RunOptions.builder().cancelWith(token).build();
    assertThatThrownBy(
            () ->
                Operation.run(
                    "take",
                    options,
                    clock,
                    Map.of(),
                    op ->
                        host.exclusively(
                            path,
                            op,
                            () -> {
                              op.checkCancelled();
                              return true;
                            })))
        .isInstanceOf(OperationCancelledException.class);

    CountDownLatch taken = new CountDownLatch(1);
    Thread next =
        new Thread(
            () ->
                Operation.quiet(
                    "take",
                    op ->
                        host.exclusively(
                            path,
                            op,
                            () -> {
                              taken.countDown();
                              return true;
                            })));
    next.setDaemon(true);
    next.start();
    assertThat(taken.await(20, TimeUnit.SECONDS)).as("the lock is free").isTrue();
  }

  @Test
  void aMissingFileIsSaidBeforeWslIsAsked() throws IOException {
    Files.delete(file);
    fails(ErrorCode.NOT_FOUND, StateLeft.NOTHING_CHANGED, () -> mounter.ensureMounted(storage));
    assertThat(wsl.calls()).isEmpty();
  }

  @Test
  void unmountsByTheFinalPathAlsoWhereTheFileIsGone() throws IOException {
    running("nixos");
    wsl.answers("look", 0, MOUNTED);
    mounter.unmount(storage);
    Files.delete(file);
    mounter.unmount(storage);
    assertThat(wsl.calls())
        .filteredOn(call -> call.get(0).equals("--unmount"))
        .containsExactly(List.of("--unmount", path), List.of("--unmount", path));
  }

  @Test
  void whatIsNotAttachedIsUnmountedAlready() throws IOException {
    running("");
    unmountFails("Wsl/Service/DetachDisk/ERROR_FILE_NOT_FOUND");
    mounter.unmount(storage);
    assertThat(wsl.calls()).hasSize(3);
  }

  @Test
  void aDiskWhoseFileVanishedIsNotSaidToBeDetached() throws IOException {
    running("nixos");
    wsl.answers("look", 0, MOUNTED);
    unmountFails("Wsl/Service/DetachDisk/0x80070002");
    Files.delete(file);
    fails(ErrorCode.WRONG_STORAGE, StateLeft.NOTHING_CHANGED, () -> mounter.unmount(storage));
  }

  @Test
  void refusalByLinuxMeansBusy() throws IOException {
    running("");
    wsl.clear("--unmount");
    wsl.answers("--unmount", -1, "使用中です。\r\n", "", UTF_16LE);
    fails(ErrorCode.STORAGE_BUSY, StateLeft.NOTHING_CHANGED, () -> mounter.unmount(storage));
  }

  @Test
  void aMountThatAnInstanceTookAwayIsPutBackToBeDetached() throws IOException {
    running("nixos");
    wsl.answers("look", 0, NO_SHARE).answers("remount", 0, "");
    wsl.clear("--unmount");
    wsl.answers("--unmount", -1, "Das Argument ist ungültig.\r\n", "", UTF_16LE);
    wsl.answers("--unmount", 0, "");
    mounter.unmount(storage);
    assertThat(detached()).isEqualTo(2);
  }

  @Test
  void neverPullsTheDiskFromUnderABoundNix() throws IOException {
    running("Ubuntu\nnixos");
    wsl.answers("look-Ubuntu", 0, MOUNTED);
    wsl.answers("look-nixos", 0, ROOT + SHARE + BIND + SDC + END);
    fails(ErrorCode.STORAGE_BUSY, StateLeft.NOTHING_CHANGED, () -> mounter.unmount(storage));
    fails(ErrorCode.STORAGE_BUSY, StateLeft.NOTHING_CHANGED, () -> mounter.unmount(withoutUuid));
    wsl.answers("look-Ubuntu", 0, ROOT + END).answers("look-nixos", 0, ROOT + BIND + END);
    fails(ErrorCode.STORAGE_BUSY, StateLeft.NOTHING_CHANGED, () -> mounter.unmount(withoutUuid));
    assertThat(detached()).isZero();
  }

  @Test
  void leavesMountedDirectoriesAlone() throws IOException {
    SharedStorage directory = SharedStorage.inDirectory(Path.of("/srv"));
    mounter.unmount(directory);
    assertThat(wsl.calls()).isEmpty();
    fails(
        ErrorCode.UNSUPPORTED_PLATFORM,
        StateLeft.NOTHING_CHANGED,
        () -> mounter.ensureMounted(directory));
  }

  @Test
  void lookingStartsNothing() throws IOException {
    running("");
    assertThat(mounter.state(storage)).isEmpty();
    assertThat(wsl.calls()).hasSize(1);
    running("nixos");
    wsl.answers("look", 0, NO_SHARE).answers("look", 0, MOUNTED);
    assertThat(mounter.state(storage)).isEmpty();
    assertThat(mounter.state(storage)).map(MountedStorage::device).contains("/dev/sdc");
    wsl.answers("look", 0, MOUNTED.replace(DISK.toString(), OTHER.toString()));
    assertThat(mounter.state(storage)).isEmpty();
  }

  @Test
  void tellsInstancesAndHowTheyBooted() throws IOException {
    wsl.answers(
        "boot",
        0,
        "{\"version\":1,\"decision\":\"rescue\",\"reason\":\"nothing is mounted\","
            + "\"source\":\"/mnt/wsl/nixstorage/main\",\"storageId\":\"6f1d\"}\n");
    assertThat(mounter.instances())
        .contains(
            new WslInstance("Ubuntu", false, 2, true), new WslInstance("nixos", true, 2, false));
    running("nixos\ndocker-desktop");
    assertThat(mounter.bootStates())
        .containsExactly(
            new BootState(
                "nixos",
                BootState.Decision.RESCUE,
                "nothing is mounted",
                "/mnt/wsl/nixstorage/main",
                Optional.of("6f1d")));
    wsl.clear("boot");
    wsl.answers("boot", 1, "");
    assertThat(mounter.bootStates()).isEmpty();
  }

  @Test
  void formatsTheOneDiskThatCame() throws IOException {
    blankDisk();
    wsl.answers("--mount", 0, "").answers("format", 0, "");
    wsl.answers("look", 0, ROOT + END).answers("look", 0, ROOT + BLANK + END);
    wsl.answers("look", 0, ROOT + BLANK + END); // once more, whether another one came
    wsl.answers("look", 0, ROOT + BLANK + END); // the mounts of what runs
    wsl.answers("look", 0, MOUNTED);
    running("nixos");
    MountedStorage mounted = mounter.prepareBlankDisk(storage, RunOptions.ofDefaults());
    assertThat(mounted.fileSystemUuid()).contains(DISK);
    String marker = marker();
    assertThat(wsl.scripts())
        .filteredOn(script -> script.startsWith("set -- 'format'"))
        .singleElement()
        .asString()
        .startsWith("set -- 'format' 'sdc' '8:32' '131072' '" + DISK + "' '" + marker + "'\n");
  }

  @Test
  void refusesToFormatOnAnyDoubt() throws IOException {
    for (String seen :
        List.of(
            BLANK + BLANK.replace("sdc 8:32", "sdd 8:48"), // two came
            BLANK.replace("131072", "131073"),
            BLANK.replace("131072 0 0", "131072 1 0"),
            BLANK.replace("131072 0 0", "131072 0 1"),
            BLANK.replace("nothing", "ext4"),
            BLANK.replace("nothing", "?"),
            BLANK + "A 90 70 8:32 / /somewhere rw,relatime - ext4 /dev/sdc rw\n",
            "")) {
      blankDisk();
      FakeWsl fresh = new FakeWsl(Files.createTempDirectory(scratch, "fake"));
      fresh.answers("--list", 0, LIST).answers("--mount", 0, "").answers("--unmount", 0, "");
      fresh.answers("--running", 0, "nixos\n");
      fresh.answers("look", 0, ROOT + END).answers("look", 0, ROOT + seen + END);
      fresh.answers("format", 0, "");
      WslMounter other =
          new WindowsPlatform(fresh.runner(), scratch.resolve("host"), Map.of())
              .mounter(new ProcessRunner(), ticker);
      fails(
          ErrorCode.DISK_NOT_BLANK,
          StateLeft.NOTHING_CHANGED,
          () -> other.prepareBlankDisk(storage, RunOptions.ofDefaults()));
      assertThat(fresh.scripts()).as(seen).noneMatch(s -> s.startsWith("set -- 'format'"));
      assertThat(fresh.calls()).as(seen).endsWith(List.of("--unmount", path));
    }
  }

  @Test
  void whatIsInTheFileOrAttachedAlreadyIsNotFormatted() throws IOException {
    blankDisk();
    wsl.answers("look", 0, ROOT + END);
    attachedBefore();
    fails(
        ErrorCode.VHDX_IN_USE,
        StateLeft.NOTHING_CHANGED,
        () -> mounter.prepareBlankDisk(storage, RunOptions.ofDefaults()));
    try (DiskChannel channel = new VhdxEngine().openForWriting(file)) {
      channel.position(channel.size() - 5);
      channel.write(ByteBuffer.wrap(new byte[] {1}));
    }
    int before = wsl.calls().size();
    fails(
        ErrorCode.DISK_NOT_BLANK,
        StateLeft.NOTHING_CHANGED,
        () -> mounter.prepareBlankDisk(storage, RunOptions.ofDefaults()));
    assertThat(wsl.calls().subList(before, wsl.calls().size()))
        .noneMatch(call -> call.get(0).equals("--mount"));
  }

  @Test
  void aRefusalInsideTheInstanceIsToldAndTheDiskDetached() throws IOException {
    blankDisk();
    wsl.answers("--mount", 0, "").answers("format", 40, "refused: it is mounted\n");
    wsl.answers("look", 0, ROOT + END).answers("look", 0, ROOT + BLANK + END);
    running("nixos");
    assertThatThrownBy(() -> mounter.prepareBlankDisk(storage, RunOptions.ofDefaults()))
        .isInstanceOfSatisfying(
            StorageSdkException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.DISK_NOT_BLANK))
        .hasMessageContaining("it is mounted");
    assertThat(detached()).isEqualTo(1);
  }

  private void blankDisk() throws IOException {
    Files.deleteIfExists(file);
    new VhdxEngine().create(file, DiskSpec.ofSize(ByteSize.mebibytes(64)));
  }

  private String marker() throws IOException {
    ByteBuffer text = ByteBuffer.allocate(82);
    try (var channel = new VhdxEngine().openForReading(file)) {
      channel.position(512 << 10);
      while (text.hasRemaining()) {
        channel.read(text);
      }
    }
    return StandardCharsets.US_ASCII.decode(text.flip()).toString();
  }

  private void givesUp(String report, ErrorCode code, Duration least, Duration most)
      throws IOException {
    mountFails(report);
    assertThatThrownBy(() -> mounter.ensureMounted(withoutUuid))
        .isInstanceOfSatisfying(
            StorageSdkException.class,
            e -> {
              assertThat(e.code()).isEqualTo(code);
              assertThat(e.retryable()).isTrue();
              assertThat(e.stateLeft()).isEqualTo(StateLeft.NOTHING_CHANGED);
            });
    assertThat(ticker.paused()).isBetween(least, most);
  }

  private void attachedBefore() throws IOException {
    mountFails("Wsl/Service/AttachDisk/WSL_E_USER_VHD_ALREADY_ATTACHED");
  }

  private void mountFails(String report) throws IOException {
    wsl.answers("--mount", -1, "Das ging nicht. \r\nFehlercode: " + report + "\r\n", "", UTF_16LE);
  }

  private void unmountFails(String report) throws IOException {
    wsl.clear("--unmount");
    wsl.answers("--unmount", -1, "?: " + report + "\r\n", "", UTF_16LE);
  }

  private void running(String names) throws IOException {
    wsl.clear("--running");
    wsl.answers("--running", 0, names + "\n");
  }

  private int mounts() throws IOException {
    return (int) wsl.calls().stream().filter(call -> call.get(0).equals("--mount")).count();
  }

  private int detached() throws IOException {
    return (int) wsl.calls().stream().filter(call -> call.get(0).equals("--unmount")).count();
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
