package org.nixwsl.storage.core.migrate;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.nixwsl.storage.core.io.DurableFiles;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.migrate.journal.JournalState;
import org.nixwsl.storage.core.migrate.journal.StageJournal;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLocation;

/**
 * The open directory of the journals of the moves to one storage; {@link MovePlaces} finds it.
 * Whoever has it open is the only one, on this machine, who changes something on that storage.
 * Closing it lets others. Not thread-safe.
 */
final class MovePlace implements AutoCloseable {
  /** A call that only looks has the lock for a moment. */
  private static final Duration PATIENCE = Duration.ofMillis(500);

  static final String LOCK = "lock";

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

  /** The journal of an instance's move in such a place. */
  static Path journal(Path place, InstanceName instance) {
    return place.resolve(instance.value() + ".journal");
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

  /** Opens it, if nobody else has it open. */
  static Optional<MovePlace> tryOpen(Path directory, Operation operation)
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

  /** The storage for people. */
  static String words(SharedStorage storage) {
    if (storage.location() instanceof StorageLocation.VhdxFile disk) {
      return PathBytes.printable(disk.file());
    }
    if (storage.location() instanceof StorageLocation.PhysicalDisk disk) {
      return disk.words();
    }
    return storage.location() instanceof StorageLocation.MountedDirectory mounted
        ? PathBytes.printable(mounted.directory())
        : storage.location().toString();
  }
}
