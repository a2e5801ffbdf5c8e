package org.nixwsl.storage.core.migrate;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.core.io.Caller;
import org.nixwsl.storage.core.io.DurableFiles;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.migrate.journal.JournalState;
import org.nixwsl.storage.core.migrate.journal.StageJournal;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLocation;

/**
 * Finds the journals of the moves to a storage: in a directory beside the file of the disk, with
 * its name and {@code .nixwsl}; in {@code .nixwsl/moves} of a storage that is a directory; and for
 * a physical disk, beside which there is nothing, in a directory of the user's own, under the UUID
 * of its file system. Immutable.
 */
final class MovePlaces {
  private static final String SUFFIX = ".nixwsl";
  private static final String MOVES = "moves";
  private static final int GROUP_OR_OTHERS_WRITE = 0022;

  private final Optional<Path> notes;

  /**
   * Places on this host.
   *
   * @param notes where this user keeps what belongs to physical disks; empty where there are none
   */
  MovePlaces(Optional<Path> notes) {
    this.notes = notes;
  }

  /**
   * Where they are; the directory need not be there.
   *
   * @throws EnvironmentException {@code UNSUPPORTED_PLATFORM} if the storage is of another system
   * @throws DiskException {@code BAD_SETTING} for a physical disk without its UUID
   */
  Path of(SharedStorage storage) throws IOException {
    if (storage.location() instanceof StorageLocation.VhdxFile disk) {
      return besides(disk.file());
    }
    if (storage.location() instanceof StorageLocation.MountedDirectory mounted) {
      return real(mounted.directory()).resolve(SUFFIX).resolve(MOVES);
    }
    if (storage.location() instanceof StorageLocation.PhysicalDisk && notes.isPresent()) {
      UUID uuid = storage.fileSystemUuid().orElseThrow(() -> unnamed(storage));
      return real(notes.get()).resolve(MOVES).resolve(uuid.toString());
    }
    throw new EnvironmentException(
        Problem.of(
            ErrorCode.UNSUPPORTED_PLATFORM,
            "A store is not moved to " + MovePlace.words(storage) + " from here.",
            "Mount it, and give the directory where it is mounted as the storage."));
  }

  /** What the journal of an instance's move says; empty if there is none. */
  Optional<JournalState> read(SharedStorage storage, InstanceName instance) throws IOException {
    return StageJournal.read(MovePlace.journal(of(storage), instance));
  }

  /**
   * Opens the place of a storage, and makes it if it is not there.
   *
   * @throws ConflictException {@code MOVE_RUNNING} if somebody else has it open
   * @throws EnvironmentException {@code JOURNAL_FOREIGN} if others could write to it
   */
  MovePlace open(SharedStorage storage, Operation operation)
      throws IOException, InterruptedException {
    Path directory = of(storage);
    for (Path above : above(storage, directory)) {
      make(above);
    }
    make(directory);
    return MovePlace.tryOpen(directory, operation).orElseThrow(() -> running(storage));
  }

  /** Whether somebody has the place of a storage open. */
  boolean inUse(SharedStorage storage, Operation operation)
      throws IOException, InterruptedException {
    Path directory = of(storage);
    if (!Files.exists(directory.resolve(MovePlace.LOCK), LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    try (MovePlace place = MovePlace.tryOpen(directory, operation).orElse(null)) {
      return place == null;
    }
  }

  private static ConflictException running(SharedStorage storage) {
    return new ConflictException(
        Problem.of(
                ErrorCode.MOVE_RUNNING,
                "Another call works on a move to the storage " + MovePlace.words(storage) + ".",
                "Wait until it ends and call again.")
            .mayGoAway());
  }

  /** Whoever can write here could tell another process of ours what to delete. */
  private static void make(Path directory) throws IOException {
    boolean posix = directory.getFileSystem().supportedFileAttributeViews().contains("posix");
    try {
      if (posix) {
        Files.createDirectory(
            directory,
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      } else {
        Files.createDirectory(directory);
      }
      DurableFiles.forceDirectory(Objects.requireNonNull(directory.getParent()));
    } catch (FileAlreadyExistsException e) {
      if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS) || (posix && !ours(directory))) {
        throw foreign(directory);
      }
    }
  }

  private static boolean ours(Path directory) throws IOException {
    int uid = (Integer) Files.getAttribute(directory, "unix:uid", LinkOption.NOFOLLOW_LINKS);
    int mode = (Integer) Files.getAttribute(directory, "unix:mode", LinkOption.NOFOLLOW_LINKS);
    return uid == Caller.uid() && (mode & GROUP_OR_OTHERS_WRITE) == 0;
  }

  private static EnvironmentException foreign(Path directory) {
    return new EnvironmentException(
        Problem.of(
            ErrorCode.JOURNAL_FOREIGN,
            PathBytes.printable(directory)
                + " is to hold the journals of moves, and is no directory of this user that only"
                + " this user can write to.",
            "Look at what stands there. If it is not needed, move it away and call again."));
  }

  /** The directories of ours above a place, which are made with it; the topmost first. */
  private static List<Path> above(SharedStorage storage, Path directory) throws IOException {
    if (storage.location() instanceof StorageLocation.VhdxFile) {
      return List.of();
    }
    Path parent = Objects.requireNonNull(directory.getParent());
    if (storage.location() instanceof StorageLocation.MountedDirectory) {
      return List.of(parent);
    }
    Path notes = Objects.requireNonNull(parent.getParent());
    Files.createDirectories(Objects.requireNonNull(notes.getParent()));
    return List.of(notes, parent);
  }

  private static DiskException unnamed(SharedStorage storage) {
    return new DiskException(
        Problem.of(
            ErrorCode.BAD_SETTING,
            "A store is moved to "
                + MovePlace.words(storage)
                + " only if the UUID of its file system is given: the numbers of disks change.",
            "Give it as fileSystemUuid (--uuid); blkid in an instance shows it once the disk is"
                + " attached."));
  }

  /** By its own path, so that two names of one disk have one place. */
  private static Path besides(Path file) throws IOException {
    Path own;
    try {
      own = file.toRealPath();
    } catch (NoSuchFileException notYet) {
      own = real(Objects.requireNonNull(file.getParent())).resolve(file.getFileName());
    }
    byte[] name = PathBytes.of(own);
    byte[] longer = Arrays.copyOf(name, name.length + SUFFIX.length());
    for (int i = 0; i < SUFFIX.length(); i++) {
      longer[name.length + i] = (byte) SUFFIX.charAt(i);
    }
    return PathBytes.fromPrintable(PathBytes.printable(longer));
  }

  private static Path real(Path directory) throws IOException {
    try {
      return directory.toRealPath();
    } catch (NoSuchFileException absent) {
      return directory;
    }
  }
}
