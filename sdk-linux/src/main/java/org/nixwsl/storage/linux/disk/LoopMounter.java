package org.nixwsl.storage.linux.disk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.platform.DiskFormat;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.core.run.UndoStack;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.linux.machine.MountTable;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLayout;
import org.nixwsl.storage.mount.StorageLocation;

/**
 * Attaches storage on Linux. A VHDX is shown as a file by {@code qemu-storage-daemon} (a FUSE
 * export), that file becomes a loop device, and the file system on it is mounted at {@code
 * /run/nixwsl/mnt/NAME}. Needs root and {@code /dev/fuse}.
 *
 * <p>Nothing is remembered: what is attached is read from the machine each time, so that it
 * outlives this process, and so that a daemon that was killed or a run that was cut short is found
 * and cleaned up by the next call. Thread-safe; calls that change something exclude each other on
 * the whole machine.
 */
public final class LoopMounter implements WslMounter {
  private final Ticker ticker;
  private final Tools tools;
  private final RunDirectory run;
  private final Attacher attacher;
  private final DiskFileSystem fileSystem;
  private final DirectoryStorage directories;

  /** A mounter for this machine. */
  public LoopMounter(ProcessRunner processes, Ticker ticker) {
    this(processes, ticker, Tools.ofThisMachine(), RunDirectory.ON_THIS_MACHINE);
  }

  /**
   * A mounter that shares nothing with those of this machine, for tests that put programs of their
   * own in the place of the real ones, or disks of the same name beside each other.
   *
   * @param path the folders of the programs, as in PATH
   * @param runDirectory where all that is attached has its place; made when it is not there
   */
  public static LoopMounter apart(
      ProcessRunner processes, Ticker ticker, String path, Path runDirectory) {
    return new LoopMounter(processes, ticker, Tools.in(path), runDirectory);
  }

  /** A mounter with programs and a run directory of its own. */
  LoopMounter(ProcessRunner processes, Ticker ticker, Tools tools, Path runDirectory) {
    this.ticker = ticker;
    this.tools = tools;
    this.run = new RunDirectory(runDirectory);
    this.attacher = new Attacher(processes, tools, run);
    this.fileSystem = new DiskFileSystem(processes, tools, attacher, run);
    this.directories = new DirectoryStorage(fileSystem);
  }

  @Override
  public MountedStorage ensureMounted(SharedStorage storage, RunOptions options) {
    return attaching(
        "mount the storage " + storage.mountName(),
        options,
        operation ->
            storage.location() instanceof StorageLocation.MountedDirectory directory
                ? directories.prove(directory, storage, operation)
                : ensureMounted(storage, requireDisk(storage), operation));
  }

  @Override
  public MountedStorage prepareBlankDisk(SharedStorage storage, RunOptions options) {
    return attaching(
        "format the storage " + storage.mountName(),
        options,
        operation -> {
          if (storage.location() instanceof StorageLocation.MountedDirectory directory) {
            throw inUse("The directory " + PathBytes.printable(directory.directory()) + " is");
          }
          return formatAndMount(storage, requireDisk(storage), operation);
        });
  }

  @Override
  public void unmount(SharedStorage storage, RunOptions options) {
    Operation.run(
        "detach the storage " + storage.mountName(),
        options,
        ticker,
        Map.of(Stage.DETACH, 1.0),
        operation ->
            operation.stage(
                Stage.DETACH,
                progress -> {
                  if (!(storage.location() instanceof StorageLocation.MountedDirectory)) {
                    detach(fileOf(storage), run.mountPoint(storage.mountName()), operation);
                  }
                  return Boolean.TRUE;
                }));
  }

  @Override
  public Optional<MountedStorage> state(SharedStorage storage) {
    return Operation.quiet(
        "look for the storage " + storage.mountName(), operation -> look(storage, operation));
  }

  @Override
  public List<Problem> refusals(SharedStorage storage) {
    return Operation.quiet(
        "look whether the storage " + storage.mountName() + " can be attached",
        operation ->
            storage.location() instanceof StorageLocation.MountedDirectory directory
                ? directories.refusals(directory, storage.layout())
                : vhdxOf(storage).isEmpty()
                    ? List.of(notHere(storage))
                    : diskRefusals(storage.layout()));
  }

  private List<Problem> diskRefusals(StorageLayout layout) throws IOException {
    try {
      return tools.refusals(DiskFormat.of(layout));
    } catch (EnvironmentException e) {
      return List.of(e.problem());
    }
  }

  private MountedStorage attaching(
      String what, RunOptions options, Operation.Body<MountedStorage> body) {
    return Operation.run(
        what,
        options,
        ticker,
        Map.of(Stage.ATTACH, 1.0),
        operation -> operation.stage(Stage.ATTACH, progress -> body.run(operation)));
  }

  private MountedStorage ensureMounted(SharedStorage storage, Path file, Operation operation)
      throws IOException, InterruptedException {
    Path home = run.homeOf(file);
    Path mountPoint = run.mountPoint(storage.mountName());
    DiskFormat format = DiskFormat.of(storage.layout());
    return run.exclusively(
        operation,
        () -> {
          Attachment seen = Attachment.look(home, mountPoint);
          if (seen.mount(mountPoint).isPresent()) {
            return fileSystem.prove(
                seen.device().orElseThrow(),
                mountPoint,
                format,
                storage.fileSystemUuid(),
                operation);
          }
          clearTheWay(seen, mountPoint, operation);
          try (UndoStack undo = new UndoStack(ticker)) {
            LoopDevice device = attacher.attach(file, home, List.of(), undo, operation);
            UUID uuid =
                fileSystem.identify(device.node(), format, storage.fileSystemUuid(), operation);
            MountedStorage mounted =
                fileSystem.mount(device, mountPoint, format, uuid, undo, operation);
            undo.keep();
            return mounted;
          }
        });
  }

  private MountedStorage formatAndMount(SharedStorage storage, Path file, Operation operation)
      throws IOException, InterruptedException {
    Path home = run.homeOf(file);
    Path mountPoint = run.mountPoint(storage.mountName());
    DiskFormat format = DiskFormat.of(storage.layout());
    return run.exclusively(
        operation,
        () -> {
          Attachment seen = Attachment.look(home, mountPoint);
          if (!seen.mounts().isEmpty()) {
            throw inUse("The disk " + PathBytes.printable(file) + " is");
          }
          clearTheWay(seen, mountPoint, operation);
          try (UndoStack undo = new UndoStack(ticker)) {
            LoopDevice device = attacher.attach(file, home, List.of(), undo, operation);
            UUID uuid = storage.fileSystemUuid().orElseGet(UUID::randomUUID);
            fileSystem.formatBlank(device, format, uuid, operation);
            fileSystem.identify(device.node(), format, Optional.of(uuid), operation);
            MountedStorage mounted =
                fileSystem.mount(device, mountPoint, format, uuid, undo, operation);
            undo.keep();
            return mounted;
          }
        });
  }

  /** Takes away what a crash left of this disk, and makes sure that the name is free. */
  private void clearTheWay(Attachment seen, Path mountPoint, Operation operation)
      throws IOException, InterruptedException {
    if (seen.device().isPresent() && !seen.mounts().isEmpty()) {
      throw new ConflictException(
          Problem.of(
              ErrorCode.STORAGE_BUSY,
              "The disk is attached already and mounted at "
                  + seen.mounts().get(0).point()
                  + ", not at "
                  + mountPoint
                  + ".",
              "Use the name that it has, or unmount it first."));
    }
    if (!seen.nothing()) {
      attacher.detach(seen, operation);
    }
    Optional<MountTable.Mount> taken = MountTable.ofThisProcess().at(mountPoint.toString());
    if (taken.isPresent()) {
      throw new DiskException(
          Problem.of(
              ErrorCode.WRONG_STORAGE,
              "The name "
                  + mountPoint.getFileName()
                  + " is taken: "
                  + taken.get().source()
                  + " of another disk is mounted at "
                  + mountPoint
                  + ".",
              "Unmount the other disk, or give this one another name."));
    }
  }

  private void detach(Path file, Path mountPoint, Operation operation)
      throws IOException, InterruptedException {
    if (Files.notExists(file)) {
      requireNothingAt(mountPoint, file);
      return;
    }
    Path home = run.homeOf(file);
    if (Attachment.look(home, mountPoint).nothing()) {
      return;
    }
    refuse(tools.refusals());
    run.exclusively(
        operation,
        () -> {
          operation.checkCancelled();
          // From here without cancellation: half detached is worse than either.
          Operation.toTheEnd(
              "detach " + home,
              ticker,
              op -> {
                attacher.detach(Attachment.look(home, mountPoint), op);
                run.removeMountPoint(mountPoint);
              });
          return Boolean.TRUE;
        });
  }

  /** Without its file a disk cannot be found; what is mounted under its name is said at least. */
  private static void requireNothingAt(Path mountPoint, Path file) throws IOException {
    Optional<MountTable.Mount> there = MountTable.ofThisProcess().at(mountPoint.toString());
    if (there.isPresent()) {
      throw new DiskException(
          Problem.of(
              ErrorCode.WRONG_STORAGE,
              "Cannot detach "
                  + PathBytes.printable(file)
                  + ": the file is not there any more, and "
                  + there.get().source()
                  + " is still mounted at "
                  + mountPoint
                  + ".",
              "Give the name that the file has now; if it was deleted, unmount "
                  + mountPoint
                  + " and detach "
                  + there.get().source()
                  + " with losetup."));
    }
  }

  private Optional<MountedStorage> look(SharedStorage storage, Operation operation)
      throws IOException, InterruptedException {
    if (storage.location() instanceof StorageLocation.MountedDirectory directory) {
      return directories.look(directory, operation);
    }
    Optional<Path> file = vhdxOf(storage).filter(Files::exists);
    if (file.isEmpty()) {
      return Optional.empty();
    }
    Path mountPoint = run.mountPoint(storage.mountName());
    Attachment seen = Attachment.look(run.homeOf(file.get()), mountPoint);
    Optional<MountTable.Mount> mount = seen.mount(mountPoint);
    if (mount.isEmpty()) {
      return Optional.empty();
    }
    String node = seen.device().orElseThrow().node();
    return Optional.of(
        new MountedStorage(
            mountPoint, node, fileSystem.uuidOn(node, operation), mount.get().type()));
  }

  private static Optional<Path> vhdxOf(SharedStorage storage) {
    return storage.location() instanceof StorageLocation.VhdxFile vhdx
        ? Optional.of(vhdx.file())
        : Optional.empty();
  }

  /** The file as it was named. A disk of Windows is refused here, also to be detached. */
  private static Path fileOf(SharedStorage storage) {
    return vhdxOf(storage).orElseThrow(() -> new EnvironmentException(notHere(storage)));
  }

  private static Problem notHere(SharedStorage storage) {
    return Problem.of(
        ErrorCode.UNSUPPORTED_PLATFORM,
        "Only Windows attaches and detaches " + storage.location() + " for WSL.",
        "Call from Windows, or give the directory where it is mounted as the storage.");
  }

  /** The disk's own file, without symlinks, on a machine that can attach it. */
  private Path requireDisk(SharedStorage storage) throws IOException {
    Path file = fileOf(storage);
    refuse(diskRefusals(storage.layout()));
    if (!Files.isRegularFile(file)) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.NOT_FOUND,
              "Cannot attach " + PathBytes.printable(file) + ": there is no such file.",
              "Create the disk first, or correct the name."));
    }
    return file.toRealPath();
  }

  private static void refuse(List<Problem> problems) {
    if (!problems.isEmpty()) {
      throw new EnvironmentException(problems.get(0));
    }
  }

  private static DiskException inUse(String what) {
    return new DiskException(
        Problem.of(
            ErrorCode.DISK_NOT_BLANK,
            what + " mounted and in use, and is not formatted.",
            "Only a new disk that nothing uses can be formatted."));
  }
}
