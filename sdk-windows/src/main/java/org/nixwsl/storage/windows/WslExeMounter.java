package org.nixwsl.storage.windows;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.VhdxManager;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.platform.DiskFormat;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.BootState;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.Persistence;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLocation;
import org.nixwsl.storage.mount.WslInstance;
import org.nixwsl.storage.windows.guest.DiskView;
import org.nixwsl.storage.windows.guest.Guests;
import org.nixwsl.storage.windows.guest.MountEntry;
import org.nixwsl.storage.windows.task.LogonTasks;
import org.nixwsl.storage.windows.wsl.WslDistribution;
import org.nixwsl.storage.windows.wsl.WslExe;
import org.nixwsl.storage.windows.wsl.WslExe.WslDisk;

/**
 * Mounts disks through {@code wsl.exe} and believes nothing that it says of success: each mount
 * ends with a look at the mount table and the disk from inside an instance. Calls for one disk
 * exclude each other, also across the processes of one user. Thread-safe.
 */
final class WslExeMounter implements WslMounter {
  private final WslExe wsl;
  private final Guests guests;
  private final HostDirectory host;
  private final VhdxManager vhdx;
  private final LogonTasks tasks;
  private final Ticker ticker;

  WslExeMounter(WslExe wsl, HostDirectory host, VhdxManager vhdx, LogonTasks tasks, Ticker ticker) {
    this.wsl = wsl;
    this.guests = new Guests(wsl);
    this.host = host;
    this.vhdx = vhdx;
    this.tasks = tasks;
    this.ticker = ticker;
  }

  @Override
  public MountedStorage ensureMounted(SharedStorage storage, RunOptions options) {
    return onDisk(
        "mount",
        storage,
        options,
        Stage.ATTACH,
        (disk, operation) -> new MountAttempt(wsl, guests, host, storage, disk, operation).run());
  }

  @Override
  public MountedStorage prepareBlankDisk(SharedStorage storage, RunOptions options) {
    if (!(storage.location() instanceof StorageLocation.VhdxFile vhdxFile)) {
      throw cannot("Only a VHDX file is formatted, not " + storage.location());
    }
    return onDisk(
        "prepare",
        storage,
        options,
        Stage.ATTACH,
        (disk, operation) -> {
          UUID uuid =
              new BlankDisk(wsl, guests, vhdx, storage, disk, operation).format(vhdxFile.file());
          host.remember(disk.path(), uuid);
          return new MountAttempt(wsl, guests, host, storage.knownBy(uuid), disk, operation).run();
        });
  }

  @Override
  public void unmount(SharedStorage storage, RunOptions options) {
    if (storage.location() instanceof StorageLocation.MountedDirectory) {
      return;
    }
    onDisk(
        "unmount",
        storage,
        options,
        Stage.DETACH,
        (disk, operation) -> {
          new Detachment(wsl, guests, host, storage, disk, operation).run();
          return Boolean.TRUE;
        });
  }

  @Override
  public Optional<MountedStorage> state(SharedStorage storage) {
    requireDisk(storage);
    return Operation.run(
        "look for " + storage.mountName(),
        RunOptions.ofDefaults(),
        ticker,
        Map.of(),
        // Looking must not start anything: without a running instance nothing is mounted that
        // anyone could use.
        operation -> {
          Optional<UUID> given = storage.fileSystemUuid();
          Optional<UUID> known =
              given.isPresent() ? given : host.remembered(disk(storage, true).path());
          return guests
              .lookWithoutStarting(operation)
              .flatMap(seen -> mounted(seen.view(), storage, known));
        });
  }

  @Override
  public List<WslInstance> instances() {
    return Operation.quiet(
        "list the instances",
        operation ->
            wsl.list(operation).stream()
                .map(
                    row ->
                        new WslInstance(
                            row.name(),
                            row.state() == WslDistribution.State.RUNNING,
                            row.version(),
                            row.isDefault()))
                .toList());
  }

  @Override
  public List<BootState> bootStates() {
    return Operation.quiet(
        "ask how the instances booted",
        operation -> {
          List<BootState> states = new ArrayList<>();
          for (String name : wsl.running(operation)) {
            if (!WslDistribution.belongsToAProgram(name)) {
              bootState(name, operation).ifPresent(states::add);
            }
          }
          return states;
        });
  }

  /** Empty also where the instance cannot be asked: the others are told all the same. */
  private Optional<BootState> bootState(String name, Operation operation)
      throws IOException, InterruptedException {
    try {
      return guests.of(name).bootState(operation);
    } catch (StorageSdkException e) {
      if (e.code() == ErrorCode.CANCELLED) {
        throw e;
      }
      return Optional.empty();
    }
  }

  @Override
  public Persistence persistence() {
    return tasks;
  }

  @Override
  public List<Problem> refusals(SharedStorage storage) {
    try {
      requireDisk(storage);
      DiskFormat.of(storage.layout());
      return Operation.quiet(
          "ask for the version of WSL",
          operation -> {
            wsl.version(operation);
            return List.of();
          });
    } catch (StorageSdkException e) {
      return List.of(e.problem());
    }
  }

  /** What is mounted under the name, unless it is known to be another disk. */
  private static Optional<MountedStorage> mounted(
      DiskView view, SharedStorage storage, Optional<UUID> known) {
    Optional<MountEntry> share = view.share(storage.mountName());
    Optional<UUID> uuid =
        share.flatMap(entry -> view.disk(entry.device())).flatMap(DiskView.Disk::uuid);
    boolean other = uuid.isEmpty() || known.filter(w -> !w.equals(uuid.get())).isPresent();
    return share
        .filter(entry -> !other)
        .map(
            entry ->
                new MountedStorage(
                    Path.of(entry.mountPoint()), entry.source(), uuid, entry.type()));
  }

  /** What is done with a disk while nobody else does such a thing. */
  @FunctionalInterface
  private interface DiskWork<T> {
    T run(WslDisk disk, Operation operation) throws IOException, InterruptedException;
  }

  private <T> T onDisk(
      String verb, SharedStorage storage, RunOptions options, Stage stage, DiskWork<T> work) {
    requireDisk(storage);
    return Operation.run(
        verb + " " + storage.location(),
        options,
        ticker,
        Map.of(stage, 1.0),
        operation ->
            operation.stage(
                stage,
                progress -> {
                  WslDisk disk = disk(storage, stage == Stage.DETACH);
                  return host.exclusively(disk.path(), operation, () -> work.run(disk, operation));
                }));
  }

  private static WslDisk disk(SharedStorage storage, boolean evenIfGone) throws IOException {
    if (storage.location() instanceof StorageLocation.PhysicalDisk physical) {
      return new WslDisk(physical.device(), false, physical.partition());
    }
    if (storage.location() instanceof StorageLocation.VhdxFile vhdx) {
      return WslDisk.ofFile(
          evenIfGone ? WindowsPath.lastKnownPath(vhdx.file()) : WindowsPath.finalPath(vhdx.file()));
    }
    throw cannot("Storage at " + storage.location() + " cannot be mounted from Windows");
  }

  private static void requireDisk(SharedStorage storage) {
    if (storage.location() instanceof StorageLocation.MountedDirectory) {
      throw cannot("Storage at " + storage.location() + " cannot be mounted from Windows");
    }
  }

  private static EnvironmentException cannot(String what) {
    return new EnvironmentException(
        Problem.of(
            ErrorCode.UNSUPPORTED_PLATFORM,
            what + ".",
            "Use a VHDX file, or call the SDK inside the instance."));
  }
}
