package org.nixwsl.storage.testkit.wsl.model;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;

/** The block devices of the virtual machine, and what is mounted for all instances. */
public interface Devices {
  /** What became of a mount: {@link #OK}, or the step that failed and the negative errno. */
  record Outcome(int step, int result) {
    /** It is mounted, or unmounted. */
    public static final Outcome OK = new Outcome(0, 0);

    /** Whether it is. */
    public boolean ok() {
      return step == 0;
    }
  }

  /** The virtual machine starts: nothing is attached or mounted. */
  void startVm() throws IOException, InterruptedException;

  /**
   * The virtual machine is gone, with all that was attached and mounted and every process in it.
   *
   * @param orderly whether everything was written before
   */
  void stopVm(boolean orderly) throws IOException, InterruptedException;

  /**
   * Shows a file as a block device.
   *
   * @param letter its name, such as {@code sdc}
   * @return its size in bytes
   * @throws WslFailure if the file is held by something or is no disk
   */
  long attach(String path, String letter) throws WslFailure, IOException, InterruptedException;

  /**
   * Takes a device away, also from under a file system that is still mounted somewhere.
   *
   * @return where it was still mounted: {@code /nix of nixos}, or the place alone if it is the
   *     share's
   */
  List<String> detach(String path, String letter) throws IOException, InterruptedException;

  /**
   * Mounts a device below the share.
   *
   * @param partition 0 for all of the device
   * @param type the file system; empty to look for it
   * @param options as given; empty for none
   */
  Outcome mount(String letter, int partition, String name, String type, String options)
      throws IOException, InterruptedException;

  /** Takes a mount away for all instances and removes its directory. */
  Outcome unmount(String name) throws IOException, InterruptedException;

  /**
   * An instance starts: it sees the share.
   *
   * @param letter the device with its root
   * @throws WslFailure if its root cannot be mounted, or it ended at once
   */
  void startInstance(String name, String letter)
      throws WslFailure, IOException, InterruptedException;

  /** Binds the instance's own directory on a mounted disk on its {@code /nix}, if it is there. */
  void bindNix(String instance, String mountName) throws IOException, InterruptedException;

  /** Lets a program have a file open on a mount of the share, or close it. */
  void holdOpen(String mountName, boolean open) throws IOException, InterruptedException;

  /** The name of an instance that is another program's; no instance of the user can have it. */
  String PEER = "the instance of another program";

  /** How an instance ends. */
  enum Ending {
    /** Its processes are killed. */
    KILLED,
    /** By its own systemd, from which the share is guarded. */
    GUARDED,
    /** By its own systemd, which unmounts the share for all. */
    UNMOUNTING
  }

  /** An instance stops. */
  void stopInstance(String name, Ending ending) throws IOException, InterruptedException;

  /** Whether an instance that was started has not ended by itself. */
  boolean runs(String instance) throws IOException;

  /**
   * Makes a file system on a disk or partition that is not attached.
   *
   * @param number of the partition; 0 for all of the disk
   */
  void format(Path vhdx, int number, String type, UUID uuid)
      throws IOException, InterruptedException;

  /**
   * Makes a disk that is not attached, and the file system on all of it, larger or smaller.
   *
   * @throws WslFailure if it cannot have that size
   */
  void resize(Path vhdx, long bytes) throws WslFailure, IOException, InterruptedException;
}
