package org.nixwsl.storage.linux.disk;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.linux.machine.MountTable;
import org.nixwsl.storage.linux.machine.OwnDirectory;
import org.nixwsl.storage.mount.MountName;

/**
 * The directory in which all that is attached has its place: {@code disk-*} for each disk, readable
 * for root only, {@code mnt/NAME} for each mount, and one lock. Every name in it is plain ASCII, so
 * that it can be an argument of any program. Thread-safe.
 */
final class RunDirectory {
  /** Where it is on a machine: emptied by a restart, which ends every attachment too. */
  static final Path ON_THIS_MACHINE = OwnDirectory.RUN;

  /** Longer than the slowest change, an unmount that has gigabytes to write. */
  private static final Duration LOCK_LIMIT = Duration.ofMinutes(15);

  /**
   * A file lock belongs to the whole process, and is lost when any channel of that file is closed.
   * Threads of one process, whichever mounter they use, therefore stand in line here first.
   */
  private static final ReentrantLock THIS_PROCESS = new ReentrantLock();

  private final Path base;

  RunDirectory(Path base) {
    this.base = base;
  }

  /**
   * The place of a disk, made or not. It follows from device and inode: a renamed file, or one with
   * two names, is still the same disk, and no other file can have them while a daemon holds it.
   *
   * @param file the file, whose symlinks were followed
   */
  Path homeOf(Path file) throws IOException {
    Map<String, Object> attributes = Files.readAttributes(file, "unix:dev,ino");
    long device = ((Number) attributes.getOrDefault("dev", 0L)).longValue();
    long inode = ((Number) attributes.getOrDefault("ino", 0L)).longValue();
    return base.resolve("disk-" + Long.toHexString(device) + "-" + Long.toHexString(inode));
  }

  /** Where a disk of that name is mounted. */
  Path mountPoint(MountName name) {
    return mounts().resolve(name.value());
  }

  /** The directory of all mount points. */
  Path mounts() {
    return base.resolve("mnt");
  }

  /** Makes the place of a disk, which must not be there. */
  void makeHome(Path home) throws IOException {
    Files.createDirectory(home, OwnDirectory.permissions("rwx------"));
  }

  /** Makes the directory of a mount, if it is not there. */
  void makeMountPoint(Path mountPoint) throws IOException {
    OwnDirectory.make(mounts());
    OwnDirectory.make(mountPoint);
  }

  /**
   * Removes the directory of a mount. One on which a disk is mounted, or that holds something, is
   * not ours to remove.
   */
  void removeMountPoint(Path mountPoint) throws IOException {
    if (MountTable.ofThisProcess().at(mountPoint.toString()).isPresent()) {
      return;
    }
    try {
      Files.deleteIfExists(mountPoint);
    } catch (DirectoryNotEmptyException someoneWroteBesideTheMount) {
      return;
    }
  }

  /**
   * Does something while no other thread and no other process does such a thing, for whatever disk:
   * names are shared by all of them.
   *
   * @throws ConflictException {@code STORAGE_BUSY} if the others do not come to an end
   * @throws EnvironmentException {@code NOT_ROOT} if the directory cannot be made or is not safe
   */
  <T> T exclusively(Operation operation, Operation.Work<T> work)
      throws IOException, InterruptedException {
    OwnDirectory.make(base);
    if (!operation.await("the other threads", LOCK_LIMIT, THIS_PROCESS::tryLock)) {
      throw othersAreBusy();
    }
    try (FileChannel channel =
        FileChannel.open(
            base.resolve("lock"),
            Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS),
            OwnDirectory.permissions("rw-------"))) {
      if (!operation.await("the other processes", LOCK_LIMIT, () -> locked(channel))) {
        throw othersAreBusy();
      }
      return work.run();
    } finally {
      THIS_PROCESS.unlock();
    }
  }

  /** The lock ends with the channel. */
  private static boolean locked(FileChannel channel) throws IOException {
    try {
      FileLock lock = channel.tryLock();
      return lock != null;
    } catch (OverlappingFileLockException anotherClassLoaderHasIt) {
      return false;
    }
  }

  private ConflictException othersAreBusy() {
    return new ConflictException(
        Problem.of(
                ErrorCode.STORAGE_BUSY,
                "Cannot work on the storage: another program attaches or detaches a disk and does"
                    + " not come to an end (it holds the lock "
                    + base.resolve("lock")
                    + ").",
                "Wait for it or end it, and call again.")
            .mayGoAway());
  }
}
