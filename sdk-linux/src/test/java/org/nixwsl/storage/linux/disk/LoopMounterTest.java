package org.nixwsl.storage.linux.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.nixwsl.storage.linux.disk.DiskMachine.storage;

import java.io.IOException;
import java.net.URI;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.OperationCancelledException;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.event.CancellationToken;
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLocation;
import org.nixwsl.storage.mount.StorageLocation.VhdxFile;

/** What a caller may count on, on real disks. */
@Tag("once")
final class LoopMounterTest {
  private static final RunOptions QUIETLY = RunOptions.ofDefaults();

  @RegisterExtension private final DiskMachine machine = new DiskMachine();

  @Test
  void whatIsWrittenToAPreparedDiskIsThereAfterDetachingAndAttachingAgain() throws IOException {
    SharedStorage storage = storage(machine.createDisk("a.vhdx", "8G"), "store");
    MountedStorage prepared = machine.mounter().prepareBlankDisk(storage, QUIETLY);
    assertThat(prepared.mountPoint()).isEqualTo(machine.run().resolve("mnt/store"));
    assertThat(prepared.fileSystemType()).isEqualTo("ext4");
    Files.writeString(prepared.mountPoint().resolve("file"), "kept");
    machine.mounter().unmount(storage);
    assertThat(machine.leftovers()).isEmpty();
    machine.sh("qemu-img check -q " + machine.folder().resolve("a.vhdx"));

    MountedStorage again = machine.mounter().ensureMounted(storage);
    assertThat(again.fileSystemUuid()).isEqualTo(prepared.fileSystemUuid());
    assertThat(again.mountPoint().resolve("file")).hasContent("kept");
    machine.mounter().unmount(storage);
  }

  @Test
  void formattingLeavesTheFileSmallAndTheKernelWithNothingToInitialise() throws IOException {
    Path file = machine.createDisk("a.vhdx", "256G");
    SharedStorage storage = storage(file, "store");
    MountedStorage prepared = machine.mounter().prepareBlankDisk(storage, QUIETLY);
    String groups = machine.sh("dumpe2fs " + prepared.device() + " 2>/dev/null");
    long all = groups.lines().filter(l -> l.matches("Group [0-9]+:.*")).count();
    long zeroed = groups.lines().filter(l -> l.contains("ITABLE_ZEROED")).count();
    assertThat(zeroed).isEqualTo(all).isEqualTo(2048);
    machine.mounter().unmount(storage);
    assertThat(Files.size(file)).isLessThan(48L << 20);
    assertThat(machine.sh("qemu-img check " + file)).contains("No errors were found");
  }

  @Test
  void mountingTwiceChangesNothingAndAnotherMounterSeesTheSame() {
    SharedStorage storage = storage(machine.createDisk("a.vhdx", "1G"), "store");
    LoopMounter first = machine.mounter();
    assertThat(first.state(storage)).isEmpty();
    MountedStorage prepared = first.prepareBlankDisk(storage, QUIETLY);
    assertThat(machine.mounter().ensureMounted(storage)).isEqualTo(prepared);
    assertThat(machine.mounter().state(storage)).contains(prepared);
    assertThat(machine.daemons()).hasSize(1);
    machine.mounter().unmount(storage);
    assertThat(first.state(storage)).isEmpty();
    first.unmount(storage);
  }

  @Test
  void aPhysicalDiskOfWindowsIsRefusedInEveryCall() {
    SharedStorage physical =
        SharedStorage.builder()
            .location(new StorageLocation.PhysicalDisk("\\\\.\\PHYSICALDRIVE1", Optional.empty()))
            .build();
    LoopMounter mounter = machine.mounter();
    for (Runnable call :
        List.<Runnable>of(
            () -> mounter.unmount(physical),
            () -> mounter.ensureMounted(physical),
            () -> mounter.prepareBlankDisk(physical, QUIETLY))) {
      EnvironmentException e = catchThrowableOfType(EnvironmentException.class, call::run);
      assertThat(e).isNotNull();
      assertThat(e.code()).isEqualTo(ErrorCode.UNSUPPORTED_PLATFORM);
    }
    assertThat(mounter.refusals(physical))
        .extracting(Problem::code)
        .containsExactly(ErrorCode.UNSUPPORTED_PLATFORM);
  }

  @Test
  void aDiskThatWasRenamedWhileItWasMountedIsStillTheSame() throws IOException {
    Path file = machine.createDisk("a.vhdx", "1G");
    MountedStorage prepared = machine.mounter().prepareBlankDisk(storage(file, "store"), QUIETLY);
    Files.move(file, machine.folder().resolve("aside"));
    DiskException e =
        catchThrowableOfType(
            DiskException.class, () -> machine.mounter().unmount(storage(file, "store")));
    assertThat(e).as("a disk that is mounted is not detached without a word").isNotNull();
    assertThat(e.code()).isEqualTo(ErrorCode.WRONG_STORAGE);
    Files.move(machine.folder().resolve("aside"), file);
    SharedStorage renamed = storage(Files.move(file, machine.folder().resolve("b.vhdx")), "store");
    assertThat(machine.mounter().ensureMounted(renamed)).isEqualTo(prepared);
    machine.mounter().unmount(renamed);
  }

  @Test
  void aBlankDiskIsRefusedAndNotFormattedByTheWay() throws IOException {
    SharedStorage storage = storage(machine.createDisk("a.vhdx", "1G"), "store");
    DiskException e =
        catchThrowableOfType(DiskException.class, () -> machine.mounter().ensureMounted(storage));
    assertThat(e.code()).isEqualTo(ErrorCode.WRONG_STORAGE);
    assertThat(e.remedy()).contains("prepareBlankDisk");
    assertThat(e.stateLeft()).isEqualTo(StateLeft.NOTHING_CHANGED);
    assertThat(e.getSuppressed()).isEmpty();
    assertThat(machine.leftovers()).isEmpty();
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '@',
      value = {
        "ext2 @ mkfs.ext2 -q -F $RAW",
        "swap @ mkswap -q $RAW",
        "partition table @ put 510 '\\125\\252'; put 446 '\\0\\040\\041\\0\\203\\202\\102\\0\\0\\010\\0\\0\\0\\0\\020'",
        "a byte at the start @ put 1000000 x",
        "a byte at the end @ put 1073741823 x",
      })
  void aDiskThatHoldsAnythingIsNeverFormatted(String what, String script) throws IOException {
    Path raw = machine.folder().resolve("a.raw");
    Path file = machine.folder().resolve("a.vhdx");
    machine.sh(
        "put() { printf $2 | dd of=$RAW bs=1 seek=$1 conv=notrunc status=none; }; RAW="
            + raw
            + "; truncate -s 1G $RAW; "
            + script);
    machine.sh("qemu-img convert -f raw -O vhdx " + raw + " " + file);
    DiskException e =
        catchThrowableOfType(
            DiskException.class,
            () -> machine.mounter().prepareBlankDisk(storage(file, "store"), QUIETLY));
    assertThat(e).as(what).isNotNull();
    assertThat(e.code()).isEqualTo(ErrorCode.DISK_NOT_BLANK);
    assertThat(machine.leftovers()).isEmpty();
    machine.sh("qemu-img compare -q -f raw -F vhdx " + raw + " " + file);
  }

  @Test
  void aDiskInUseIsNotFormatted() {
    SharedStorage storage = storage(machine.createDisk("a.vhdx", "1G"), "store");
    machine.mounter().prepareBlankDisk(storage, QUIETLY);
    DiskException e =
        catchThrowableOfType(
            DiskException.class, () -> machine.mounter().prepareBlankDisk(storage, QUIETLY));
    assertThat(e.code()).isEqualTo(ErrorCode.DISK_NOT_BLANK);
    assertThat(machine.mounter().state(storage)).isPresent();
    machine.mounter().unmount(storage);
  }

  @Test
  void aDiskWithAnotherUuidIsRefused() throws IOException {
    Path file = machine.createDisk("a.vhdx", "1G");
    UUID right = UUID.randomUUID();
    SharedStorage known = storage(new VhdxFile(file), "store", right);
    assertThat(machine.mounter().prepareBlankDisk(known, QUIETLY).fileSystemUuid()).contains(right);
    SharedStorage other = storage(new VhdxFile(file), "store", UUID.randomUUID());
    assertThat(codeOf(() -> machine.mounter().ensureMounted(other)))
        .isEqualTo(ErrorCode.WRONG_STORAGE);
    machine.mounter().unmount(known);
    assertThat(codeOf(() -> machine.mounter().ensureMounted(other)))
        .isEqualTo(ErrorCode.WRONG_STORAGE);
    assertThat(machine.leftovers()).isEmpty();
  }

  @Test
  void aDiskOfWhichACopyIsAttachedIsRefused() throws IOException {
    Path file = machine.createDisk("a.vhdx", "1G");
    SharedStorage storage = storage(file, "store");
    machine.mounter().prepareBlankDisk(storage, QUIETLY);
    machine.mounter().unmount(storage);
    Path copy = machine.folder().resolve("copy.raw");
    machine.sh("qemu-img convert -f vhdx -O raw " + file + " " + copy);
    String loop = machine.sh("losetup --find --show " + copy).strip();
    try {
      DiskException e =
          catchThrowableOfType(DiskException.class, () -> machine.mounter().ensureMounted(storage));
      assertThat(e.code()).isEqualTo(ErrorCode.WRONG_STORAGE);
      assertThat(e.getMessage()).contains(loop);
    } finally {
      machine.detachLoop(loop);
    }
    machine.mounter().ensureMounted(storage);
    machine.mounter().unmount(storage);
  }

  @Test
  void aNameThatAnotherDiskHasIsRefused() throws IOException {
    SharedStorage first = storage(machine.createDisk("a.vhdx", "1G"), "store");
    SharedStorage second = storage(machine.createDisk("b.vhdx", "1G"), "store");
    MountedStorage mounted = machine.mounter().prepareBlankDisk(first, QUIETLY);
    DiskException e =
        catchThrowableOfType(
            DiskException.class, () -> machine.mounter().prepareBlankDisk(second, QUIETLY));
    assertThat(e.code()).isEqualTo(ErrorCode.WRONG_STORAGE);
    assertThat(e.getMessage()).contains("store", mounted.device());
    assertThat(machine.mounter().state(first)).contains(mounted);
    assertThat(machine.mounter().state(second)).isEmpty();
    machine.mounter().unmount(second);
    assertThat(machine.mounter().state(first)).contains(mounted);
    machine.mounter().unmount(first);
  }

  @Test
  void aDiskMountedUnderAnotherNameIsNotMountedTwice() throws IOException {
    Path file = machine.createDisk("a.vhdx", "1G");
    machine.mounter().prepareBlankDisk(storage(file, "one"), QUIETLY);
    assertThat(codeOf(() -> machine.mounter().ensureMounted(storage(file, "two"))))
        .isEqualTo(ErrorCode.STORAGE_BUSY);
    machine.mounter().unmount(storage(file, "two"));
    assertThat(machine.leftovers()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a,b=c,,d.vhdx",
        "with%20space%20and%20%23.vhdx",
        "%C3%A4.vhdx",
        "%FF%FE.vhdx",
        "-rf.vhdx",
        "line%0Afeed.vhdx",
        "%22quote'%5C.vhdx"
      })
  void anyFileNameWillDo(String name) throws IOException {
    Path plain = machine.createDisk("plain.vhdx", "1G");
    Path odd = Path.of(URI.create("file://" + machine.folder() + "/" + name));
    SharedStorage storage = storage(Files.move(plain, odd), "store");
    machine.mounter().prepareBlankDisk(storage, QUIETLY);
    assertThat(machine.mounter().state(storage)).isPresent();
    machine.mounter().unmount(storage);
    assertThat(machine.mounter().ensureMounted(storage).mountPoint()).exists();
    machine.mounter().unmount(storage);
  }

  @Test
  void aFileThatIsNoDiskIsNamedAsSuch() throws IOException {
    Path text = Files.writeString(machine.folder().resolve("text.vhdx"), "no disk".repeat(999));
    assertThat(codeOf(() -> machine.mounter().ensureMounted(storage(text, "store"))))
        .isEqualTo(ErrorCode.NOT_A_VHDX);
    Path absent = machine.folder().resolve("absent.vhdx");
    assertThat(codeOf(() -> machine.mounter().ensureMounted(storage(absent, "store"))))
        .isEqualTo(ErrorCode.NOT_FOUND);
    assertThat(codeOf(() -> machine.mounter().ensureMounted(storage(machine.folder(), "store"))))
        .isEqualTo(ErrorCode.NOT_FOUND);
    machine.mounter().unmount(storage(absent, "store"));
    assertThat(machine.mounter().state(storage(absent, "store"))).isEmpty();
    assertThat(machine.leftovers()).isEmpty();
  }

  @Test
  void aDiskThatAnotherProgramHasOpenIsInUse() throws IOException {
    Path file = machine.createDisk("a.vhdx", "1G");
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      assertThat(channel.tryLock()).isNotNull();
      assertThat(codeOf(() -> machine.mounter().ensureMounted(storage(file, "store"))))
          .isEqualTo(ErrorCode.VHDX_IN_USE);
    }
    Path pidFile = machine.folder().resolve("other.pid");
    machine.startAndAwaitLine(
        "qemu-storage-daemon --pidfile "
            + pidFile
            + " --blockdev driver=file,node-name=f,filename="
            + file
            + " --blockdev driver=vhdx,node-name=d,file=f & until [ -s "
            + pidFile
            + " ]; do :; done; echo ready; wait");
    DiskException e =
        catchThrowableOfType(
            DiskException.class, () -> machine.mounter().ensureMounted(storage(file, "store")));
    assertThat(e.code()).isEqualTo(ErrorCode.VHDX_IN_USE);
    assertThat(e.retryable()).isTrue();
    assertThat(machine.leftovers()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"link", "writable", "file"})
  void aRunDirectoryThatOthersControlIsNotUsed(String kind) throws IOException {
    Path file = machine.createDisk("a.vhdx", "1G");
    switch (kind) {
      case "link" -> Files.createSymbolicLink(machine.run(), machine.folder());
      case "writable" -> machine.sh("mkdir " + machine.run() + "; chmod 777 " + machine.run());
      default -> Files.createFile(machine.run());
    }
    assertThat(codeOf(() -> machine.mounter().ensureMounted(storage(file, "store"))))
        .isEqualTo(ErrorCode.NOT_ROOT);
    Files.delete(machine.run());
  }

  @Test
  void aCancelledCallLeavesNothingAttached() throws IOException {
    SharedStorage storage = storage(machine.createDisk("a.vhdx", "1G"), "store");
    LoopMounter slow = machine.mounterWith("mkfs.ext4", "touch $0.runs; sleep 60");
    CancellationToken token = new CancellationToken();
    RunOptions options =
        RunOptions.builder()
            .on(StorageEvent.StageStarted.class, e -> cancelWhenFormatting(token))
            .cancelWith(token)
            .build();
    assertThat(
            catchThrowableOfType(
                OperationCancelledException.class, () -> slow.prepareBlankDisk(storage, options)))
        .isNotNull();
    assertThat(machine.folder().resolve("tools/mkfs.ext4.runs")).exists();
    assertThat(machine.leftovers()).isEmpty();
  }

  private void cancelWhenFormatting(CancellationToken token) {
    Thread watcher =
        new Thread(
            () -> {
              while (Files.notExists(machine.folder().resolve("tools/mkfs.ext4.runs"))) {
                Thread.onSpinWait();
              }
              token.cancel();
            });
    watcher.setDaemon(true);
    watcher.start();
  }

  private static ErrorCode codeOf(Runnable call) {
    StorageSdkException e = catchThrowableOfType(StorageSdkException.class, call::run);
    assertThat(e).isNotNull();
    assertThat(
            e instanceof DiskException
                || e instanceof EnvironmentException
                || e instanceof ConflictException)
        .isTrue();
    return e.code();
  }
}
