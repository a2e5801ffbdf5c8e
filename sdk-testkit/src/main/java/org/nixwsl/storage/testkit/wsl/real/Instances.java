package org.nixwsl.storage.testkit.wsl.real;

import java.io.IOException;
import java.util.List;
import org.nixwsl.storage.core.process.RunningProcess;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.disk.BlockDevices;
import org.nixwsl.storage.testkit.wsl.model.Devices;
import org.nixwsl.storage.testkit.wsl.model.Guests;

/** How instances come and go beside the virtual machine. The first process of each has a note. */
interface Instances {
  /** What became of a start. */
  enum Start {
    /** It runs. */
    UP,
    /** Its root cannot be mounted. */
    CORRUPT,
    /** It ended before it was up. */
    DEAD
  }

  /**
   * Starts one, and waits for it as long as WSL does.
   *
   * @param letter the disk with its root
   */
  Start start(String name, String letter, Operation operation)
      throws IOException, InterruptedException;

  /** Ends one, which may have ended by itself. */
  void stop(String name, Devices.Ending ending, Operation operation)
      throws IOException, InterruptedException;

  /** Starts a program in one. Whoever calls closes it. */
  RunningProcess program(String name, List<String> argv, Guests.Streams streams) throws IOException;

  /** Shows a disk of the virtual machine in those that run. */
  void show(String letter, BlockDevices.Device device, Operation operation)
      throws IOException, InterruptedException;

  /** Takes a disk out of the sight of those that run. */
  void hide(String letter, Operation operation) throws IOException, InterruptedException;

  /** Ends all at once, whatever state they are in. */
  void destroy(Operation operation) throws IOException, InterruptedException;
}
