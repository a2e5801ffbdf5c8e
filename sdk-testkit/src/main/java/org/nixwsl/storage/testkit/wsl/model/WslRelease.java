package org.nixwsl.storage.testkit.wsl.model;

/**
 * A release of WSL that the simulator can be, and where it differs from the others. The tags are
 * those of microsoft/WSL.
 */
public enum WslRelease {
  /** As 2.2.4: hexadecimal codes for errors of Windows, and {@code MountVhd} for a step. */
  V2_2("2.2.4.0"),
  /** As 2.6.1. */
  V2_6("2.6.1.0"),
  /** As 2.9.8: stricter names, a guard for the shared mounts, restores disks as their user. */
  V2_9("2.9.8.0");

  private final String number;

  WslRelease(String number) {
    this.number = number;
  }

  /** What {@code --version} prints. */
  public String number() {
    return number;
  }

  /** The step in which a disk is mounted, as it stands in an error; renamed by 2.6.0. */
  public String mountStep() {
    return this == V2_2 ? "MountVhd" : "MountDisk";
  }

  /** Whether errors of Windows have names; earlier only those of WSL itself had. */
  public boolean namesWindowsErrors() {
    return this != V2_2;
  }

  /** Whether the words before an error code are in the language of Windows too. */
  public boolean translatesLabel() {
    return this != V2_2;
  }

  /**
   * Whether {@code --unmount} tries the final path as well when an absolute path in another
   * spelling is not found: 2.7.2. Earlier only a relative one is tried again.
   */
  public boolean triesFinalPath() {
    return this == V2_9;
  }

  /** Whether the empty name, {@code .} and {@code ..} are refused: after 2.9.4. */
  public boolean refusesDotNames() {
    return this == V2_9;
  }

  /** Whether a unit keeps a stopping instance from unmounting the disks of all: 2.9.8. */
  public boolean guardsShare() {
    return this == V2_9;
  }

  /**
   * Whether disks are restored with the rights of whoever starts the virtual machine: 2.9.1.
   * Earlier it is SYSTEM, which may open every file.
   */
  public boolean restoresAsUser() {
    return this == V2_9;
  }

  /** Whether an export as a disk needs the extension of the source: 2.7.0. */
  public boolean comparesExtensions() {
    return this == V2_9;
  }

  /** Whether an instance that is being exported or converted refuses other work: after 2.9.4. */
  public boolean refusesLockedInstance() {
    return this == V2_9;
  }
}
