package org.nixwsl.storage.testkit.wsl.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.nixwsl.storage.testkit.wsl.model.WslState.Disk;
import org.nixwsl.storage.testkit.wsl.model.WslState.Listed;

/** The service's table of the disks in the virtual machine. */
final class DiskTable {
  /** LUNs of the one SCSI controller. */
  private static final int LUNS = 254;

  /** The disk of the system and the one to swap on: no files of Windows that anyone could name. */
  static final String SYSTEM = "system.vhd";

  static final String SWAP = "swap.vhdx";

  /** mini_init waits so long for a device. */
  static final long PATIENCE_MILLIS = 15_000;

  private static final int ENXIO = -6;

  private static final String HCS = "AttachDisk/MountDisk/HCS/";

  private final WslState state;
  private final Devices devices;

  DiskTable(WslState state, Devices devices) {
    this.state = state;
    this.devices = devices;
  }

  /** The system's own disks, which are there before all others. */
  void addSystemDisks() {
    for (String name : List.of(SYSTEM, SWAP)) {
      Disk disk = new Disk(name, false, false);
      disk.lun = state.disks.size();
      disk.letter = freeLetter();
      disk.bytes = 1L << 30;
      state.disks.add(disk);
    }
  }

  /**
   * Attaches a disk, unless it is there.
   *
   * @param asSystem whether it is done with the rights of SYSTEM
   * @param lun the number that it had, or -1
   */
  void attach(String path, boolean physical, boolean asSystem, int lun)
      throws WslFailure, IOException, InterruptedException {
    for (Disk disk : state.disks) {
      if (disk.path.equalsIgnoreCase(path)) {
        if (disk.user) {
          throw WslFailure.service(
              "AttachDisk/"
                  + (physical ? "WSL_E_DISK_ALREADY_ATTACHED" : "WSL_E_USER_VHD_ALREADY_ATTACHED"));
        }
        return; // WSL gives its LUN, and forgets that it is not the user's
      }
    }
    String file = path;
    if (physical) {
      WslState.Physical windows = state.physicalDisks.get(path);
      if (windows == null) {
        throw WslFailure.service(HCS + "ERROR_FILE_NOT_FOUND");
      }
      file = windows.file;
    }
    requireUsable(path, file, asSystem || physical, HCS);
    Disk disk = new Disk(path, true, physical);
    add(disk, file, lun, HCS);
  }

  /**
   * Attaches the disk of an instance.
   *
   * @return its letter
   */
  String attachOwn(String path, String steps) throws WslFailure, IOException, InterruptedException {
    for (Disk disk : state.disks) {
      if (disk.path.equalsIgnoreCase(path)) {
        if (disk.user) {
          throw WslFailure.service("CreateInstance/WSL_E_USER_VHD_ALREADY_ATTACHED");
        }
        return disk.letter;
      }
    }
    if (!Files.exists(Path.of(path))) {
      throw WslFailure.service(steps + "ERROR_PATH_NOT_FOUND");
    }
    requireUsable(path, path, false, steps);
    Disk disk = new Disk(path, false, false);
    add(disk, path, -1, steps);
    return disk.letter;
  }

  private void requireUsable(String path, String file, boolean asSystem, String steps)
      throws WslFailure, IOException {
    Path found = Path.of(file);
    if (!Files.exists(found)) {
      throw WslFailure.service(steps + "ERROR_FILE_NOT_FOUND");
    }
    if (state.ownedByAdministrators.contains(file) && !state.elevated && !asSystem) {
      throw WslFailure.service(steps + "E_ACCESSDENIED");
    }
    int held = state.heldFiles.getOrDefault(file, 0);
    if (held > 0) {
      state.heldFiles.put(file, held - 1);
    }
    boolean attachedUnderAnotherPath = false;
    for (Disk disk : state.disks) {
      Path other = Path.of(LogicalDevices.fileOf(state, disk));
      attachedUnderAnotherPath |=
          !disk.path.equalsIgnoreCase(path)
              && Files.exists(other)
              && Files.isSameFile(other, found);
    }
    if (held != 0 || attachedUnderAnotherPath) {
      throw WslFailure.service(steps + "ERROR_SHARING_VIOLATION");
    }
  }

  private void add(Disk disk, String file, int lun, String steps)
      throws WslFailure, IOException, InterruptedException {
    disk.lun = lun >= 0 && isFree(lun) ? lun : freeLun();
    disk.letter = freeLetter();
    try {
      disk.bytes = devices.attach(file, disk.letter);
    } catch (WslFailure e) {
      throw WslFailure.service(steps + e.symbol());
    }
    WslState.Physical physical = state.physicalDisks.get(disk.path);
    if (physical != null) {
      physical.online = false;
    }
    state.disks.add(disk);
  }

  private boolean isFree(int lun) {
    return state.disks.stream().noneMatch(d -> d.lun == lun);
  }

  private int freeLun() throws WslFailure {
    for (int lun = 0; lun < LUNS; lun++) {
      if (isFree(lun)) {
        return lun;
      }
    }
    throw WslFailure.service("AttachDisk/WSL_E_TOO_MANY_DISKS_ATTACHED");
  }

  /**
   * One of the first free letters: Linux gives them in the order in which it finds the disks, and
   * that is never the same twice.
   */
  private String freeLetter() {
    List<String> free = new ArrayList<>();
    for (int i = 0; free.size() < 4; i++) {
      String letter =
          i < 26
              ? "sd" + (char) ('a' + i)
              : "sd" + (char) ('a' + i / 26 - 1) + (char) ('a' + i % 26);
      if (state.disks.stream().noneMatch(d -> d.letter.equals(letter))) {
        free.add(letter);
      }
    }
    // The generator of java.util.Random (Knuth 3.2.1), whose state can be saved.
    state.seed = state.seed * 0x5DEECE66DL + 0xB;
    return free.get((int) Math.floorMod(state.seed >>> 16, 4L));
  }

  /** Mounts an attached disk. The order of the checks is that of the service. */
  Devices.Outcome mount(String path, int partition, String name, String type, String options)
      throws WslFailure, IOException, InterruptedException {
    Disk disk =
        state.disks.stream()
            .filter(d -> d.path.equalsIgnoreCase(path))
            .findFirst()
            .orElseThrow(() -> WslFailure.service("MountDisk/ERROR_FILE_NOT_FOUND"));
    if (disk.mounts.containsKey(partition)) {
      throw WslFailure.service("MountDisk/WSL_E_DISK_ALREADY_MOUNTED");
    }
    if (name.contains("/")
        || (state.release.refusesDotNames() && List.of("", ".", "..").contains(name))) {
      throw WslFailure.service("MountDisk/WSL_E_VM_MODE_INVALID_MOUNT_NAME");
    }
    if (state.disks.stream()
        .flatMap(d -> d.mounts.values().stream())
        .anyMatch(m -> m.name.equals(name))) {
      throw WslFailure.service("MountDisk/WSL_E_VM_MODE_MOUNT_NAME_ALREADY_EXISTS");
    }
    long slow = state.slowMillis.getOrDefault(disk.path, 0L);
    state.nowMillis += Math.min(slow, PATIENCE_MILLIS);
    if (slow > PATIENCE_MILLIS) {
      return new Devices.Outcome(1, ENXIO);
    }
    Devices.Outcome outcome = devices.mount(disk.letter, partition, name, type, options);
    if (outcome.ok()) {
      disk.mounts.put(partition, new Listed(name, type, options));
    }
    return outcome;
  }

  /** The name of a mount for which none was given: what is a letter or digit in the path. */
  static String defaultName(String path, int partition) {
    StringBuilder name = new StringBuilder();
    path.chars()
        .filter(c -> c < 128 && Character.isLetterOrDigit(c))
        .forEach(c -> name.append((char) c));
    return partition == 0 ? name.toString() : name + "p" + partition;
  }

  /**
   * Unmounts and detaches one disk.
   *
   * @param path as the caller spelled it, if absolute
   * @return what Linux said; nothing is detached unless that is well
   */
  Devices.Outcome detach(String path) throws WslFailure, IOException, InterruptedException {
    if (!state.vmRuns) {
      if (!state.saved.removeIf(d -> d.path.equals(path))) {
        throw WslFailure.service("DetachDisk/ERROR_FILE_NOT_FOUND");
      }
      return Devices.Outcome.OK;
    }
    Disk disk = matching(path);
    for (Map.Entry<Integer, Listed> mount : List.copyOf(disk.mounts.entrySet())) {
      Devices.Outcome outcome = devices.unmount(mount.getValue().name);
      if (!outcome.ok()) {
        return outcome;
      }
      disk.mounts.remove(mount.getKey());
    }
    remove(disk);
    return Devices.Outcome.OK;
  }

  /** Detaches every disk of the user. */
  Devices.Outcome detachAll() throws WslFailure, IOException, InterruptedException {
    if (!state.vmRuns) {
      state.saved.clear();
    }
    for (Disk disk : List.copyOf(state.disks)) {
      if (disk.user) {
        for (Listed mount : List.copyOf(disk.mounts.values())) {
          Devices.Outcome outcome = devices.unmount(mount.name);
          if (!outcome.ok()) {
            return outcome;
          }
        }
        disk.mounts.clear();
        remove(disk);
      }
    }
    return Devices.Outcome.OK;
  }

  private Disk matching(String path) throws WslFailure, IOException {
    Path wanted = Path.of(path);
    for (Disk disk : state.disks) {
      if (!disk.user) {
        continue;
      }
      Path there = Path.of(disk.path);
      boolean same =
          disk.physical
              ? disk.path.toLowerCase(Locale.ROOT).equals(path.toLowerCase(Locale.ROOT))
              : wanted.isAbsolute()
                  && Files.exists(wanted)
                  && Files.exists(there)
                  && Files.isSameFile(wanted, there);
      if (same) {
        return disk;
      }
    }
    throw WslFailure.service("DetachDisk/ERROR_FILE_NOT_FOUND");
  }

  /** Takes a disk out of the virtual machine. */
  void remove(Disk disk) throws IOException, InterruptedException {
    String file = LogicalDevices.fileOf(state, disk);
    for (String place : devices.detach(file, disk.letter)) {
      state.accidents.add("the disk " + file + " was taken from under " + place);
    }
    state.disks.remove(disk);
    WslState.Physical physical = state.physicalDisks.get(disk.path);
    if (physical != null) {
      physical.online = true;
    }
  }

  /** Keeps the table for the next start. */
  void save() {
    state.saved.clear();
    state.disks.stream().filter(d -> d.user).forEach(state.saved::add);
  }

  /** Attaches and mounts what was saved; what fails is left out, and nobody is told. */
  void restore() throws IOException, InterruptedException {
    List<Disk> saved = List.copyOf(state.saved);
    state.saved.clear();
    for (Disk disk : saved) {
      try {
        attach(disk.path, disk.physical, !state.release.restoresAsUser(), disk.lun);
        for (Map.Entry<Integer, Listed> mount : disk.mounts.entrySet()) {
          Listed listed = mount.getValue();
          mount(disk.path, mount.getKey(), listed.name, listed.type, listed.options);
        }
      } catch (WslFailure e) {
        state.accidents.add("restoring " + disk.path + " failed: " + e.code());
      }
    }
  }
}
