package org.nixwsl.storage.testkit.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.migrate.stage.SideEffects;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.vhdx.VhdxEngine;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.testkit.copy.LoopFileSystem;

/**
 * The disk fails, is pulled, or is full, and so is the volume below it, while a store is moved to
 * it. The move says so, the old store is as it was, and when the cause is mended the move goes on
 * to the same end.
 */
@Tag("once")
class DiskFaultTest {
  private static final String FILE = "shared.vhdx";
  private static final long HOST_BYTES = 256L << 20;

  /** Less than a block of the disk, and enough for the journal beside it. */
  private static final int HOST_LEFT_KIB = 700;

  private static final int GUEST_LEFT_KIB = 60;

  /** It reserves 16 MiB for itself at most, which only writing gets at. */
  private static final long KEPT_BY_EXT4 = 24L << 20;

  @TempDir private static Path folder;
  private static SmallMove store;

  @TempDir private Path place;
  private LoopFileSystem host;
  private FaultyDisk disk;

  /** What goes wrong. */
  enum Trouble {
    WRITES_FAIL,
    READS_FAIL,
    PULLED,
    DISK_FULL,
    VOLUME_FULL;

    /** What may be said of it. */
    private Set<ErrorCode> codes() {
      return switch (this) {
        case WRITES_FAIL -> Set.of(ErrorCode.IO_FAILED);
        case READS_FAIL, PULLED -> Set.of(ErrorCode.IO_FAILED, ErrorCode.TARGET_DAMAGED);
        case DISK_FULL, VOLUME_FULL -> Set.of(ErrorCode.NO_SPACE);
      };
    }
  }

  /** Before which change it does. */
  enum Moment {
    COPY("copy the store paths"),
    STATE("copy the state"),
    PROOF("read the rest back"),
    COMMIT("write the id");

    private final String change;

    Moment(String change) {
      this.change = change;
    }
  }

  @BeforeAll
  static void makeAStore() throws IOException {
    store = SmallMove.in(folder);
  }

  @BeforeEach
  void makeAHost() throws IOException {
    host = LoopFileSystem.ext4(place, HOST_BYTES);
    disk = new FaultyDisk(place, host.path().resolve(FILE));
  }

  @AfterEach
  void takeAllAway() throws IOException {
    try {
      if (disk != null) {
        disk.discard();
      }
    } finally {
      if (host != null) {
        host.close();
      }
    }
  }

  @Test
  void aDiskThatIsPulledBeforeTheCommitLeavesNoId() throws IOException {
    survives(Trouble.PULLED, Moment.COMMIT);
  }

  @Test
  void aVolumeThatIsFullUnderTheDiskIsNamed() throws IOException {
    survives(Trouble.VOLUME_FULL, Moment.COPY);
  }

  /** It was mounted before the move, and so it stays; but it takes no write any more. */
  @Test
  void aStorageThatGaveUpAfterAnErrorIsRefusedUntilItIsMountedAnew() throws IOException {
    DiskSpec spec = DiskSpec.ofSize(SmallMove.DISK_SIZE);
    new VhdxEngine().create(host.path().resolve(FILE), spec, RunOptions.ofDefaults());
    disk.mounter().prepareBlankDisk(disk.storage(), RunOptions.ofDefaults());
    fails(Trouble.WRITES_FAIL, Moment.COPY);
    disk.mend();
    // Only who writes next makes the kernel say in the table of mounts that it gave up.
    for (ErrorCode code : List.of(ErrorCode.IO_FAILED, ErrorCode.UNSUITABLE_FILE_SYSTEM)) {
      assertThatThrownBy(() -> SmallMove.resume(disk.storage(), disk.mounter()))
          .isInstanceOfSatisfying(
              StorageSdkException.class,
              e -> {
                assertThat(e.code()).as("%s", e).isIn(code, ErrorCode.UNSUITABLE_FILE_SYSTEM);
                assertThat(e.problem().remedy()).contains("unmount it");
              });
    }
    disk.mounter().unmount(disk.storage());
    SmallMove.resume(disk.storage(), disk.mounter());
    store.assertMoved(disk.storage(), disk.mounter());
  }

  @ParameterizedTest
  @EnumSource(Trouble.class)
  @Tag("long")
  void whateverGoesWrongAtWhateverMoment(Trouble trouble) throws IOException {
    for (Moment moment : Moment.values()) {
      survives(trouble, moment);
      disk.discard();
      LoopFileSystem.run("sh", "-c", "rm -rf " + host.path() + "/" + FILE + "*");
    }
  }

  private void survives(Trouble trouble, Moment moment) throws IOException {
    fails(trouble, moment);
    mend(trouble);
    MountedStorage mounted = disk.mounter().ensureMounted(disk.storage());
    assertThat(store.isCommittedAndWhole(mounted.mountPoint())).isFalse();
    SmallMove.resume(disk.storage(), disk.mounter());
    store.assertMoved(disk.storage(), disk.mounter());
  }

  /** The move says what it is, and the old store is as it was. */
  private void fails(Trouble trouble, Moment moment) throws IOException {
    String what = trouble + " before " + moment;
    boolean[] begun = new boolean[1];
    SideEffects trigger =
        new SideEffects() {
          @Override
          public <T> T make(String change, Operation.Work<T> work)
              throws IOException, InterruptedException {
            if (change.equals(moment.change)) {
              begun[0] = true;
              begin(trouble);
            }
            return work.run();
          }
        };
    StorageSdkException e =
        catchThrowableOfType(
            StorageSdkException.class, () -> store.run(disk.storage(), disk.mounter(), trigger));
    assertThat(begun[0]).as(what).isTrue();
    store.assertSourceUntouched();
    if (e == null) {
      throw new AssertionError(what + ": the move did not notice");
    }
    System.out.println(what + ": " + e.stateLeft() + " " + e);
    assertThat(e.code()).as(what + ": " + e).isIn(trouble.codes());
    assertThat(e.stateLeft()).as(what).isEqualTo(StateLeft.RESUMABLE);
    assertThat(e.problem().message()).as(what).containsPattern("nixstorage|shared\\.vhdx");
    assertThat(e.problem().remedy()).as(what).isNotBlank();
  }

  private void begin(Trouble trouble) throws IOException {
    switch (trouble) {
      case WRITES_FAIL -> disk.fail(FaultyDisk.Fault.WRITES);
      case READS_FAIL -> {
        disk.fail(FaultyDisk.Fault.READS);
        LoopFileSystem.run("sh", "-c", "echo 1 >/proc/sys/vm/drop_caches");
      }
      case PULLED -> disk.unplug();
      case DISK_FULL -> fillTheDisk();
      case VOLUME_FULL -> LoopFileSystem.fillBut(host.path().resolve("filler"), HOST_LEFT_KIB);
    }
  }

  private void mend(Trouble trouble) throws IOException {
    switch (trouble) {
      case WRITES_FAIL, READS_FAIL -> disk.mend();
      case PULLED -> {}
      case DISK_FULL -> {
        disk.mounter().ensureMounted(disk.storage());
        Files.delete(onDisk("reserved"));
        Files.delete(onDisk("filler"));
      }
      case VOLUME_FULL -> Files.delete(host.path().resolve("filler"));
    }
  }

  /** Most of it without writing, so that the volume below has room still. */
  private void fillTheDisk() throws IOException {
    Path reserved = Files.createFile(onDisk("reserved"));
    long most = Files.getFileStore(reserved).getUnallocatedSpace() - KEPT_BY_EXT4;
    LoopFileSystem.run("fallocate", "-l", Long.toString(most), reserved.toString());
    LoopFileSystem.fillBut(onDisk("filler"), GUEST_LEFT_KIB);
  }

  private Path onDisk(String name) {
    return disk.mounter().state(disk.storage()).orElseThrow().mountPoint().resolve(name);
  }
}
