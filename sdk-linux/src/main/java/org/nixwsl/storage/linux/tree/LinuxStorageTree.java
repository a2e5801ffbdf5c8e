package org.nixwsl.storage.linux.tree;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;
import org.nixwsl.storage.core.io.DurableFiles;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.platform.StorageTree;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.linux.copy.StoreFingerprint;
import org.nixwsl.storage.linux.copy.destination.CopyWorkspace;
import org.nixwsl.storage.linux.copy.destination.Leftovers;
import org.nixwsl.storage.linux.machine.MountTable;
import org.nixwsl.storage.linux.store.DirectoryEntries;
import org.nixwsl.storage.migrate.ReclaimReport;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.StorageLayout;
import org.nixwsl.storage.store.NixStore;

/**
 * What of ours lies on a storage that is mounted here: {@code .nixwsl/instances/NAME/owner} with
 * the UUID of a root disk, {@code .nixwsl/locks/NAME} for the lease, {@code .nixwsl/trash}.
 */
public final class LinuxStorageTree implements StorageTree {
  static final String OWN = ".nixwsl";
  static final String INSTANCES = "instances";
  private static final String LOCKS = "locks";
  static final String TRASH = "trash";
  static final String SNAPSHOTS = "snapshots";
  private static final String OWNER = "owner";
  static final String MOVES = "moves";

  /** What a file system has of itself. */
  private static final String LOST_AND_FOUND = "lost+found";

  /** Longer than any id or UUID; the boot hook reads as much. */
  private static final int LONGEST_LINE = 64;

  private static final Pattern PLAIN = Pattern.compile("[0-9A-Za-z-]{1,64}");

  private final ProcessRunner processes;
  private final DirectoryUsers users;

  /** A tree that asks programs of this runner. */
  public LinuxStorageTree(ProcessRunner processes) {
    this.processes = processes;
    this.users = new DirectoryUsers(processes);
  }

  @Override
  public Facts look(
      MountedStorage storage, InstanceName instance, NixStore source, Operation operation)
      throws IOException, InterruptedException {
    Path directory = storage.instanceDirectory(instance);
    List<String> using = new ArrayList<>(DirectoryUsers.mounts(directory));
    Path lease = own(storage).resolve(LOCKS).resolve(instance.value());
    if (users.locked(lease, operation)) {
      using.add("an instance that holds the lease " + PathBytes.printable(lease));
    }
    return new Facts(
        kindOf(directory),
        id(storage, instance),
        using,
        owner(storage, instance),
        rootDisk(source, operation));
  }

  @Override
  public List<Problem> refusals(
      StorageLayout layout,
      InstanceName instance,
      Optional<MountedStorage> storage,
      Operation operation)
      throws IOException, InterruptedException {
    return InstanceLayout.of(layout, processes).refusals(instance, storage, operation);
  }

  @Override
  public void makeDirectory(
      StorageLayout layout, MountedStorage storage, InstanceName instance, Operation operation)
      throws IOException, InterruptedException {
    InstanceLayout.of(layout, processes).make(storage.instanceDirectory(instance), operation);
  }

  @Override
  public Optional<String> snapshot(
      StorageLayout layout,
      MountedStorage storage,
      InstanceName instance,
      String purpose,
      Operation operation)
      throws IOException, InterruptedException {
    InstanceLayout laidOut = InstanceLayout.of(layout, processes);
    if (!laidOut.snapshots()) {
      return Optional.empty();
    }
    Path snapshots = own(storage).resolve(SNAPSHOTS);
    makePrivate(own(storage));
    makePrivate(snapshots);
    Path place = free(snapshots, instance.value() + "." + purpose);
    laidOut.snapshot(storage.instanceDirectory(instance), place, operation);
    return Optional.of(place.getFileName().toString());
  }

  @Override
  public Optional<UUID> id(MountedStorage storage, InstanceName instance) throws IOException {
    Path directory = storage.instanceDirectory(instance);
    if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
      return Optional.empty();
    }
    try {
      return line(directory.resolve(CopyWorkspace.ID_FILE)).map(UUID::fromString);
    } catch (IllegalArgumentException notAnId) {
      return Optional.empty();
    }
  }

  @Override
  public String fingerprint(NixStore store, Operation operation) throws IOException {
    return StoreFingerprint.of(store, operation).text();
  }

  @Override
  public void claim(MountedStorage storage, InstanceName instance, String owner)
      throws IOException, InterruptedException {
    Path file = ownerFile(storage, instance);
    if (owner(storage, instance).isPresent()) {
      return; // ours, or the boot hook was faster
    }
    Path register = own(storage).resolve(INSTANCES);
    makePrivate(own(storage));
    makePrivate(register);
    makePrivate(register.resolve(instance.value()));
    byte[] text = (owner + "\n").getBytes(StandardCharsets.US_ASCII);
    DurableFiles.replace(file, channel -> DurableFiles.writeFully(channel, text));
  }

  @Override
  public void release(MountedStorage storage, InstanceName instance, String owner)
      throws IOException {
    Path file = ownerFile(storage, instance);
    if (line(file).filter(owner::equals).isPresent()) {
      DurableFiles.delete(file);
    }
  }

  @Override
  public void removeId(MountedStorage storage, InstanceName instance, UUID storageId)
      throws IOException {
    if (id(storage, instance).filter(storageId::equals).isPresent()) {
      DurableFiles.delete(storage.instanceDirectory(instance).resolve(CopyWorkspace.ID_FILE));
    }
  }

  @Override
  public void tidy(MountedStorage storage, InstanceName instance)
      throws IOException, InterruptedException {
    Leftovers.tidy(NixStore.ofNixDirectory(storage.instanceDirectory(instance)));
  }

  @Override
  public Optional<String> moveToTrash(MountedStorage storage, InstanceName instance, String name)
      throws IOException {
    Path directory = storage.instanceDirectory(instance);
    if (!Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
      return Optional.empty();
    }
    Path trash = own(storage).resolve(TRASH);
    makePrivate(own(storage));
    makePrivate(trash);
    Path place = free(trash, name);
    Files.move(directory, place, StandardCopyOption.ATOMIC_MOVE);
    DurableFiles.forceDirectory(trash);
    DurableFiles.forceDirectory(storage.mountPoint());
    return Optional.of(place.getFileName().toString());
  }

  @Override
  public boolean holdsNothing(MountedStorage storage) throws IOException {
    Set<String> inOurs = names(own(storage));
    // MOVES: journals that lie on a storage are of moves to it, not what was moved.
    inOurs.removeAll(Set.of(INSTANCES, LOCKS, MOVES, TRASH, SNAPSHOTS));
    return strangers(storage).isEmpty()
        && inOurs.isEmpty()
        && names(own(storage).resolve(TRASH)).isEmpty()
        && names(own(storage).resolve(SNAPSHOTS)).isEmpty()
        && owned(storage).isEmpty();
  }

  @Override
  public List<String> owners(MountedStorage storage) throws IOException {
    return owned(storage).stream().sorted().toList();
  }

  /** What lies at the top of a storage besides what is the file system's own, and ours. */
  static Set<String> strangers(MountedStorage storage) throws IOException {
    Set<String> others = names(storage.mountPoint());
    others.removeAll(Set.of(LOST_AND_FOUND, OWN));
    return others;
  }

  /** The instances that the register has something of. */
  static Set<String> owned(MountedStorage storage) throws IOException {
    Path register = own(storage).resolve(INSTANCES);
    Set<String> owned = new HashSet<>();
    for (String instance : names(register)) {
      Set<String> entries = names(register.resolve(instance));
      // What a crash left of an owner that was about to be written.
      entries.removeIf(name -> name.startsWith(DurableFiles.TEMPORARY_PREFIX));
      if (!entries.isEmpty()) {
        owned.add(instance);
      }
    }
    return owned;
  }

  @Override
  public ReclaimReport emptyTrash(MountedStorage storage, Operation operation)
      throws IOException, InterruptedException {
    return new StorageTrash(storage, processes).empty(operation);
  }

  @Override
  public void arm(Path flag) throws IOException, InterruptedException {
    DurableFiles.replace(flag, channel -> {});
  }

  @Override
  public void disarm(Path flag) throws IOException {
    DurableFiles.delete(flag);
  }

  @Override
  public boolean there(Path file) {
    return Files.exists(file, LinkOption.NOFOLLOW_LINKS);
  }

  private static Directory kindOf(Path directory) throws IOException {
    if (!Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
      return Directory.ABSENT;
    }
    if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
      return Directory.FOREIGN;
    }
    if (Files.isDirectory(directory.resolve(CopyWorkspace.DIRECTORY), LinkOption.NOFOLLOW_LINKS)) {
      return Directory.UNFINISHED;
    }
    NixStore store = NixStore.ofNixDirectory(directory);
    if (Files.isRegularFile(store.database(), LinkOption.NOFOLLOW_LINKS)) {
      return Directory.STORE;
    }
    return names(directory).isEmpty() ? Directory.ABSENT : Directory.FOREIGN;
  }

  /** The UUID of the file system that the store lies on, which is the root disk of an instance. */
  private Optional<String> rootDisk(NixStore source, Operation operation)
      throws IOException, InterruptedException {
    Path there = source.directory();
    if (!Files.exists(there)) {
      return Optional.empty();
    }
    Optional<MountTable.Mount> mount = MountTable.ofThisProcess().carrying(there.toRealPath());
    if (mount.isEmpty() || !mount.get().source().startsWith("/dev/")) {
      return Optional.empty();
    }
    Command ask =
        Command.of("blkid", "-p", "-s", "UUID", "-o", "value", "--", mount.get().source());
    try {
      return Optional.of(processes.run(ask, operation).text().strip())
          .filter(text -> PLAIN.matcher(text).matches());
    } catch (EnvironmentException e) {
      if (e.code() == ErrorCode.TOOL_MISSING) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /** The first line of a small file of ours, never through a link; empty if it is not there. */
  private static Optional<String> line(Path file) throws IOException {
    if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS) || Files.size(file) > LONGEST_LINE) {
      return Optional.empty();
    }
    try {
      String text = Files.readString(file, StandardCharsets.ISO_8859_1);
      return text.lines().findFirst().filter(line -> PLAIN.matcher(line).matches());
    } catch (NoSuchFileException gone) {
      return Optional.empty();
    }
  }

  /** What cannot be read belongs to somebody too. */
  private static Optional<String> owner(MountedStorage storage, InstanceName instance)
      throws IOException {
    Path file = ownerFile(storage, instance);
    return Files.exists(file, LinkOption.NOFOLLOW_LINKS)
        ? line(file).or(() -> Optional.of("that cannot be read in " + PathBytes.printable(file)))
        : Optional.empty();
  }

  private static Path own(MountedStorage storage) {
    return storage.mountPoint().resolve(OWN);
  }

  private static Path ownerFile(MountedStorage storage, InstanceName instance) {
    return own(storage).resolve(INSTANCES).resolve(instance.value()).resolve(OWNER);
  }

  private static Set<String> names(Path directory) throws IOException {
    Set<String> names = new HashSet<>();
    if (Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
      DirectoryEntries.each(
          directory, entry -> names.add(PathBytes.printable(PathBytes.ofName(entry))));
    }
    return names;
  }

  private static Path free(Path directory, String name) {
    Path place = directory.resolve(name);
    for (int i = 2; Files.exists(place, LinkOption.NOFOLLOW_LINKS); i++) {
      place = directory.resolve(name + "." + i);
    }
    return place;
  }

  private static void makePrivate(Path directory) throws IOException {
    try {
      Files.createDirectory(
          directory,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    } catch (FileAlreadyExistsException e) {
      if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
        throw e;
      }
    }
  }
}
