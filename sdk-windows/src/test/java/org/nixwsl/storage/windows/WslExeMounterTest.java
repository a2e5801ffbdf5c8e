package org.nixwsl.storage.windows;

import static java.nio.charset.StandardCharsets.UTF_16LE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.OperationCancelledException;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.event.CancellationToken;
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLocation;
import org.nixwsl.storage.windows.wsl.FakeWsl;

/** What is mounted, and what is refused. */
class WslExeMounterTest extends MounterFixture {
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
                        "set -- 'remount' 'sdc' '8:32' '"
                            + DISK
                            + "' '/mnt/wsl/nixstorage' 'ext4' ''\n"));
  }

  @Test
  void aDiskThatComesLateIsMountedByWslAndNeverFromInside() throws IOException {
    running("");
    wsl.answers("--mount", 0, "").answers("--mount", 1, "?").answers("--mount", 1, "?");
    wsl.answers("--mount", 0, "");
    wsl.answers("look", 0, NO_SHARE).answers("look", 0, MOUNTED);
    assertThat(mounter.ensureMounted(storage).fileSystemUuid()).contains(DISK);
    assertThat(mounts()).isEqualTo(4);
    assertThat(wsl.scripts()).noneMatch(script -> script.startsWith("set -- 'remount'"));
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
}
