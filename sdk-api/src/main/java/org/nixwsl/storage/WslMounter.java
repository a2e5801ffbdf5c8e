package org.nixwsl.storage;

import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.mount.BootState;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.Persistence;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.WslInstance;

/**
 * Attaches the shared storage and mounts it: on Windows through {@code wsl.exe}, on Linux through a
 * loop device. The mount outlives the process; {@link #unmount} takes it back. Thread-safe; calls
 * for one storage exclude each other, also across processes of one user.
 */
public interface WslMounter {
  /**
   * Attaches and mounts a disk that has a file system. Calling it again changes nothing. It ends
   * with a proof that the right file system is mounted read-write, and never formats.
   *
   * <p>On Windows a mount that WSL lost is mended, and what goes away by itself is tried again for
   * up to 30 s. A disk that turns out to be the wrong one is detached again if this call attached
   * it. A storage without UUID can be proven only where this call mounts it, or where an earlier
   * call of this user did.
   *
   * @throws org.nixwsl.storage.error.DiskException {@code WRONG_STORAGE} if the UUID is another one
   *     or there is no file system; {@code VHDX_IN_USE}; {@code NOT_MOUNTED}
   * @throws org.nixwsl.storage.error.ConflictException {@code ALREADY_EXISTS} if another disk has
   *     the mount name
   * @throws org.nixwsl.storage.error.EnvironmentException {@code NOT_FOUND}, {@code NOT_ROOT},
   *     {@code TOOL_MISSING}, {@code UNSUITABLE_FILE_SYSTEM}; on Windows {@code ACCESS_DENIED},
   *     {@code DISTRO_NOT_FOUND}, {@code WSL_NOT_AVAILABLE}
   */
  MountedStorage ensureMounted(SharedStorage storage, RunOptions options);

  /** {@link #ensureMounted(SharedStorage, RunOptions)} that nobody follows. */
  default MountedStorage ensureMounted(SharedStorage storage) {
    return ensureMounted(storage, RunOptions.ofDefaults());
  }

  /**
   * Makes the file system of the storage's layout on a disk that holds nothing, and mounts it.
   * Refuses on any doubt; only a VHDX file is formatted.
   *
   * <p>On Windows the file must not be attached. It is known again inside WSL by 64 random
   * characters that are written to it before, so that no other disk of the same size can be taken
   * for it; nobody else may attach or detach disks meanwhile.
   *
   * @throws org.nixwsl.storage.error.DiskException {@code DISK_NOT_BLANK} if anything is on the
   *     disk, or if it cannot be told apart; {@code VHDX_IN_USE}
   */
  MountedStorage prepareBlankDisk(SharedStorage storage, RunOptions options);

  /**
   * Unmounts and detaches. Does nothing when the storage is not attached, and nothing for a {@link
   * org.nixwsl.storage.mount.StorageLocation.MountedDirectory}, which is not the SDK's to unmount.
   *
   * @throws org.nixwsl.storage.error.ConflictException {@code STORAGE_BUSY} if something uses it;
   *     it stays attached then
   */
  void unmount(SharedStorage storage, RunOptions options);

  /** {@link #unmount(SharedStorage, RunOptions)} that nobody follows. */
  default void unmount(SharedStorage storage) {
    unmount(storage, RunOptions.ofDefaults());
  }

  /**
   * Every reason why the storage cannot be attached and mounted here, as far as it can be seen
   * without changing anything: rights, programs, the kernel, the file system of a directory. Empty
   * does not promise success.
   */
  default List<Problem> refusals(SharedStorage storage) {
    return List.of();
  }

  /** Where the storage is mounted now, if it is. Changes nothing. */
  Optional<MountedStorage> state(SharedStorage storage);

  /**
   * The instances of WSL that belong to this Windows user.
   *
   * @throws org.nixwsl.storage.error.EnvironmentException {@code UNSUPPORTED_PLATFORM} on Linux;
   *     {@code WSL_NOT_AVAILABLE}
   */
  default List<WslInstance> instances() {
    throw onWindowsOnly("Listing the instances of WSL");
  }

  /**
   * How the instances that run booted: from the shared disk, or from the root disk to be rescued.
   * Starts none; instances without the hook of the NixOS module are left out, and those that cannot
   * be asked.
   *
   * @throws org.nixwsl.storage.error.EnvironmentException {@code UNSUPPORTED_PLATFORM} on Linux;
   *     {@code WSL_NOT_AVAILABLE}
   */
  default List<BootState> bootStates() {
    throw onWindowsOnly("Asking instances of WSL how they booted");
  }

  /**
   * The tasks that mount at each logon of the user.
   *
   * @throws org.nixwsl.storage.error.EnvironmentException {@code UNSUPPORTED_PLATFORM} on Linux,
   *     where this belongs into a unit of systemd
   */
  default Persistence persistence() {
    throw onWindowsOnly("A task that mounts the storage at each logon");
  }

  private static EnvironmentException onWindowsOnly(String what) {
    return new EnvironmentException(
        Problem.of(
            ErrorCode.UNSUPPORTED_PLATFORM,
            what + " is something of Windows.",
            "Call the SDK on Windows."));
  }
}
