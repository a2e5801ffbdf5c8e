package org.nixwsl.storage.core.platform;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.migrate.ReclaimReport;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.StorageLayout;
import org.nixwsl.storage.store.NixStore;

/**
 * What of ours lies on a mounted storage beside the stores: whose each directory is, the trash, and
 * who uses what. Works where the files are. Each change is durable when its call returns, is done
 * in one step, and does nothing where it is done already. Thread-safe.
 */
public interface StorageTree {
  /**
   * What the machine shows of an instance's directory.
   *
   * @param source the store that is to become it, which tells which root disk is ours
   */
  Facts look(MountedStorage storage, InstanceName instance, NixStore source, Operation operation)
      throws IOException, InterruptedException;

  /**
   * Every reason why an instance cannot lie there in that layout, as far as it can be seen without
   * changing anything: the kernel, programs, and, where the storage is mounted, what is on it.
   */
  List<Problem> refusals(
      StorageLayout layout,
      InstanceName instance,
      Optional<MountedStorage> storage,
      Operation operation)
      throws IOException, InterruptedException;

  /**
   * Makes the directory of an instance in the way of a layout, if it is not there; a plain one is
   * left to the copy.
   *
   * @throws org.nixwsl.storage.error.ConflictException {@code TARGET_NOT_EMPTY} if something stands
   *     there that the layout does not make
   */
  void makeDirectory(
      StorageLayout layout, MountedStorage storage, InstanceName instance, Operation operation)
      throws IOException, InterruptedException;

  /**
   * Keeps what an instance's directory holds now, read-only, until {@link #emptyTrash}.
   *
   * @param purpose a word for its name
   * @return its name; empty in a layout without snapshots
   */
  Optional<String> snapshot(
      StorageLayout layout,
      MountedStorage storage,
      InstanceName instance,
      String purpose,
      Operation operation)
      throws IOException, InterruptedException;

  /** The id in an instance's directory, if it has one. */
  Optional<UUID> id(MountedStorage storage, InstanceName instance) throws IOException;

  /**
   * Tells one state of a store from another: equal for two looks, and for a copy, exactly if valid
   * paths, profiles and roots are the same. One line of printable ASCII, at most 200 characters.
   *
   * @throws org.nixwsl.storage.error.ConflictException {@code STORE_CHANGED} if it does not stand
   *     still for one look
   */
  String fingerprint(NixStore store, Operation operation) throws IOException, InterruptedException;

  /**
   * Writes the owner of a directory into the register, where that is known.
   *
   * @param owner from {@link Facts#us}
   */
  void claim(MountedStorage storage, InstanceName instance, String owner)
      throws IOException, InterruptedException;

  /** Takes an owner out of the register; one that is another stays. */
  void release(MountedStorage storage, InstanceName instance, String owner) throws IOException;

  /** Removes the id of a directory if it is that one: no boot takes the directory any more. */
  void removeId(MountedStorage storage, InstanceName instance, UUID storageId) throws IOException;

  /** Removes what a copy leaves that was killed right after its end. */
  void tidy(MountedStorage storage, InstanceName instance) throws IOException, InterruptedException;

  /**
   * Puts an instance's directory into the trash of the storage.
   *
   * @param name what it is called there; another one is taken if it is there already
   * @return what it is called there; empty if there was no directory
   */
  Optional<String> moveToTrash(MountedStorage storage, InstanceName instance, String name)
      throws IOException;

  /**
   * Whether nothing is on the storage that anyone could miss: no owner in the register, nothing in
   * the trash, no snapshot, no data of users that lie beside the stores, nothing that neither the
   * file system nor we put there.
   */
  boolean holdsNothing(MountedStorage storage) throws IOException;

  /** The instances whose directories have an owner in the register, sorted. */
  List<String> owners(MountedStorage storage) throws IOException;

  /**
   * Removes all of the trash that no process has mounted, and all snapshots: of the storage, and of
   * directories of instances on it. Where others than the caller could lead it elsewhere nothing is
   * touched.
   */
  ReclaimReport emptyTrash(MountedStorage storage, Operation operation)
      throws IOException, InterruptedException;

  /** Lets the next boot take the storage: writes this file, which is on the root disk. */
  void arm(Path flag) throws IOException, InterruptedException;

  /** Removes the file of {@link #arm}. */
  void disarm(Path flag) throws IOException;

  /**
   * Whether something of that name is on the root disk, or anywhere else where the instance sees
   * it; a symlink is not followed.
   */
  boolean there(Path file) throws IOException;

  /** What the directory of an instance is. */
  enum Directory {
    /** Not there, or empty. */
    ABSENT,
    /** A copy that was not brought to its end. */
    UNFINISHED,
    /** A store with its database. */
    STORE,
    /** Anything else: not ours to touch. */
    FOREIGN
  }

  /**
   * What is seen.
   *
   * @param directory what the directory is
   * @param storageId the id in it, if it has one
   * @param users who has it mounted, or holds its lease, in words for people; empty if nobody
   * @param owner the owner in the register, if it has one
   * @param us what our own entry in the register would be; empty where that cannot be told, because
   *     our root is no file system on a device
   */
  record Facts(
      Directory directory,
      Optional<UUID> storageId,
      List<String> users,
      Optional<String> owner,
      Optional<String> us) {
    /** Copies the list. */
    public Facts {
      users = List.copyOf(users);
    }

    /** Whether the directory has an owner that is not, or cannot be told to be, us. */
    public boolean ownedByAnother() {
      return owner.isPresent() && !owner.equals(us);
    }
  }
}
