package org.nixwsl.storage.testkit.wsl.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.core.vhdx.VhdxEngine;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.testkit.wsl.model.WslState.Mount;

/** Devices that exist in memory only. What is on a disk is read from its VHDX. */
final class LogicalDevices implements Devices {
  private static final int ENOENT = -2;
  private static final int EBUSY = -16;
  private static final int EINVAL = -22;

  private final WslState state;

  LogicalDevices(WslState state) {
    this.state = state;
  }

  @Override
  public void startVm() {
    state.mounts.clear();
  }

  @Override
  public void stopVm(boolean orderly) {
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
  public List<String> detach(String path, String letter) {
    List<String> left = new ArrayList<>();
    for (Mount mount : List.copyOf(state.mounts)) {
      if (mount.letter.equals(letter)) {
        state.mounts.remove(mount);
        left.add(mount.point + (mount.instance.isEmpty() ? "" : " of " + mount.instance));
      }
    }
    return left;
  }

  @Override
  public Outcome mount(String letter, int partition, String name, String type, String options)
      throws IOException {
    WslState.Disk disk =
        state.disks.stream().filter(d -> d.letter.equals(letter)).findFirst().orElseThrow();
    Path file = Path.of(fileOf(state, disk));
    Optional<DiskContents.Volume> volume = DiskContents.of(file).volume(partition);
    if (volume.isEmpty()) {
      state.nowMillis += DiskTable.PATIENCE_MILLIS;
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
  public void startInstance(String name, String letter) {
    // The share is there for all.
  }

  @Override
  public void bindNix(String instance, String mountName) {
    String share = "/mnt/wsl/" + mountName;
    state.mounts.stream()
        .filter(m -> m.point.equals(share))
        .reduce((first, last) -> last)
        .map(
            m ->
                new Mount(
                    instance, "/nix", "/" + instance, m.letter, m.partition, m.type, m.options))
        .ifPresent(state.mounts::add);
  }

  @Override
  public void holdOpen(String mountName, boolean open) {
    for (Mount mount : state.mounts) {
      if (mount.point.equals("/mnt/wsl/" + mountName)) {
        mount.users += open ? 1 : -1;
      }
    }
  }

  @Override
  public void format(Path vhdx, int number, String type, UUID uuid) throws IOException {
    DiskContents.format(vhdx, number, type, uuid);
  }

  /** The file becomes a new one of that size: nothing but a signature is on it. */
  @Override
  public void resize(Path vhdx, long bytes) throws WslFailure, IOException {
    DiskContents.Volume volume = DiskContents.of(vhdx).volumes().get(0);
    long least = 3L << 20; // the smallest VHDX there is
    if (bytes < least || volume.uuid().isEmpty()) {
      throw WslFailure.service("E_FAIL");
    }
    Path resized = vhdx.resolveSibling("resized-" + vhdx.getFileName());
    new VhdxEngine().create(resized, DiskSpec.ofSize(ByteSize.ofBytes(bytes)));
    DiskContents.format(resized, 0, volume.type(), UUID.fromString(volume.uuid()));
    Files.move(resized, vhdx, StandardCopyOption.REPLACE_EXISTING);
  }

  @Override
  public boolean runs(String instance) {
    return true;
  }

  @Override
  public void stopInstance(String name, Ending ending) {
    state.mounts.removeIf(m -> m.instance.equals(name));
    if (ending == Ending.UNMOUNTING) {
      state.mounts.removeIf(m -> m.instance.isEmpty() && m.users == 0);
    }
  }

  /** The file behind a disk. */
  static String fileOf(WslState state, WslState.Disk disk) {
    WslState.Physical physical = state.physicalDisks.get(disk.path);
    return physical == null ? disk.path : physical.file;
  }
}
