package org.nixwsl.storage;

import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.SharedStorage;

/**
 * Attaches the shared storage and mounts it: on Windows through {@code wsl.exe}, on Linux through a
 * loop device. The mount outlives the process; {@link #unmount} takes it back. Thread-safe; calls
 * for one storage exclude each other: on Linux also across processes, on Windows so far only those
 * of one {@link StorageSdk}.
 */
public interface WslMounter {
  /**
   * Attaches and mounts a disk that has a file system. Calling it again changes nothing. It ends
   * with a proof that the right file system is mounted read-write, and never formats.
   *
   * @throws org.nixwsl.storage.error.DiskException {@code WRONG_STORAGE} if the UUID is another one
   *     or there is no file system; {@code VHDX_IN_USE}
   * @throws org.nixwsl.storage.error.EnvironmentException {@code NOT_FOUND}, {@code NOT_ROOT},
   *     {@code TOOL_MISSING}, {@code UNSUITABLE_FILE_SYSTEM}
   */
  MountedStorage ensureMounted(SharedStorage storage, RunOptions options);

  /** {@link #ensureMounted(SharedStorage, RunOptions)} that nobody follows. */
  default MountedStorage ensureMounted(SharedStorage storage) {
    return ensureMounted(storage, RunOptions.ofDefaults());
  }

  /**
   * Makes an ext4 file system on a disk that holds nothing, and mounts it. Refuses on any doubt.
   *
   * @throws org.nixwsl.storage.error.DiskException {@code DISK_NOT_BLANK} if anything is on the
   *     disk
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
}
