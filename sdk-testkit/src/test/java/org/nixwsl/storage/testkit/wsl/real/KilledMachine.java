package org.nixwsl.storage.testkit.wsl.real;

import org.nixwsl.storage.testkit.wsl.SimulatedWsl;

/** Makes a machine with a mounted disk, prints its folder, and dies as by kill -9. */
final class KilledMachine {
  static final int KILLED = 137;
  static final String PLAIN = "plain";
  static final String CONTAINERS = "containers";

  private KilledMachine() {}

  /** The kind of machine. */
  public static void main(String[] args) {
    SimulatedWsl wsl =
        args[0].equals(CONTAINERS) ? SimulatedWsl.withContainers() : SimulatedWsl.withRealDisks();
    wsl.addInstance("nixos");
    String disk = wsl.addDisk("shared", "ext4").toString();
    int mounted = wsl.call("--mount", disk, "--vhd", "--name", "s").exit();
    int started =
        wsl.call("-d", "nixos", "--exec", "/bin/sh", "-c", "sleep 1000 > /dev/null 2>&1 &").exit();
    System.out.println(wsl.folder() + " " + mounted + started);
    Runtime.getRuntime().halt(KILLED);
  }
}
