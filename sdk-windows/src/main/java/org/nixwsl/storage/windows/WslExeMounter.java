package org.nixwsl.storage.windows;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLocation;

/**
 * Mounts a VHDX through {@code wsl.exe} and believes nothing that it says of success: each mount
 * ends with a look at the mount table and the disk from inside an instance.
 *
 * <p>Calls of one object exclude each other. Not yet: across processes; blank disks; mending a
 * mount that WSL still lists after an instance took it away; detaching a disk that turns out to be
 * the wrong one.
 */
final class WslExeMounter implements WslMounter {
  /** WSL does not try again to attach a VHDX that something holds: a scanner, a backup. */
  static final Duration PATIENCE = Duration.ofSeconds(30);

  private static final String TYPE = "ext4";

  private final WslExe wsl;
  private final Ticker ticker;
  private final Duration patience;

  WslExeMounter(WslExe wsl, Ticker ticker, Duration patience) {
    this.wsl = wsl;
    this.ticker = ticker;
    this.patience = patience;
  }

  @Override
  public synchronized MountedStorage ensureMounted(SharedStorage storage, RunOptions options) {
    Path file = vhdx(storage);
    return Operation.run(
        "mount " + file,
        options,
        ticker,
        Map.of(Stage.ATTACH, 1.0),
        operation ->
            operation.stage(
                Stage.ATTACH,
                progress -> {
                  String path = WindowsPath.finalPath(file);
                  String what = "Cannot mount " + path + " in WSL";
                  WslAnswer answer =
                      operation.retrying(
                          "mount " + path,
                          patience,
                          () -> mountOnce(path, storage, what, operation));
                  WslGuest guest = guest(what, operation);
                  return mounted(guest, storage, operation)
                      .orElseThrow(() -> notMounted(what, storage, answer));
                }));
  }

  @Override
  public MountedStorage prepareBlankDisk(SharedStorage storage, RunOptions options) {
    throw new EnvironmentException(
        Problem.of(
            ErrorCode.UNSUPPORTED_PLATFORM,
            "Preparing a blank disk through wsl.exe is not there yet.",
            "Make an ext4 file system on "
                + vhdx(storage)
                + " with the SDK on Linux, then mount it here."));
  }

  @Override
  public synchronized void unmount(SharedStorage storage, RunOptions options) {
    if (storage.location() instanceof StorageLocation.MountedDirectory) {
      return;
    }
    Path file = vhdx(storage);
    Operation.run(
        "unmount " + file,
        options,
        ticker,
        Map.of(Stage.DETACH, 1.0),
        operation ->
            operation.stage(
                Stage.DETACH,
                progress -> {
                  String path = WindowsPath.lastKnownPath(file);
                  refuseWhileInUse(path, storage, operation);
                  WslAnswer answer =
                      operation.retrying(
                          "unmount " + path, patience, () -> unmountOnce(path, operation));
                  return answer.exitCode();
                }));
  }

  @Override
  public synchronized Optional<MountedStorage> state(SharedStorage storage) {
    vhdx(storage);
    return Operation.run(
        "look for " + storage.mountName(),
        RunOptions.ofDefaults(),
        ticker,
        Map.of(),
        operation -> {
          // Looking must not start anything: without a running instance nothing is mounted that
          // anyone could use.
          for (String name : wsl.running(operation)) {
            if (WslDistribution.belongsToAProgram(name)) {
              continue;
            }
            WslGuest guest = new WslGuest(wsl, name);
            Optional<MountEntry> entry =
                MountEntry.ofShare(storage.mountName(), guest.mounts(operation));
            if (entry.isPresent() && entry.get().type().equals(TYPE)) {
              UUID uuid = guest.fileSystemUuid(entry.get().source(), operation);
              return storage.fileSystemUuid().filter(wanted -> !wanted.equals(uuid)).isPresent()
                  ? Optional.<MountedStorage>empty()
                  : Optional.of(mounted(entry.get(), uuid));
            }
          }
          return Optional.empty();
        });
  }

  /** The answer to a mount that may have come to something; the rest is thrown. */
  private WslAnswer mountOnce(String path, SharedStorage storage, String what, Operation operation)
      throws IOException, InterruptedException {
    WslAnswer answer = wsl.mountVhd(path, storage.mountName(), TYPE, operation);
    if (answer.wslFailed() && !answer.isTo(WslError.Treatment.DONE)) {
      throw answer.failure(what);
    }
    return answer;
  }

  private WslAnswer unmountOnce(String path, Operation operation)
      throws IOException, InterruptedException {
    WslAnswer answer = wsl.unmount(path, operation);
    boolean notAttached =
        answer
            .report()
            .filter(report -> report.within("DetachDisk"))
            .flatMap(WslReport::error)
            .filter(error -> error == WslError.ERROR_FILE_NOT_FOUND)
            .isPresent();
    if (answer.ok() || notAttached) {
      return answer;
    }
    if (answer.report().isEmpty()) {
      // Linux refused to unmount; the text says why, in the language of Windows.
      throw busy("WSL cannot unmount " + path + ": an instance has files open on it");
    }
    throw answer.failure("Cannot detach " + path + " from WSL");
  }

  /** The proof. Empty if nothing is mounted there. */
  private static Optional<MountedStorage> mounted(
      WslGuest guest, SharedStorage storage, Operation operation)
      throws IOException, InterruptedException {
    Optional<MountEntry> found = MountEntry.ofShare(storage.mountName(), guest.mounts(operation));
    if (found.isEmpty()) {
      return Optional.empty();
    }
    MountEntry entry = found.get();
    if (!entry.type().equals(TYPE)) {
      throw wrong(entry.mountPoint() + " holds " + entry.type() + " and not " + TYPE);
    }
    if (!entry.writable()) {
      throw wrong(entry.mountPoint() + " is mounted read-only, as after an error of the disk");
    }
    UUID uuid = guest.fileSystemUuid(entry.source(), operation);
    Optional<UUID> wanted = storage.fileSystemUuid();
    if (wanted.isPresent() && !wanted.get().equals(uuid)) {
      throw wrong(entry.mountPoint() + " is the file system " + uuid + ", not " + wanted.get());
    }
    return Optional.of(mounted(entry, uuid));
  }

  private static MountedStorage mounted(MountEntry entry, UUID uuid) {
    return new MountedStorage(
        Path.of(entry.mountPoint()), entry.source(), Optional.of(uuid), entry.type());
  }

  /** An instance to look from; the default one is started if none runs. */
  private WslGuest guest(String what, Operation operation)
      throws IOException, InterruptedException {
    Comparator<WslDistribution> order =
        Comparator.comparing((WslDistribution d) -> d.state() != WslDistribution.State.RUNNING)
            .thenComparing(d -> !d.isDefault());
    return wsl.list(operation).stream()
        .filter(distribution -> distribution.version() == 2)
        .filter(distribution -> !WslDistribution.belongsToAProgram(distribution.name()))
        .min(order)
        .map(distribution -> new WslGuest(wsl, distribution.name()))
        .orElseThrow(
            () ->
                new EnvironmentException(
                    Problem.of(
                        ErrorCode.DISTRO_NOT_FOUND,
                        what + ": this Windows user has no WSL 2 instance.",
                        "Install one, or call as the user who owns it.")));
  }

  /**
   * WSL unmounts its share even while an instance has a directory of the disk bound on {@code
   * /nix}, and then pulls the disk out from under it. So no instance may have a mount of it.
   */
  private void refuseWhileInUse(String path, SharedStorage storage, Operation operation)
      throws IOException, InterruptedException {
    List<WslGuest> guests =
        wsl.running(operation).stream().map(name -> new WslGuest(wsl, name)).toList();
    List<List<MountEntry>> tables = new ArrayList<>();
    for (WslGuest guest : guests) {
      tables.add(guest.mounts(operation));
    }
    Optional<String> device =
        tables.stream()
            .flatMap(table -> MountEntry.ofShare(storage.mountName(), table).stream())
            .map(MountEntry::device)
            .findFirst();
    for (int i = 0; i < guests.size(); i++) {
      for (MountEntry entry : tables.get(i)) {
        // Where the share is gone a bound /nix cannot be told from one of another disk: refused.
        boolean uses =
            device.isPresent()
                ? entry.device().equals(device.get()) && !entry.isShare(storage.mountName())
                : entry.mountPoint().equals("/nix") && !entry.root().equals("/nix");
        if (uses) {
          throw busy(
              "The WSL instance "
                  + guests.get(i).distribution()
                  + " has a directory of "
                  + path
                  + " mounted on "
                  + entry.mountPoint());
        }
      }
    }
  }

  private static Path vhdx(SharedStorage storage) {
    if (storage.location() instanceof StorageLocation.VhdxFile vhdx) {
      return vhdx.file();
    }
    throw new EnvironmentException(
        Problem.of(
            ErrorCode.UNSUPPORTED_PLATFORM,
            "Storage at " + storage.location() + " cannot be mounted from Windows.",
            "Use a VHDX file, or call the SDK inside the instance."));
  }

  private static DiskException notMounted(String what, SharedStorage storage, WslAnswer answer) {
    boolean stale = answer.isTo(WslError.Treatment.DONE);
    String why =
        stale
            ? "WSL lists the disk as attached, but nothing is mounted on "
            : "the disk is attached, but Linux could not mount it on ";
    Problem problem =
        Problem.of(
            stale ? ErrorCode.NOT_MOUNTED : ErrorCode.WRONG_STORAGE,
            what + ": " + why + "wsl/" + storage.mountName() + ".",
            stale
                ? WslError.WSL_E_DISK_ALREADY_MOUNTED.remedy()
                : "If it is a blank disk, prepare it; if not, check its file system. Detach it with"
                    + " unmount.");
    return new DiskException(problem.leaving(StateLeft.NEEDS_CLEANUP));
  }

  private static DiskException wrong(String what) {
    return new DiskException(
        Problem.of(
                ErrorCode.WRONG_STORAGE,
                what + ".",
                "Detach what is mounted there with `wsl --unmount PATH` and call again.")
            .leaving(StateLeft.NEEDS_CLEANUP));
  }

  private static ConflictException busy(String what) {
    return new ConflictException(
        Problem.of(
            ErrorCode.STORAGE_BUSY, what + ".", WslError.WSL_E_DISK_UNMOUNT_FAILED.remedy()));
  }
}
