package org.nixwsl.storage.core.migrate;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.VhdxManager;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.platform.StorageTree;
import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.disk.BlockCounts;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskChannel;
import org.nixwsl.storage.disk.DiskCheck;
import org.nixwsl.storage.disk.DiskCompaction;
import org.nixwsl.storage.disk.DiskCopy;
import org.nixwsl.storage.disk.DiskCopyOptions;
import org.nixwsl.storage.disk.DiskInfo;
import org.nixwsl.storage.disk.DiskRepair;
import org.nixwsl.storage.disk.DiskResize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.disk.DiskType;
import org.nixwsl.storage.disk.LogState;
import org.nixwsl.storage.disk.ParentAccess;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.event.CancellationToken;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.Persistence;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLocation;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.store.StoreFinding;

/**
 * A machine without a disk: it keeps what a real one would keep, writes down every change in order,
 * and can fail, or have the caller cancel, at any of them.
 */
final class FakeMachine implements VhdxManager, WslMounter, StoreHost {
  final List<String> changes = new ArrayList<>();
  final List<StoreFinding> findings = new ArrayList<>();
  final List<Problem> mounterRefusals = new ArrayList<>();
  final List<Problem> targetRefusals = new ArrayList<>();
  final CancellationToken token = new CancellationToken();
  final UUID diskId = UUID.randomUUID();

  StoreHost.Measure measure = new StoreHost.Measure(10, 900, 100, 1000);
  Optional<Problem> badSource = Optional.empty();
  Optional<Problem> badDisk = Optional.empty();
  ByteSize virtualSize = ByteSize.gibibytes(1);
  LogState log = LogState.CLEAN;
  boolean formatted;
  boolean mounted;
  boolean committed;
  boolean formattingIsCutShort;

  /** The commit comes to its id and no further: what killed it goes by the test. */
  boolean commitIsCutShort;

  boolean unmountFails;
  ErrorCode unmountError = ErrorCode.STORAGE_BUSY;
  boolean fileGoesAway;
  boolean hasTasks;

  /** What the store that was moved holds, by the fingerprint that it would have. */
  String oldStore = "source";

  boolean merging;
  boolean changesWhileMerging;
  final List<Problem> mergeRefusals = new ArrayList<>();
  final List<StoreFinding> mergeFindings = new ArrayList<>();
  int failAt = -1;
  int cancelAt = -1;

  final FakeTree tree = new FakeTree();
  final FakeTasks tasks = new FakeTasks();
  Optional<UUID> formattedAs = Optional.empty();

  private MountedStorage place() {
    return new MountedStorage(Path.of("/fake/mount"), "/dev/fake", formattedAs, "ext4");
  }

  /** Notes a change before it is made; fails instead of making it when its time has come. */
  private void change(String what) {
    if (changes.size() == cancelAt) {
      token.cancel();
    }
    boolean fails = changes.size() == failAt;
    changes.add(what);
    if (fails) {
      throw new EnvironmentException(Problem.of(ErrorCode.IO_FAILED, "Fault.", "None."));
    }
  }

  @Override
  public DiskInfo create(Path file, DiskSpec spec, RunOptions options) {
    change("create");
    try {
      Files.writeString(file, "disk");
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    virtualSize = spec.virtualSize();
    return inspect(file);
  }

  @Override
  public DiskInfo inspect(Path file) {
    if (Files.notExists(file)) {
      throw new EnvironmentException(Problem.of(ErrorCode.NOT_FOUND, "Gone.", "None."));
    }
    badDisk.ifPresent(
        problem -> {
          throw Failures.errorOf(problem);
        });
    return new DiskInfo(
        DiskType.DYNAMIC,
        virtualSize,
        ByteSize.mebibytes(1),
        512,
        4096,
        diskId,
        UUID.randomUUID(),
        "fake",
        ByteSize.ofBytes(4),
        log,
        0,
        new BlockCounts(formatted ? 3 : 0, 0, 0, 0, 100, 0),
        Optional.empty(),
        Map.of(),
        Optional.empty());
  }

  @Override
  public DiskCheck check(Path file, ParentAccess parents) {
    throw new AssertionError("not used");
  }

  @Override
  public DiskCopy copy(Path source, Path target, DiskCopyOptions options, RunOptions run) {
    throw new AssertionError("not used");
  }

  @Override
  public SeekableByteChannel openForReading(Path file, ParentAccess parents) {
    throw new AssertionError("not used");
  }

  @Override
  public DiskChannel openForWriting(Path file) {
    throw new AssertionError("not used");
  }

  @Override
  public DiskRepair repair(Path file, RunOptions options) {
    throw new AssertionError("not used");
  }

  @Override
  public DiskInfo resize(Path file, DiskResize resize, RunOptions options) {
    throw new AssertionError("not used");
  }

  @Override
  public DiskCompaction compact(Path file, RunOptions options) {
    throw new AssertionError("not used");
  }

  @Override
  public MountedStorage ensureMounted(SharedStorage storage, RunOptions options) {
    change("mount");
    if (!formatted && storage.location() instanceof StorageLocation.VhdxFile) {
      throw Failures.errorOf(Problem.of(ErrorCode.WRONG_STORAGE, "No file system.", "Format."));
    }
    mounted = true;
    return place();
  }

  @Override
  public MountedStorage prepareBlankDisk(SharedStorage storage, RunOptions options) {
    change("format and mount");
    formatted = true;
    if (formattingIsCutShort) {
      throw new EnvironmentException(Problem.of(ErrorCode.COMMAND_FAILED, "Killed.", "Again."));
    }
    formattedAs = storage.fileSystemUuid();
    mounted = true;
    return place();
  }

  @Override
  public void unmount(SharedStorage storage, RunOptions options) {
    changes.add("unmount");
    if (fileGoesAway && storage.location() instanceof StorageLocation.VhdxFile disk) {
      try {
        Files.delete(disk.file());
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    }
    if (unmountFails) {
      throw Failures.errorOf(Problem.of(unmountError, "In use.", "Wait."));
    }
    mounted = false;
  }

  @Override
  public Persistence persistence() {
    return hasTasks ? tasks : WslMounter.super.persistence();
  }

  /** From here on the directory of another instance is looked at. */
  void otherDirectory() {
    tree.id = Optional.empty();
    tree.owner = Optional.empty();
    tree.directory = StorageTree.Directory.ABSENT;
  }

  @Override
  public List<Problem> refusals(SharedStorage storage) {
    return mounterRefusals;
  }

  @Override
  public Optional<MountedStorage> state(SharedStorage storage) {
    return mounted ? Optional.of(place()) : Optional.empty();
  }

  @Override
  public Measure measure(NixStore store, Operation operation) {
    badSource.ifPresent(
        problem -> {
          throw Failures.errorOf(problem);
        });
    return measure;
  }

  @Override
  public List<Problem> refusals(CopyRequest request, Measure size, Operation operation) {
    return targetRefusals.isEmpty() ? holdsAStore(request).stream().toList() : targetRefusals;
  }

  private Optional<Problem> holdsAStore(CopyRequest request) {
    return tree.directory == StorageTree.Directory.STORE && !request.update()
        ? Optional.of(Problem.of(ErrorCode.TARGET_NOT_EMPTY, "A store.", "None."))
        : Optional.empty();
  }

  @Override
  public CopySession begin(CopyRequest request, Operation operation) {
    if (!targetRefusals.isEmpty()) {
      throw Failures.errorOf(targetRefusals.get(0));
    }
    holdsAStore(request)
        .ifPresent(
            problem -> {
              throw Failures.errorOf(problem);
            });
    change("begin " + (request.update() ? "update " : "") + request.target().directory());
    tree.directory = StorageTree.Directory.UNFINISHED;
    tree.hasDatabase = false;
    return new Session();
  }

  @Override
  public Measure lacking(NixStore store, NixStore other, Operation operation) {
    boolean lacks = !oldStore.equals(tree.targetFingerprint);
    return new Measure(lacks ? 3 : 0, lacks ? 30 : 0, 1, 1);
  }

  @Override
  public List<Problem> mergeRefusals(CopyRequest request, Operation operation) {
    return mergeRefusals;
  }

  @Override
  public CopySession beginMerge(CopyRequest request, Operation operation) {
    change("begin merge into " + request.target().directory());
    merging = true;
    return new Merge();
  }

  @Override
  public void dropMerge(NixStore target, Operation operation) {
    change("drop merge");
    merging = false;
  }

  /** Brings the old store to what is on the storage. */
  private final class Merge implements CopySession {
    private boolean copied;
    private long paths;

    @Override
    public void copyPaths(StageProgress progress) {
      change("merge paths");
      copied = true;
      paths = oldStore.equals(tree.targetFingerprint) ? 0 : 3;
    }

    @Override
    public void copyState(StageProgress progress) {
      assertThat(copied).isTrue();
      change("merge state");
      oldStore = tree.targetFingerprint;
    }

    @Override
    public void prove(StageProgress progress) {
      change("merge proof");
      if (changesWhileMerging) {
        tree.targetFingerprint += "+";
      }
    }

    @Override
    public void finish() {
      change("merge end");
      merging = false;
    }

    @Override
    public void commit(UUID storageId) {
      throw new AssertionError("a merge is not committed");
    }

    @Override
    public CopyReport report() {
      return new CopyReport(
          paths,
          9,
          9,
          ByteSize.ofBytes(10 * paths),
          Duration.ZERO,
          Duration.ZERO,
          mergeFindings,
          List.of(),
          List.of());
    }

    @Override
    public void close() {
      changes.add("close merge");
    }
  }

  private final class Session implements CopySession {
    @Override
    public void copyPaths(StageProgress progress) {
      change("paths");
      progress.expect(1000, 10);
      progress.advance(1000, 10);
    }

    @Override
    public void copyState(StageProgress progress) {
      change("state");
      tree.hasDatabase = true;
    }

    @Override
    public void prove(StageProgress progress) throws IOException {
      change("prove");
      progress.expect(1000, 10);
    }

    @Override
    public void commit(UUID storageId) {
      change("commit");
      if (!commitIsCutShort) {
        tree.directory = StorageTree.Directory.STORE;
      }
      tree.id = Optional.of(storageId);
      committed = true;
    }

    @Override
    public void finish() {
      throw new AssertionError("a migration commits");
    }

    @Override
    public CopyReport report() {
      return new CopyReport(
          10,
          90,
          90,
          ByteSize.ofBytes(900),
          Duration.ZERO,
          Duration.ZERO,
          findings,
          List.of(),
          List.of("a note"));
    }

    @Override
    public void close() {
      changes.add("close");
    }
  }
}
