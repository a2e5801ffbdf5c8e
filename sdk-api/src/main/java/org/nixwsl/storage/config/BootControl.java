package org.nixwsl.storage.config;

import org.nixwsl.storage.RunOptions;

/**
 * Changes how one instance boots, with the command {@code nix-storage} that the module puts into
 * it. What is changed takes effect at the next start of the instance: stop it from Windows ({@code
 * wsl --terminate NAME}). Each call may be repeated; one that was killed or failed half-way is made
 * good by calling it again. Thread-safe.
 *
 * <p>All of them throw {@link org.nixwsl.storage.error.EnvironmentException} with {@code NOT_ROOT},
 * and with {@code TOOL_MISSING} where the running system of the instance has no such command,
 * because the module is not part of it; and {@link org.nixwsl.storage.error.CommandException} if
 * something fails on the way that has no code of its own. On Windows also what {@link
 * org.nixwsl.storage.WslMounter} throws for an instance that cannot be started.
 */
public interface BootControl {
  /**
   * Copies the system that the shared disk would boot to the root disk, with all that it needs, and
   * keeps it there. This cures the rescue boot "seed older than disk": the hook boots no system
   * that the root disk lacks. Where the instance runs from the disk, its system is copied anew.
   *
   * <p>Copies gigabytes at most, and only what is missing. Needs room on the root disk.
   *
   * @throws org.nixwsl.storage.error.DiskException {@code NOT_MOUNTED} if the disk is not there,
   *     {@code WRONG_STORAGE} if what is there is another one
   * @throws org.nixwsl.storage.error.ConflictException {@code STORAGE_BUSY} if another instance
   *     runs from the directory
   * @throws org.nixwsl.storage.error.EnvironmentException {@code NOT_A_STORE} if no system can be
   *     found in the directory
   */
  BootChange reseed(RunOptions options);

  /** {@link #reseed(RunOptions)} that nobody follows. */
  default BootChange reseed() {
    return reseed(RunOptions.ofDefaults());
  }

  /**
   * Makes the instance the owner of its directory on the disk. The hook boots from no directory of
   * another owner, so that a copy of an instance does not change the store of the original. Call it
   * when the former owner is gone for good. Where the instance runs from the disk it is the owner
   * already, and nothing is changed.
   *
   * @throws org.nixwsl.storage.error.DiskException as for {@link #reseed(RunOptions)}
   * @throws org.nixwsl.storage.error.ConflictException as for {@link #reseed(RunOptions)}
   */
  BootChange adopt(RunOptions options);

  /** {@link #adopt(RunOptions)} that nobody follows. */
  default BootChange adopt() {
    return adopt(RunOptions.ofDefaults());
  }

  /**
   * Lets the instance boot from its root disk from the next start on, without looking for the
   * shared one. What is on the shared disk stays there, and what was built or installed there since
   * the last switch is missing then.
   */
  BootChange disarm(RunOptions options);

  /** {@link #disarm(RunOptions)} that nobody follows. */
  default BootChange disarm() {
    return disarm(RunOptions.ofDefaults());
  }
}
