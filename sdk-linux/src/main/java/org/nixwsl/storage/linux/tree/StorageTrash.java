package org.nixwsl.storage.linux.tree;

import static org.nixwsl.storage.linux.tree.LinuxStorageTree.INSTANCES;
import static org.nixwsl.storage.linux.tree.LinuxStorageTree.MOVES;
import static org.nixwsl.storage.linux.tree.LinuxStorageTree.OWN;
import static org.nixwsl.storage.linux.tree.LinuxStorageTree.SNAPSHOTS;
import static org.nixwsl.storage.linux.tree.LinuxStorageTree.TRASH;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.nixwsl.storage.core.io.DurableFiles;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.linux.store.DirectoryEntries;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.migrate.ReclaimReport;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountedStorage;

/**
 * What lies on a storage to be deleted: once it was a store, or is a snapshot of one. It is deleted
 * here and nowhere else.
 */
final class StorageTrash {
  private static final String STORE = "store";

  private final MountedStorage storage;
  private final ProcessRunner processes;

  StorageTrash(MountedStorage storage, ProcessRunner processes) {
    this.storage = storage;
    this.processes = processes;
  }

  /** Removes what lies there and nobody has mounted; one that fails does not keep the others. */
  ReclaimReport empty(Operation operation) throws IOException, InterruptedException {
    List<String> removed = new ArrayList<>();
    List<String> kept = new ArrayList<>();
    List<Exception> failed = new ArrayList<>();
    for (Path place : places()) {
      if (!reachedByTheCallerAlone(place)) {
        kept.add(PathBytes.printable(storage.mountPoint().relativize(place)));
        continue;
      }
      String prefix = place.endsWith(SNAPSHOTS) ? SNAPSHOTS + "/" : "";
      List<Path> entries = new ArrayList<>();
      DirectoryEntries.each(place, entries::add);
      for (Path entry : entries) {
        operation.checkCancelled();
        String name = prefix + PathBytes.printable(PathBytes.ofName(entry));
        if (DirectoryUsers.mounts(entry).isEmpty()) {
          try {
            Subvolumes.remove(entry, processes, operation);
            removed.add(name);
          } catch (IOException | StorageSdkException e) {
            failed.add(e); // the room of the others is needed all the same
          }
        } else {
          kept.add(name);
        }
      }
      DurableFiles.forceDirectory(place);
    }
    throwFirst(failed);
    return new ReclaimReport(removed.stream().sorted().toList(), kept.stream().sorted().toList());
  }

  private static void throwFirst(List<Exception> failed) throws IOException {
    if (failed.isEmpty()) {
      return;
    }
    Exception first = failed.get(0);
    failed.subList(1, failed.size()).forEach(first::addSuppressed);
    if (first instanceof StorageSdkException e) {
      throw e;
    }
    throw (IOException) first;
  }

  /**
   * Where things lie that are to go: the trash, the snapshots, and the trash inside of an
   * instance's directory, which an update fills where nothing can be renamed out of the directory.
   */
  private List<Path> places() throws IOException {
    List<Path> homes = new ArrayList<>(List.of(storage.mountPoint()));
    Set<String> owned = LinuxStorageTree.owned(storage);
    DirectoryEntries.each(
        storage.mountPoint(),
        entry -> {
          if (isInstance(entry, owned)) {
            homes.add(entry);
          }
        });
    List<Path> places = new ArrayList<>();
    for (Path home : homes) {
      places.add(home.resolve(OWN).resolve(TRASH));
      places.add(home.resolve(OWN).resolve(SNAPSHOTS));
    }
    places.removeIf(place -> !Files.isDirectory(place, LinkOption.NOFOLLOW_LINKS));
    return places;
  }

  /**
   * Whether a directory at the top is one of an instance. What else lies there is somebody's own,
   * and another storage has a trash of its own.
   */
  private static boolean isInstance(Path directory, Set<String> owned) {
    if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    String name = PathBytes.printable(PathBytes.ofName(directory));
    try {
      InstanceName.of(name);
    } catch (IllegalArgumentException noName) {
      return false;
    }
    Path own = directory.resolve(OWN);
    boolean storage =
        Files.exists(own.resolve(INSTANCES), LinkOption.NOFOLLOW_LINKS)
            || Files.exists(own.resolve(MOVES), LinkOption.NOFOLLOW_LINKS);
    return !storage
        && (owned.contains(name)
            || Files.isDirectory(directory.resolve(STORE), LinkOption.NOFOLLOW_LINKS));
  }

  /**
   * Whether nobody else can put a symlink in the place of a directory on the way to the trash of a
   * storage or of an instance, at any time: root would delete where it leads.
   */
  private static boolean reachedByTheCallerAlone(Path place) throws IOException {
    Path own = Objects.requireNonNull(place.getParent());
    Path home = Objects.requireNonNull(own.getParent());
    return FileFacts.of(home).directoryOfTheCaller()
        && FileFacts.of(own).directoryOfTheCaller()
        && FileFacts.of(place).directoryOfTheCaller();
  }
}
