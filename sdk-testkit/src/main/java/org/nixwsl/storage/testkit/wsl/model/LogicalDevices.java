package org.nixwsl.storage.testkit.wsl.model;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.testkit.wsl.model.WslState.Mount;

/** Devices that exist in memory only. What is on a disk is read from its VHDX. */
final class LogicalDevices implements Devices {
  private static final int ENOENT = -2;
  private static final int ENXIO = -6;
  private static final int EBUSY = -16;
  private static final int EINVAL = -22;

  /** mini_init waits so long for a device. */
  private static final long PATIENCE_MILLIS = 15_000;

  private final WslState state;

  LogicalDevices(WslState state) {
    this.state = state;
  }

  @Override
  public void startVm() {
    state.mounts.clear();
  }

  @Override
  public void stopVm() {
    state.mounts.clear();
  }

  @Override
  public long attach(String path, String letter) throws WslFailure, IOException {
    try {
      return DiskContents.of(Path.of(path)).bytes();
    } catch (StorageSdkException e) {
      throw new WslFailure("ERROR_FILE_CORRUPT");
    }
  }

  @Override
  public void detach(String path, String letter) {
    for (Mount mount : List.copyOf(state.mounts)) {
      if (mount.letter.equals(letter)) {
        state.mounts.remove(mount);
        state.accidents.add(
            "the disk "
                + path
                + " was taken from under "
                + mount.point
                + (mount.instance.isEmpty() ? "" : " of " + mount.instance));
      }
    }
  }

  @Override
  public Outcome mount(String letter, int partition, String name, String type, String options)
      throws IOException {
    WslState.Disk disk =
        state.disks.stream().filter(d -> d.letter.equals(letter)).findFirst().orElseThrow();
    long slow = state.slowMillis.getOrDefault(disk.path, 0L);
    state.nowMillis += Math.min(slow, PATIENCE_MILLIS);
    if (slow > PATIENCE_MILLIS) {
      return new Outcome(1, ENXIO);
    }
    Path file = Path.of(fileOf(state, disk));
    Optional<DiskContents.Volume> volume = DiskContents.of(file).volume(partition);
    if (volume.isEmpty()) {
      state.nowMillis += PATIENCE_MILLIS;
      return new Outcome(2, ENOENT);
    }
    String found = volume.get().type();
    if (type.isEmpty() && found.isEmpty()) {
      return new Outcome(6, -1);
    }
    if (!type.isEmpty() && !type.equals(found)) {
      return new Outcome(3, EINVAL);
    }
    state.mounts.add(new Mount("", "/mnt/wsl/" + name, "/", letter, partition, found, options));
    return Outcome.OK;
  }

  @Override
  public Outcome unmount(String name) {
    String point = "/mnt/wsl/" + name;
    Optional<Mount> there =
        state.mounts.stream()
            .filter(m -> m.instance.isEmpty() && m.point.equals(point))
            .reduce((first, last) -> last);
    if (there.isEmpty()) {
      return new Outcome(4, EINVAL);
    }
    if (there.get().users > 0) {
      return new Outcome(4, EBUSY);
    }
    state.mounts.remove(there.get());
    return Outcome.OK;
  }

  @Override
  public void startInstance(String name) {
    // The share is there for all.
  }

  @Override
  public void stopInstance(String name, boolean unmounting) {
    state.mounts.removeIf(m -> m.instance.equals(name));
    if (unmounting) {
      state.mounts.removeIf(m -> m.instance.isEmpty() && m.users == 0);
    }
  }

  /** The file behind a disk. */
  static String fileOf(WslState state, WslState.Disk disk) {
    WslState.Physical physical = state.physicalDisks.get(disk.path);
    return physical == null ? disk.path : physical.file;
  }
}
