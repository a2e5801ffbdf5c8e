package org.nixwsl.storage.windows;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.nixwsl.storage.core.platform.DiskFormat;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLayout;
import org.nixwsl.storage.windows.guest.DiskView;
import org.nixwsl.storage.windows.guest.Guests;
import org.nixwsl.storage.windows.guest.MountEntry;
import org.nixwsl.storage.windows.guest.WslGuest;
import org.nixwsl.storage.windows.wsl.WslAnswer;
import org.nixwsl.storage.windows.wsl.WslDistribution;
import org.nixwsl.storage.windows.wsl.WslError;
import org.nixwsl.storage.windows.wsl.WslExe;
import org.nixwsl.storage.windows.wsl.WslExe.WslDisk;

/**
 * One call that detaches a disk. WSL unmounts its share even while an instance has a directory of
 * the disk bound on {@code /nix}, and then pulls the disk out from under it; so it is proven before
 * that no instance has. The caller holds the lock of the disk.
 */
final class Detachment {
  private final WslExe wsl;
  private final Guests guests;
  private final HostDirectory host;
  private final SharedStorage storage;
  private final WslDisk disk;
  private final Operation operation;

  Detachment(
      WslExe wsl,
      Guests guests,
      HostDirectory host,
      SharedStorage storage,
      WslDisk disk,
      Operation operation) {
    this.wsl = wsl;
    this.guests = guests;
    this.host = host;
    this.storage = storage;
    this.disk = disk;
    this.operation = operation;
  }

  /** What an instance that runs sees. */
  private record Table(String instance, DiskView view) {
    List<MountEntry> all() {
      List<MountEntry> all = new ArrayList<>(view.mounts());
      all.addAll(view.everywhere());
      return all;
    }
  }

  /** Proves that nothing uses the disk, and detaches it. */
  void run() throws IOException, InterruptedException {
    new Patience(operation)
        .trying(
            "unmount " + disk.path(),
            () -> {
              List<Table> tables = tables();
              Optional<UUID> known = known();
              Optional<String> number = number(tables, known);
              refuseWhileInUse(tables, number);
              refuseIfStartedMeanwhile(tables);
              boolean detached = detachMending(number, known);
              if (!detached && number.isPresent()) {
                refuseIfStillThere(known);
              }
              return detached;
            });
  }

  /**
   * Detaches a disk that was attached a moment ago, unless an instance has begun to use it: a hook
   * that waited for the disk binds it as soon as it comes.
   *
   * @param named whether WSL mounted it under the name; if not, what is there is another disk
   */
  void takeBack(boolean named) throws IOException, InterruptedException {
    List<Table> tables = new ArrayList<>();
    for (String name : wsl.running(operation)) {
      tables.add(new Table(name, guests.of(name).mounts(operation)));
    }
    if (named) {
      refuseWhileInUse(tables, share(tables));
    } else {
      for (Table table : tables) {
        for (MountEntry entry : table.all()) {
          boolean another =
              tables.stream()
                  .map(Table::view)
                  .anyMatch(v -> v.isRoot(entry.device()) || !v.shares(entry.device()).isEmpty());
          if (bindsNix(entry) && !another) {
            throw inUse(table, entry);
          }
        }
      }
    }
    detach(wsl, disk, operation);
  }

  /**
   * Detaches one disk.
   *
   * @return false if it was not attached under that path
   * @throws ConflictException {@code STORAGE_BUSY} if Linux has files open on it
   */
  static boolean detach(WslExe wsl, WslDisk disk, Operation operation)
      throws IOException, InterruptedException {
    WslAnswer answer = wsl.unmount(disk, operation);
    boolean notAttached =
        answer.report().filter(report -> report.within("DetachDisk")).isPresent()
            && answer.error().filter(e -> e == WslError.ERROR_FILE_NOT_FOUND).isPresent();
    if (answer.ok() || notAttached) {
      return answer.ok();
    }
    if (answer.wslFailed() && answer.report().isEmpty()) {
      // Linux refused to unmount; the text says why, in the language of Windows.
      throw busy("WSL cannot unmount " + disk.path() + ": an instance has files open on it");
    }
    throw answer.failure("Cannot detach " + disk.path() + " from WSL");
  }

  private Optional<UUID> known() throws IOException {
    Optional<UUID> given = storage.fileSystemUuid();
    return given.isPresent() ? given : host.remembered(disk.path());
  }

  /** All instances, Docker's too: whoever cannot be looked into may have the disk. */
  private List<Table> tables() throws IOException, InterruptedException {
    List<Table> tables = new ArrayList<>();
    for (String name : wsl.running(operation)) {
      WslGuest guest = guests.of(name);
      boolean others = WslDistribution.belongsToAProgram(name);
      tables.add(new Table(name, others ? guest.mounts(operation) : guest.look(operation)));
    }
    return tables;
  }

  /** The device of the disk, by what is on it, or by its name where that is not known. */
  private Optional<String> number(List<Table> tables, Optional<UUID> known) {
    if (known.isPresent()) {
      List<DiskView.Disk> carriers =
          tables.stream()
              .flatMap(table -> table.view().carrying(known.get()).stream())
              .distinct()
              .toList();
      if (carriers.size() > 1) {
        throw busy("More than one disk has the file system " + known.get() + ": " + carriers);
      }
      if (!carriers.isEmpty()) {
        return Optional.of(carriers.get(0).number());
      }
    }
    return share(tables);
  }

  private Optional<String> share(List<Table> tables) {
    return tables.stream()
        .flatMap(table -> table.view().share(storage.mountName()).stream())
        .map(MountEntry::device)
        .findFirst();
  }

  /** Where the disk is not known a bound /nix cannot be told from one of another disk. */
  private static boolean bindsNix(MountEntry entry) {
    return entry.mountPoint().equals("/nix") && !entry.root().equals("/nix");
  }

  private void refuseWhileInUse(List<Table> tables, Optional<String> number) {
    // WSL detaches the whole disk, also where only one of its partitions is meant.
    Set<String> whole =
        number.stream()
            .flatMap(n -> tables.stream().flatMap(table -> table.view().wholeDisk(n).stream()))
            .collect(Collectors.toSet());
    for (Table table : tables) {
      for (MountEntry entry : table.all()) {
        boolean own =
            number.filter(entry.device()::equals).isPresent()
                && table.view().isShare(entry, storage.mountName());
        if (number.isPresent() ? whole.contains(entry.device()) && !own : bindsNix(entry)) {
          boolean same = number.filter(entry.device()::equals).isPresent();
          throw same && isAnotherShare(table, entry)
              ? underAnotherName(entry)
              : inUse(table, entry);
        }
      }
    }
  }

  /** Whether it is WSL's own mount of the disk, and not one that an instance made. */
  private static boolean isAnotherShare(Table table, MountEntry entry) {
    return entry.root().equals("/")
        && table
            .view()
            .shareRoot()
            .filter(root -> entry.mountPoint().startsWith(root + "/"))
            .isPresent();
  }

  private ConflictException underAnotherName(MountEntry entry) {
    String name = entry.mountPoint().substring(entry.mountPoint().lastIndexOf('/') + 1);
    return new ConflictException(
        Problem.of(
            ErrorCode.STORAGE_BUSY,
            disk.path()
                + " is mounted on "
                + entry.mountPoint()
                + ", not under the name "
                + storage.mountName()
                + ".",
            "Call again with the name " + name + "."));
  }

  private ConflictException inUse(Table table, MountEntry entry) {
    return busy(
        "The WSL instance "
            + table.instance()
            + " has a directory of "
            + disk.path()
            + " mounted on "
            + entry.mountPoint());
  }

  /** To look into all instances takes seconds, in which another may have begun to use the disk. */
  private void refuseIfStartedMeanwhile(List<Table> tables)
      throws IOException, InterruptedException {
    Set<String> looked = tables.stream().map(Table::instance).collect(Collectors.toSet());
    for (String name : wsl.running(operation)) {
      if (!looked.contains(name)) {
        throw new ConflictException(
            Problem.of(
                    ErrorCode.STORAGE_BUSY,
                    "The WSL instance "
                        + name
                        + " was started while "
                        + disk.path()
                        + " was looked for.",
                    WslError.WSL_E_DISK_UNMOUNT_FAILED.remedy())
                .mayGoAway());
      }
    }
  }

  private boolean detachMending(Optional<String> number, Optional<UUID> known)
      throws IOException, InterruptedException {
    try {
      return detach(wsl, disk, operation);
    } catch (ConflictException e) {
      if (number.isPresent() && known.isPresent() && mended(known.get())) {
        return detach(wsl, disk, operation);
      }
      throw e;
    }
  }

  /** Where an instance took the mount away, WSL cannot unmount it and so not detach it. */
  private boolean mended(UUID known) throws IOException, InterruptedException {
    Optional<Guests.Seen> seen = guests.lookWithoutStarting(operation);
    if (seen.isEmpty()) {
      return false;
    }
    DiskView view = seen.get().view();
    List<DiskView.Disk> carriers = view.carrying(known);
    Optional<DiskFormat> format =
        carriers.stream().findFirst().flatMap(carrier -> formatOf(carrier.type()));
    boolean taken =
        carriers.size() == 1
            && format.isPresent()
            && view.share(storage.mountName()).isEmpty()
            && view.mountsOf(carriers.get(0).number()).isEmpty();
    if (taken) {
      String point = view.shareRoot().orElseThrow() + "/" + storage.mountName();
      seen.get().guest().remount(carriers.get(0), known, point, format.get(), operation);
    }
    return taken;
  }

  /** By what is on the disk: whoever detaches it need not say, or know, its layout. */
  private static Optional<DiskFormat> formatOf(String type) {
    return Stream.of(new StorageLayout.Ext4Subdirectories(), new StorageLayout.BtrfsSubvolumes())
        .map(DiskFormat::of)
        .filter(format -> format.type().equals(type))
        .findFirst();
  }

  /** Without its file, or under another path than the one it was attached by, WSL finds no disk. */
  private void refuseIfStillThere(Optional<UUID> known) throws IOException, InterruptedException {
    Optional<MountEntry> share =
        guests
            .lookWithoutStarting(operation)
            .flatMap(seen -> seen.view().share(storage.mountName()));
    if (share.isPresent() && known.isPresent()) {
      throw new DiskException(
          Problem.of(
                  ErrorCode.WRONG_STORAGE,
                  "WSL has no disk under the path "
                      + disk.path()
                      + ", and "
                      + share.get().mountPoint()
                      + " is still mounted: it was attached under another path, or its file is"
                      + " gone.",
                  "Detach it by the path it was attached with, or stop all instances with `wsl"
                      + " --shutdown`.")
              .leaving(StateLeft.NOTHING_CHANGED));
    }
  }

  private static ConflictException busy(String what) {
    return new ConflictException(
        Problem.of(
            ErrorCode.STORAGE_BUSY, what + ".", WslError.WSL_E_DISK_UNMOUNT_FAILED.remedy()));
  }
}
