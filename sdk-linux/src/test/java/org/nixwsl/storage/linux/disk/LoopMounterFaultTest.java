package org.nixwsl.storage.linux.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.nixwsl.storage.linux.disk.DiskMachine.storage;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.SharedStorage;

/** What happens when something fails, is killed, or stands in the way. */
@Tag("once")
final class LoopMounterFaultTest {
  private static final RunOptions QUIETLY = RunOptions.ofDefaults();

  @RegisterExtension private final DiskMachine machine = new DiskMachine();

  @ParameterizedTest(name = "{0} fails: {1}")
  @CsvSource({
    "qemu-storage-daemon, exit 1",
    "qemu-storage-daemon, $REAL \"$@\"; exit 1",
    "losetup, exit 1",
    "losetup, $REAL \"$@\"; exit 1",
    "blkid, exit 1",
    "mkfs.ext4, exit 1",
    "mkfs.ext4, case \"$*\" in *-n*) exit 0;; esac; exit 1",
    "mount, exit 1",
    "mount, $REAL \"$@\"; exit 1",
    "mount, $REAL -o ro \"$4\" \"$6\"",
  })
  void aProgramThatFailsLeavesNothingAttached(String program, String script) throws IOException {
    SharedStorage storage = storage(machine.createDisk("a.vhdx", "1G"), "store");
    LoopMounter broken = machine.mounterWith(program, script);
    StorageSdkException e =
        catchThrowableOfType(
            StorageSdkException.class, () -> broken.prepareBlankDisk(storage, QUIETLY));
    assertThat(e).isNotNull();
    assertThat(e.getSuppressed()).isEmpty();
    assertThat(machine.leftovers()).isEmpty();
  }

  @Test
  void anUndoThatFailsIsToldBesideTheFailureAndTheNextCallCleansUp() throws IOException {
    SharedStorage storage = storage(machine.createDisk("a.vhdx", "1G"), "store");
    machine.mounterWith("umount", "exit 1");
    LoopMounter broken = machine.mounterWith("mount", "$REAL \"$@\"; exit 1");
    StorageSdkException e =
        catchThrowableOfType(
            StorageSdkException.class, () -> broken.prepareBlankDisk(storage, QUIETLY));
    assertThat(e.code()).isEqualTo(ErrorCode.COMMAND_FAILED);
    assertThat(e.getSuppressed()).isNotEmpty();
    machine.mounter().ensureMounted(storage);
    machine.mounter().unmount(storage);
  }

  @Test
  void aKilledDaemonIsNoticedAndReplaced() throws Exception {
    SharedStorage storage = storage(machine.createDisk("a.vhdx", "1G"), "store");
    MountedStorage before = machine.mounter().prepareBlankDisk(storage, QUIETLY);
    Files.writeString(before.mountPoint().resolve("file"), "kept");
    machine.sh("sync -f " + before.mountPoint());
    killDaemon();
    assertThat(machine.mounter().state(storage)).isEmpty();
    MountedStorage after = machine.mounter().ensureMounted(storage);
    assertThat(after.mountPoint().resolve("file")).hasContent("kept");
    assertThat(machine.daemons()).hasSize(1);
    machine.mounter().unmount(storage);
    machine.sh("qemu-img check -q " + machine.folder().resolve("a.vhdx"));
  }

  @Test
  void aDiskWhoseDaemonWasKilledCanBeDetached() throws Exception {
    SharedStorage storage = storage(machine.createDisk("a.vhdx", "1G"), "store");
    machine.mounter().prepareBlankDisk(storage, QUIETLY);
    killDaemon();
    machine.mounter().unmount(storage);
    assertThat(machine.leftovers()).isEmpty();
    assertThat(machine.mounter().ensureMounted(storage).fileSystemUuid()).isPresent();
    machine.mounter().unmount(storage);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "umount $MNT",
        "umount $MNT; losetup -d $DEV",
        "umount $MNT; losetup -d $DEV; kill -9 $PID",
        "umount $MNT; losetup -d $DEV; kill -9 $PID; fusermount3 -u $HOME_DIR/disk.raw",
        "kill -TERM $PID; while [ -e /proc/$PID ]; do :; done",
        "rm $HOME_DIR/daemon.pid",
        "rm $HOME_DIR/daemon.pid $HOME_DIR/disk.vhdx; echo 1 > $HOME_DIR/daemon.pid",
      })
  void whateverACrashLeavesIsCleanedUpByTheNextCall(String crash) throws IOException {
    for (boolean mountAgain : List.of(true, false)) {
      Path file = machine.createDisk("a" + mountAgain + ".vhdx", "1G");
      SharedStorage storage = storage(file, "store");
      MountedStorage mounted = machine.mounter().prepareBlankDisk(storage, QUIETLY);
      machine.sh(
          String.join(
              "; ",
              "MNT=" + mounted.mountPoint(),
              "DEV=" + mounted.device(),
              "HOME_DIR=$(echo " + machine.run() + "/disk-*)",
              "PID=$(cat $HOME_DIR/daemon.pid)",
              crash));
      if (mountAgain) {
        assertThat(machine.mounter().ensureMounted(storage).mountPoint()).exists();
        assertThat(machine.daemons()).hasSize(1);
      }
      machine.mounter().unmount(storage);
      assertThat(machine.leftovers()).isEmpty();
    }
  }

  @Test
  void aDiskInUseStaysMountedAndTheUserIsNamed() throws Exception {
    SharedStorage storage = storage(machine.createDisk("a.vhdx", "1G"), "store");
    MountedStorage mounted = machine.mounter().prepareBlankDisk(storage, QUIETLY);
    Process user =
        machine.startAndAwaitLine("cd " + mounted.mountPoint() + " && echo ready && exec sleep 60");
    ConflictException e = unmountFails(storage);
    assertThat(e.getMessage()).contains("process " + user.pid() + " (sleep)");
    assertThat(machine.mounter().state(storage)).contains(mounted);
    user.destroyForcibly().waitFor();

    try (OutputStream out = Files.newOutputStream(mounted.mountPoint().resolve("open"))) {
      out.write(1);
      assertThat(unmountFails(storage).getMessage())
          .contains("process " + ProcessHandle.current().pid() + " (java)");
    }
    machine.mounter().unmount(storage);
  }

  @Test
  void aDirectoryBoundInAnotherMountNamespaceKeepsTheDisk() throws Exception {
    SharedStorage storage = storage(machine.createDisk("a.vhdx", "1G"), "store");
    MountedStorage mounted = machine.mounter().prepareBlankDisk(storage, QUIETLY);
    Path instance = Files.createDirectory(mounted.mountPoint().resolve("instance"));
    Path bound = Files.createDirectory(machine.folder().resolve("nix"));
    Process other =
        machine.startAndAwaitLine(
            "exec unshare -m --propagation private sh -c 'mount --bind "
                + instance
                + " "
                + bound
                + " && umount "
                + mounted.mountPoint()
                + " && echo ready && exec sleep 60'");
    assertThat(unmountFails(storage).getMessage()).contains("a mount at " + bound + " seen by");
    assertThat(machine.mounter().state(storage)).contains(mounted);
    other.destroyForcibly().waitFor();
    machine.mounter().unmount(storage);
  }

  @Test
  void callsFromManyThreadsEndWithOneAttachment() throws Exception {
    SharedStorage storage = storage(machine.createDisk("a.vhdx", "1G"), "store");
    machine.mounter().prepareBlankDisk(storage, QUIETLY);
    machine.mounter().unmount(storage);
    LoopMounter shared = machine.mounter();
    List<Callable<MountedStorage>> calls = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      LoopMounter mounter = i % 2 == 0 ? shared : machine.mounter();
      calls.add(() -> mounter.ensureMounted(storage));
    }
    ExecutorService threads = Executors.newFixedThreadPool(calls.size());
    try {
      List<MountedStorage> results = new ArrayList<>();
      for (Future<MountedStorage> result : threads.invokeAll(calls)) {
        results.add(result.get());
      }
      assertThat(results).containsOnly(machine.mounter().state(storage).orElseThrow());
    } finally {
      threads.shutdown();
    }
    assertThat(machine.daemons()).hasSize(1);
    machine.mounter().unmount(storage);
  }

  @Test
  void callsFromManyProcessesEndWithOneAttachmentThatOutlivesThem() throws Exception {
    Path file = machine.createDisk("a.vhdx", "1G");
    SharedStorage storage = storage(file, "store");
    MountedStorage prepared = machine.mounter().prepareBlankDisk(storage, QUIETLY);
    machine.mounter().unmount(storage);
    List<Process> processes = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      processes.add(
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-cp",
                  System.getProperty("java.class.path"),
                  MountInAnotherProcess.class.getName(),
                  machine.run().toString(),
                  file.toString())
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start());
    }
    for (Process process : processes) {
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(output).contains(prepared.fileSystemUuid().orElseThrow().toString());
      assertThat(process.waitFor()).isZero();
    }
    assertThat(machine.daemons()).hasSize(1);
    assertThat(machine.mounter().state(storage)).isPresent();
    machine.mounter().unmount(storage);
  }

  private ConflictException unmountFails(SharedStorage storage) {
    ConflictException e =
        catchThrowableOfType(ConflictException.class, () -> machine.mounter().unmount(storage));
    assertThat(e).isNotNull();
    assertThat(e.code()).isEqualTo(ErrorCode.STORAGE_BUSY);
    return e;
  }

  private void killDaemon() {
    for (ProcessHandle daemon : machine.daemons()) {
      daemon.destroyForcibly();
      daemon.onExit().join();
    }
  }
}
