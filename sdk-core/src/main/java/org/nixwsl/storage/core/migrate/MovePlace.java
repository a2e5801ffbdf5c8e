package org.nixwsl.storage.core.migrate;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.nixwsl.storage.core.io.Caller;
import org.nixwsl.storage.core.io.DurableFiles;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.migrate.journal.JournalState;
import org.nixwsl.storage.core.migrate.journal.StageJournal;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLocation;

/**
 * Where the journals of the moves to one storage are: a directory beside the file of the disk, with
 * its name and {@code .nixwsl}, or {@code .nixwsl/moves} in a storage that is a directory. Whoever
 * has it open is the only one, on this machine, who changes something on that storage. Closing it
 * lets others. Not thread-safe.
 */
final class MovePlace implements AutoCloseable {
  /** A call that only looks has the lock for a moment. */
  private static final Duration PATIENCE = Duration.ofMillis(500);

  private static final String SUFFIX = ".nixwsl";
  private static final String MOVES = "moves";
  private static final String LOCK = "lock";
  private static final int GROUP_OR_OTHERS_WRITE = 0022;

  /**
   * The places that this process has open. A file lock belongs to the whole process and is lost
   * when any channel of its file is closed, so that a second caller in the same process must not
   * even open the file.
   */
  private static final Set<Path> OPEN_HERE = ConcurrentHashMap.newKeySet();

  private final Path directory;
  private final FileChannel lock;

  private MovePlace(Path directory, FileChannel lock) {
    this.directory = directory;
    this.lock = lock;
  }

  /** Where it is; it need not be there. */
  static Path of(SharedStorage storage) throws IOException {
    if (storage.location() instanceof StorageLocation.VhdxFile disk) {
      return besides(disk.file());
    }
    if (storage.location() instanceof StorageLocation.MountedDirectory mounted) {
      return real(mounted.directory()).resolve(SUFFIX).resolve(MOVES);
    }
    throw new EnvironmentException(
        Problem.of(
            ErrorCode.UNSUPPORTED_PLATFORM,
            "A store is not moved to " + storage.location() + " from here.",
            "Mount it, and give the directory where it is mounted as the storage."));
  }

  /** The journal of an instance's move in such a place. */
  static Path journal(Path place, InstanceName instance) {
    return place.resolve(instance.value() + ".journal");
  }

  /**
   * Opens it, and makes it if it is not there.
   *
   * @throws ConflictException {@code MOVE_RUNNING} if somebody else has it open
   * @throws EnvironmentException {@code JOURNAL_FOREIGN} if others could write to it
   */
  static MovePlace open(SharedStorage storage, Operation operation)
      throws IOException, InterruptedException {
    Path directory = of(storage);
    if (directory.endsWith(Path.of(SUFFIX, MOVES))) {
      make(Objects.requireNonNull(directory.getParent()));
    }
    make(directory);
    return tryOpen(directory, operation).orElseThrow(() -> running(storage));
  }

  /** Whether somebody has it open. */
  static boolean inUse(SharedStorage storage, Operation operation)
      throws IOException, InterruptedException {
    Path directory = of(storage);
    if (!Files.exists(directory.resolve(LOCK), LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    try (MovePlace place = tryOpen(directory, operation).orElse(null)) {
      return place == null;
    }
  }

  /** The journal of an instance's move. */
  Path journal(InstanceName instance) {
    return journal(directory, instance);
  }

  /** Puts a journal aside that is at its end; the one that was aside before is gone. */
  void putAside(InstanceName instance) throws IOException {
    Path journal = journal(instance);
    Files.move(
        journal,
        directory.resolve(instance.value() + ".journal.last"),
        StandardCopyOption.ATOMIC_MOVE);
    DurableFiles.forceDirectory(directory);
  }

  /** What the journal of an instance's move says; empty if there is none. */
  Optional<JournalState> read(InstanceName instance) throws IOException {
    return StageJournal.read(journal(instance));
  }

  /**
   * What the journals of all other instances say.
   *
   * @throws EnvironmentException if one of them cannot be read
   */
  List<JournalState> others(InstanceName instance) throws IOException {
    List<JournalState> states = new ArrayList<>();
    try (DirectoryStream<Path> journals = Files.newDirectoryStream(directory, "*.journal")) {
      for (Path journal : journals) {
        if (!journal.equals(journal(instance))) {
          StageJournal.read(journal).ifPresent(states::add);
        }
      }
    }
    return List.copyOf(states);
  }

  @Override
  public void close() throws IOException {
    try {
      lock.close();
    } finally {
      OPEN_HERE.remove(directory);
    }
  }

  private static Optional<MovePlace> tryOpen(Path directory, Operation operation)
      throws IOException, InterruptedException {
    boolean[] entered = {false};
    operation.await(
        "the lock of " + directory, PATIENCE, () -> entered[0] = OPEN_HERE.add(directory));
    if (!entered[0]) {
      return Optional.empty();
    }
    boolean locked = false;
    FileChannel channel = null;
    try {
      FileChannel opened =
          FileChannel.open(
              directory.resolve(LOCK),
              StandardOpenOption.CREATE,
              StandardOpenOption.WRITE,
              LinkOption.NOFOLLOW_LINKS);
      channel = opened;
      locked = operation.await("the lock of " + directory, PATIENCE, () -> locked(opened));
      return locked ? Optional.of(new MovePlace(directory, opened)) : Optional.empty();
    } finally {
      if (!locked) {
        if (channel != null) {
          channel.close();
        }
        OPEN_HERE.remove(directory);
      }
    }
  }

  private static boolean locked(FileChannel channel) throws IOException {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException anotherClassLoaderHasIt) {
      return false;
    }
  }

  private static ConflictException running(SharedStorage storage) {
    return new ConflictException(
        Problem.of(
                ErrorCode.MOVE_RUNNING,
                "Another call works on a move to the storage " + words(storage) + ".",
                "Wait until it ends and call again.")
            .mayGoAway());
  }

  /** The storage for people. */
  static String words(SharedStorage storage) {
    if (storage.location() instanceof StorageLocation.VhdxFile disk) {
      return PathBytes.printable(disk.file());
    }
    return storage.location() instanceof StorageLocation.MountedDirectory mounted
        ? PathBytes.printable(mounted.directory())
        : storage.location().toString();
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
