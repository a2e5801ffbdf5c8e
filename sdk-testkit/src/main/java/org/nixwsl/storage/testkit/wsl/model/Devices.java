package org.nixwsl.storage.testkit.wsl.model;

import java.io.IOException;

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

  /** The virtual machine is gone, with all that was attached and mounted. */
  void stopVm() throws IOException, InterruptedException;

  /**
   * Shows a file as a block device.
   *
   * @param letter its name, such as {@code sdc}
   * @return its size in bytes
   * @throws WslFailure if the file is held by something or is no disk
   */
  long attach(String path, String letter) throws WslFailure, IOException, InterruptedException;

  /** Takes a device away, also from under a file system that is still mounted somewhere. */
  void detach(String path, String letter) throws IOException, InterruptedException;

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

  /** An instance starts: it sees the share. */
  void startInstance(String name) throws IOException, InterruptedException;

  /**
   * An instance stops.
   *
   * @param unmounting whether it unmounts the share on its way down, for all
   */
  void stopInstance(String name, boolean unmounting) throws IOException, InterruptedException;
}
