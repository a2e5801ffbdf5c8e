package org.nixwsl.storage.windows;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import org.nixwsl.storage.core.io.DurableFiles;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;

/**
 * A private directory of the Windows user with two small files for each disk: the lock that makes
 * calls for it exclude each other, and the UUID that was last proven to be on it. WSL's own state
 * is per user too. Thread-safe.
 */
final class HostDirectory {
  /** Longer than the slowest change, which makes a file system. */
  private static final Duration LOCK_LIMIT = Duration.ofMinutes(15);

  private static final int LONGEST_NOTE = 100;

  private final Path directory;
  private final Map<String, ReentrantLock> threads = new ConcurrentHashMap<>();

  /** The directory is made when it is needed. */
  HostDirectory(Path directory) {
    this.directory = directory;
  }

  /** Where it is for this user: local, because attached disks are not taken to other machines. */
  static Path ofThisUser(Map<String, String> environment) {
    String local = environment.get("LOCALAPPDATA");
    return local == null || local.isBlank()
        ? Path.of(System.getProperty("user.home", "."), ".local", "state", "nixwsl")
        : Path.of(local, "nixwsl");
  }

  /** The directory, made for this user alone. */
  Path made() throws IOException {
    if (directory.getFileSystem().supportedFileAttributeViews().contains("posix")) {
      Path parent = directory.getParent();
      if (parent != null) {
        Files.createDirectories(parent);
      }
      if (Files.notExists(directory, LinkOption.NOFOLLOW_LINKS)) {
        Files.createDirectories(
            directory,
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      }
    } else {
      Files.createDirectories(directory);
    }
    return directory;
  }

  /**
   * Does something while no other call of this user does such a thing with the disk, in whatever
   * process. The lock ends with the process that has it.
   *
   * @param path the final path
   * @throws ConflictException {@code STORAGE_BUSY} if the others do not come to an end
   */
  <T> T exclusively(String path, Operation operation, Operation.Work<T> work)
      throws IOException, InterruptedException {
    String key = key(path);
    ReentrantLock thread = threads.computeIfAbsent(key, k -> new ReentrantLock());
    // The threads of this process first: on Linux a file lock is lost when any channel of the file
    // is closed by the process.
    if (!operation.await("the other threads", LOCK_LIMIT, thread::tryLock)) {
      throw othersAreBusy(path);
    }
    try (FileChannel channel =
        FileChannel.open(
            made().resolve(key + ".lock"),
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            LinkOption.NOFOLLOW_LINKS)) {
      if (!operation.await("the other processes", LOCK_LIMIT, () -> locked(channel))) {
        throw othersAreBusy(path);
      }
      return work.run();
    } finally {
      thread.unlock();
    }
  }

  /** The lock ends with the channel. */
  private static boolean locked(FileChannel channel) throws IOException {
    try {
      FileLock lock = channel.tryLock();
      return lock != null;
    } catch (OverlappingFileLockException anotherMounterOfThisProcessHasIt) {
      return false;
    }
  }

  /** Keeps what file system was proven to be on a disk. */
  void remember(String path, UUID uuid) throws IOException, InterruptedException {
    if (remembered(path).filter(uuid::equals).isEmpty()) {
      ByteBuffer text = ByteBuffer.wrap(uuid.toString().getBytes(StandardCharsets.US_ASCII));
      DurableFiles.replace(
          made().resolve(key(path) + ".uuid"),
          channel -> {
            while (text.hasRemaining()) {
              channel.write(text);
            }
          });
    }
  }

  /** What was proven to be on a disk the last time; empty as well where the note is unreadable. */
  Optional<UUID> remembered(String path) throws IOException {
    Path note = directory.resolve(key(path) + ".uuid");
    ByteBuffer text = ByteBuffer.allocate(LONGEST_NOTE);
    try (FileChannel channel =
        FileChannel.open(note, Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS))) {
      int read;
      do {
        read = channel.read(text);
      } while (read > 0);
    } catch (NoSuchFileException neverProven) {
      return Optional.empty();
    }
    String uuid = StandardCharsets.US_ASCII.decode(text.flip()).toString();
    return uuid.matches("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
        ? Optional.of(UUID.fromString(uuid))
        : Optional.empty();
  }

  /** Paths of Windows are the same in capitals; a name that is safe everywhere is made of them. */
  private static String key(String path) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256")
              .digest(path.toLowerCase(Locale.ROOT).getBytes(StandardCharsets.UTF_8));
      return "disk-" + HexFormat.of().formatHex(digest, 0, 16);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every JDK has SHA-256", e);
    }
  }

  private static ConflictException othersAreBusy(String path) {
    return new ConflictException(
        Problem.of(
                ErrorCode.STORAGE_BUSY,
                "Cannot work on "
                    + path
                    + ": another program attaches or detaches it and does not come to an end.",
                "Wait for it or end it, and call again.")
            .mayGoAway());
  }
}
