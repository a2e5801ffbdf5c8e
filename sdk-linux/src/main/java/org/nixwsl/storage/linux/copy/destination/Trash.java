package org.nixwsl.storage.linux.copy.destination;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.io.Caller;
import org.nixwsl.storage.core.io.DurableFiles;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.linux.machine.MountTable;
import org.nixwsl.storage.linux.store.FileFacts;

/**
 * Where the parts of a finished store go that an update takes out of it: into {@code
 * .nixwsl/trash/NAME-NUMBER} beside the target, or inside it when it is the top of a file system or
 * of a subvolume. Nothing there is ever deleted by a copy. Not thread-safe.
 */
final class Trash {
  private final Path directory;

  private Trash(Path directory) {
    this.directory = directory;
  }

  /** The name of the directory that holds what is ours beside a target, or in it. */
  static final String HOME = ".nixwsl";

  /** The trash of a target that has a number already. */
  static Trash of(Path target, int number) throws IOException {
    return new Trash(home(target).resolve(nameOf(target) + "-" + number));
  }

  /** The lowest number that no trash of a target has. */
  static int freeNumber(Path target) throws IOException {
    int number = 1;
    while (Files.exists(of(target, number).directory, LinkOption.NOFOLLOW_LINKS)) {
      number++;
    }
    return number;
  }

  /** Where it is; it is made with the first thing that goes there. */
  Path directory() {
    return directory;
  }

  /**
   * Moves something out of the target, in one step; nothing if it is not there.
   *
   * @param place its place in the target, kept in the trash; a number is added when that is taken
   */
  void take(Path target, Path place) throws IOException {
    Path from = target.resolve(place);
    if (!Files.exists(from, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    makeDirectories();
    Path to = directory.resolve(place);
    Path above = directory;
    for (int depth = 0; depth < place.getNameCount() - 1; depth++) {
      above = above.resolve(place.getName(depth));
      makePrivate(above);
    }
    for (int again = 2; Files.exists(to, LinkOption.NOFOLLOW_LINKS); again++) {
      to = directory.resolve(place + "~" + again);
    }
    Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
    DurableFiles.forceDirectory(Objects.requireNonNull(to.getParent()));
    DurableFiles.forceDirectory(Objects.requireNonNull(from.getParent()));
  }

  private void makeDirectories() throws IOException {
    Path trash = directory.getParent();
    if (trash != null) {
      Path home = trash.getParent();
      if (home != null) {
        makePrivate(home);
      }
      makePrivate(trash);
    }
    makePrivate(directory);
  }

  /** A symlink of somebody else in its place would lead what is moved elsewhere. */
  private static void makePrivate(Path directory) throws IOException {
    try {
      Files.createDirectory(
          directory,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    } catch (FileAlreadyExistsException e) {
      FileFacts facts = FileFacts.of(directory);
      if (!facts.directory() || facts.uid() != Caller.uid()) {
        throw new IOException(
            PathBytes.printable(directory) + " is not a directory of the caller's", e);
      }
    }
  }

  private static Path home(Path target) throws IOException {
    Path real = target.toRealPath();
    @Nullable Path parent = real.getParent();
    MountTable mounts = MountTable.ofThisProcess();
    Optional<Integer> mount = mounts.carrying(real).map(MountTable.Mount::id);
    // Out of a subvolume of btrfs nothing can be renamed, as little as out of a mount.
    boolean beside =
        parent != null
            && mount.equals(mounts.carrying(parent).map(MountTable.Mount::id))
            && FileFacts.of(parent).device() == FileFacts.of(real).device();
    return (beside ? Objects.requireNonNull(parent) : real).resolve(HOME).resolve("trash");
  }

  private static String nameOf(Path target) {
    @Nullable Path name = target.getFileName();
    return name == null ? "root" : PathBytes.printable(name);
  }
}
