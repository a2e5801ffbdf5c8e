package org.nixwsl.storage.core.migrate;

import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.core.platform.StorageTree;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.migrate.ReclaimReport;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.StorageLayout;
import org.nixwsl.storage.store.NixStore;

/** One instance's directory on a storage, without files. */
final class FakeTree implements StorageTree {
  Directory directory = Directory.ABSENT;
  Optional<UUID> id = Optional.empty();
  Optional<String> owner = Optional.empty();
  Optional<String> us = Optional.of("root-disk");
  List<String> users = List.of();
  String sourceFingerprint = "source";
  String targetFingerprint = "source";
  boolean sourceChangesAtEachLook;

  /** Whether the old store has its database still, beneath the one that is used. */
  boolean hiddenIsThere = true;

  /** Whether an unfinished copy has its database by now. */
  boolean hasDatabase;

  Optional<Problem> outOfReach = Optional.empty();
  Optional<Problem> unsuitable = Optional.empty();

  /** Other instances that the register has. */
  List<String> owners = List.of();

  final List<String> trash = new ArrayList<>();
  final List<StorageLayout> madeAs = new ArrayList<>();
  final List<String> snapshots = new ArrayList<>();
  final List<Path> armed = new ArrayList<>();

  @Override
  public Facts look(
      MountedStorage storage, InstanceName instance, NixStore source, Operation operation) {
    outOfReach.ifPresent(
        problem -> {
          throw Failures.errorOf(problem);
        });
    return new Facts(directory, id, users, owner, us);
  }

  @Override
  public List<Problem> refusals(
      StorageLayout layout,
      InstanceName instance,
      Optional<MountedStorage> storage,
      Operation operation) {
    return unsuitable.stream().toList();
  }

  @Override
  public void makeDirectory(
      StorageLayout layout, MountedStorage storage, InstanceName instance, Operation operation) {
    madeAs.add(layout);
  }

  @Override
  public Optional<String> snapshot(
      StorageLayout layout,
      MountedStorage storage,
      InstanceName instance,
      String purpose,
      Operation operation) {
    snapshots.add(purpose + " of " + directory + (id.isPresent() ? " in use" : ""));
    return Optional.of(purpose);
  }

  @Override
  public Optional<UUID> id(MountedStorage storage, InstanceName instance) {
    return id;
  }

  @Override
  public String fingerprint(NixStore store, Operation operation) {
    if (sourceChangesAtEachLook) {
      sourceFingerprint += "+";
    }
    return store.directory().startsWith("/fake/mount") ? targetFingerprint : sourceFingerprint;
  }

  @Override
  public void claim(MountedStorage storage, InstanceName instance, String name) {
    owner = Optional.of(name);
  }

  @Override
  public void release(MountedStorage storage, InstanceName instance, String name) {
    owner = owner.filter(o -> !o.equals(name));
  }

  @Override
  public void removeId(MountedStorage storage, InstanceName instance, UUID storageId) {
    id = id.filter(i -> !i.equals(storageId));
  }

  @Override
  public void tidy(MountedStorage storage, InstanceName instance) {}

  @Override
  public Optional<String> moveToTrash(MountedStorage storage, InstanceName instance, String name) {
    if (directory == Directory.ABSENT) {
      return Optional.empty();
    }
    directory = Directory.ABSENT;
    trash.add(name);
    return Optional.of(name);
  }

  @Override
  public boolean holdsNothing(MountedStorage storage) {
    return directory == Directory.ABSENT && trash.isEmpty() && owner.isEmpty();
  }

  @Override
  public List<String> owners(MountedStorage storage) {
    return owners;
  }

  @Override
  public ReclaimReport emptyTrash(MountedStorage storage, Operation operation) {
    List<String> gone = List.copyOf(trash);
    trash.clear();
    return new ReclaimReport(gone, List.of());
  }

  @Override
  public void arm(Path flag) {
    armed.add(flag);
  }

  @Override
  public void disarm(Path flag) {
    armed.remove(flag);
  }

  /**
   * The store in the root directory is one by name only: whether this machine has it is no matter.
   */
  @Override
  public boolean there(Path file) {
    if (file.startsWith("/fake/mount")) {
      return directory == Directory.STORE || (directory == Directory.UNFINISHED && hasDatabase);
    }
    return file.startsWith("/nix")
        || (hiddenIsThere && file.startsWith("/hidden/nix"))
        || Files.exists(file, LinkOption.NOFOLLOW_LINKS);
  }
}
