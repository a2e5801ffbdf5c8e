package org.nixwsl.storage.linux.copy.destination;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.io.DurableFiles;
import org.nixwsl.storage.core.io.LineJournal;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.linux.store.DirectoryEntries;
import org.nixwsl.storage.linux.store.StoreDatabase;
import org.nixwsl.storage.linux.store.StoreRow;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The directory {@code .nixwsl-copy} in the target of a copy that is not finished: a lock against a
 * second copy, and a journal of the store paths that are on the device. Its journal names the
 * source, so that a copy is taken up only from the same store. While it is there, everything else
 * in the target was put there by the copy; or, when the journal says that the copy updates a
 * finished store, by an earlier one, and then nothing of it is deleted.
 *
 * <p>Not thread-safe. Whoever opened it closes it.
 */
public final class CopyWorkspace implements AutoCloseable {
  /** The name of the directory in the target. */
  public static final String DIRECTORY = ".nixwsl-copy";

  /** The name of the file that says that a target is in use as storage: its copy is finished. */
  public static final String ID_FILE = ".nix-storage-id";

  /** The directory beside a target, or in it, that holds what is ours on the disk. */
  public static final String HOME = Trash.HOME;

  private static final Logger LOG = LoggerFactory.getLogger(CopyWorkspace.class);
  static final String JOURNAL = "journal";
  private static final String UPDATE = "update-";

  /** No store path has a space in its name. */
  private static final String READ_BACK = "read-back ";

  private static final String GONE = "gone ";

  static final String LOCK = "lock";
  static final String LINKS = "links";

  /**
   * The workspaces that this process has open, by device and inode. A file lock belongs to the
   * whole process and is lost when any channel of its file is closed, so that a second copy in the
   * same process must not even open the file.
   */
  static final Set<Object> OPEN_HERE = ConcurrentHashMap.newKeySet();

  private final Path target;
  private final Path directory;
  private final Object key;
  private final FileChannel lock;
  private final LineJournal journal;
  private final Map<String, String> done = new HashMap<>();
  private final Set<String> readBack = new HashSet<>();
  private final boolean takenUp;
  private final boolean merges;
  private final Optional<Trash> trash;
  private boolean closed;

  private CopyWorkspace(
      Path target,
      Object key,
      FileChannel lock,
      LineJournal journal,
      List<String> lines,
      boolean takenUp)
      throws IOException {
    this.takenUp = takenUp;
    this.target = target;
    this.key = key;
    this.directory = target.resolve(DIRECTORY);
    this.lock = lock;
    this.journal = journal;
    this.merges = lines.get(0).startsWith(Occupation.MERGE);
    lines.subList(1, lines.size()).forEach(line -> takeUp(line, done, readBack));
    Optional<Integer> number = updateIn(lines);
    this.trash = number.isEmpty() ? Optional.empty() : Optional.of(Trash.of(target, number.get()));
  }

  /**
   * A store path that is on the device.
   *
   * @param name its name in the store directory
   * @param hash the NAR hash of what was copied, in any text form without spaces
   */
  public record Done(String name, String hash) {}

  /**
   * Makes or takes up the workspace; the target directory is made when it is not there, closed to
   * others.
   *
   * @throws ConflictException {@code STORAGE_BUSY} if another copy has it, {@code TARGET_NOT_EMPTY}
   *     if it came to hold something else since it was looked at
   */
  public static CopyWorkspace open(CopyRequest request, Operation operation)
      throws IOException, InterruptedException {
    return open(request, false, operation);
  }

  /**
   * Opens the workspace of a copy into a store that stays one: everything in the target that is not
   * in the journal was there before. What is taken out of it is kept.
   *
   * @throws ConflictException {@code STORAGE_BUSY} if another copy has it, {@code TARGET_NOT_EMPTY}
   *     if what has its name is not ours
   */
  public static CopyWorkspace openInStore(CopyRequest request, Operation operation)
      throws IOException, InterruptedException {
    return open(request, true, operation);
  }

  /**
   * The store paths that earlier calls of the same copy into a store that stays one brought to the
   * device: name and hash. Changes nothing.
   */
  public static Map<String, String> broughtBefore(CopyRequest request) throws IOException {
    Path directory = request.target().directory().resolve(DIRECTORY);
    Map<String, String> brought = new HashMap<>();
    if (Files.exists(directory, LinkOption.NOFOLLOW_LINKS)
        && Occupation.isOurs(directory)
        && Occupation.mergeHeaderFor(request.source()).equals(Occupation.header(directory))) {
      List<String> lines = LineJournal.read(directory.resolve(JOURNAL));
      lines.subList(1, lines.size()).forEach(line -> takeUp(line, brought, new HashSet<>()));
    }
    return brought;
  }

  private static CopyWorkspace open(CopyRequest request, boolean merge, Operation operation)
      throws IOException, InterruptedException {
    Path target = request.target().directory();
    Path directory = target.resolve(DIRECTORY);
    Path parent = target.getParent();
    if (parent != null) {
      Files.createDirectories(parent);
    }
    makePrivateDirectory(target);
    makePrivateDirectory(directory);
    Object key = Files.readAttributes(directory, "unix:dev,ino", LinkOption.NOFOLLOW_LINKS);
    if (!OPEN_HERE.add(key)) {
      throw busy(request.target(), null);
    }
    try {
      return openAlone(request, merge, key, operation);
    } catch (Throwable e) {
      OPEN_HERE.remove(key);
      throw e;
    }
  }

  private static CopyWorkspace openAlone(
      CopyRequest request, boolean merge, Object key, Operation operation)
      throws IOException, InterruptedException {
    Path target = request.target().directory();
    Path directory = target.resolve(DIRECTORY);
    FileChannel lock =
        FileChannel.open(
            directory.resolve(LOCK),
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            LinkOption.NOFOLLOW_LINKS);
    try {
      lockOrRefuse(lock, request.target());
      Occupation occupation = merge ? merging(request, directory) : Occupation.of(request);
      if (occupation == Occupation.FINISHED && request.update()) {
        LineJournal.replace(directory.resolve(JOURNAL), linesOfFinished(request, operation));
      } else if (occupation == Occupation.FREE) {
        Files.deleteIfExists(directory.resolve(JOURNAL));
        LineJournal.create(directory.resolve(JOURNAL), Occupation.headerFor(request.source()));
      } else if (occupation != Occupation.RESUMABLE) {
        throw TargetChecks.notEmpty(request.target(), occupation);
      }
      sweep(target);
      makePrivateDirectory(directory.resolve(LINKS));
      List<String> lines = new ArrayList<>();
      LineJournal journal = LineJournal.open(directory.resolve(JOURNAL), lines);
      return new CopyWorkspace(target, key, lock, journal, lines, occupation != Occupation.FREE);
    } catch (Throwable e) {
      lock.close();
      throw e;
    }
  }

  /** Under the lock nobody writes an id: one that is half there was left by a crash. */
  private static void sweep(Path target) throws IOException {
    List<Path> left = new ArrayList<>();
    DirectoryEntries.each(
        target,
        entry -> {
          if (PathBytes.printable(PathBytes.ofName(entry))
              .startsWith(DurableFiles.TEMPORARY_PREFIX)) {
            left.add(entry);
          }
        });
    for (Path file : left) {
      TreeRemoval.remove(file);
    }
  }

  /** What another copy left there that will not be gone on with is nothing that a store knows. */
  private static Occupation merging(CopyRequest request, Path directory)
      throws IOException, InterruptedException {
    if (!Occupation.isOurs(directory)) {
      return Occupation.FOREIGN;
    }
    String header = Occupation.mergeHeaderFor(request.source());
    if (!header.equals(Occupation.header(directory))) {
      int number = Trash.freeNumber(request.target().directory());
      LineJournal.replace(directory.resolve(JOURNAL), List.of(header, UPDATE + number));
    }
    return Occupation.RESUMABLE;
  }

  /** The store paths that earlier calls brought to the device: name and hash. Unmodifiable. */
  public Map<String, String> doneBefore() {
    return Collections.unmodifiableMap(done);
  }

  /** Which of {@link #doneBefore} came back from the device as they were written. Unmodifiable. */
  public Set<String> readBackBefore() {
    return Collections.unmodifiableSet(readBack);
  }

  /**
   * Notes store paths durably.
   *
   * @param paths are on the device under their final names
   * @param readBack came back from the device as they were written
   */
  public void record(List<Done> paths, List<String> readBack) throws IOException {
    List<String> lines = new ArrayList<>();
    readBack.forEach(name -> lines.add(READ_BACK + name));
    paths.forEach(path -> lines.add(path.name() + " " + path.hash()));
    journal.append(lines);
  }

  /**
   * Notes durably that store paths are about to be removed from the target, or are not there any
   * more: what the journal said of them is not true of a copy that is made anew.
   */
  public void recordGone(Collection<String> names) throws IOException {
    journal.append(names.stream().map(name -> GONE + name).toList());
  }

  /** Whether an earlier call left something in the target. */
  public boolean takenUp() {
    return takenUp;
  }

  /** Whether the target is a store that stays one while this copy adds to it. */
  public boolean merges() {
    return merges;
  }

  /** The journal, a file that is never empty. */
  public Path journal() {
    return directory.resolve(JOURNAL);
  }

  /** Whether the target was a store when this copy began: what is taken out of it is kept. */
  public boolean updates() {
    return trash.isPresent();
  }

  /**
   * Takes something out of the target: to the trash if it may have been part of a finished store,
   * else for good. Nothing happens if it is not there.
   *
   * @param place its whole path
   */
  public void discard(Path place) throws IOException {
    if (trash.isPresent()) {
      trash.get().take(target, target.relativize(place));
    } else {
      TreeRemoval.remove(place);
    }
  }

  /** Where {@link #discard} put what it took; empty when it took nothing that is kept. */
  public Optional<Path> trash() {
    return trash
        .map(Trash::directory)
        .filter(directory -> Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS));
  }

  /** A directory for files of ours that may come and go. */
  public Path directory() {
    return directory;
  }

  /** A directory for hard links to files that the copy may meet again. */
  public Path links() {
    return directory.resolve(LINKS);
  }

  /** Lets go of the lock and leaves everything for the next call. Idempotent. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    closeQuietly(journal);
    closeQuietly(lock);
    OPEN_HERE.remove(key);
  }

  /** Every line was forced when it was written: there is nothing left to lose. */
  private void closeQuietly(Closeable part) {
    try {
      part.close();
    } catch (IOException e) {
      LOG.debug("closing {}", directory, e);
    }
  }

  /** Removes the workspace: what is in the target is no longer an unfinished copy. Closes it. */
  public void remove() throws IOException, InterruptedException {
    // As long as the journal is there, another call can end what was cut short here; as long as the
    // lock is there, it cannot begin meanwhile. What is left without the journal is tidied.
    Set<Path> last = Set.of(directory.resolve(JOURNAL), directory.resolve(LOCK));
    DirectoryEntries.each(
        directory,
        entry -> {
          if (!last.contains(entry)) {
            TreeRemoval.remove(entry);
          }
        });
    TreeRemoval.remove(directory.resolve(JOURNAL));
    DurableFiles.forceDirectory(directory);
    TreeRemoval.remove(directory);
    DurableFiles.forceDirectory(target);
    close();
  }

  private static void lockOrRefuse(FileChannel lock, NixStore target) throws IOException {
    try {
      if (lock.tryLock() != null) {
        return;
      }
    } catch (OverlappingFileLockException inThisProcess) {
      throw busy(target, inThisProcess);
    }
    throw busy(target, null);
  }

  private static ConflictException busy(NixStore target, @Nullable Throwable cause) {
    Problem problem =
        Problem.of(
                ErrorCode.STORAGE_BUSY,
                "Cannot copy to "
                    + PathBytes.printable(target.directory())
                    + ": another copy is running into it.",
                "Wait until it ends and call again.")
            .mayGoAway();
    return cause == null ? new ConflictException(problem) : new ConflictException(problem, cause);
  }

  /** The target's own database says what is in it; a store path without a hash is copied anew. */
  private static List<String> linesOfFinished(CopyRequest request, Operation operation)
      throws IOException {
    List<String> lines = new ArrayList<>();
    lines.add(Occupation.headerFor(request.source()));
    lines.add(UPDATE + Trash.freeNumber(request.target().directory()));
    for (StoreRow row : StoreDatabase.of(request.target()).read(operation).rows()) {
      row.hash()
          .filter(hash -> !hash.unknown())
          .ifPresent(hash -> lines.add(row.name() + " " + hash.toHex()));
    }
    return lines;
  }

  static Optional<Integer> updateIn(List<String> lines) {
    return lines.stream()
        .filter(line -> line.matches(UPDATE + "[0-9]{1,9}"))
        .map(line -> Integer.valueOf(line.substring(UPDATE.length())))
        .findFirst();
  }

  /** A path that was copied once more has to be read back once more. */
  private static void takeUp(String line, Map<String, String> done, Set<String> readBack) {
    int space = line.indexOf(' ');
    if (line.startsWith(READ_BACK)) {
      readBack.add(line.substring(READ_BACK.length()));
    } else if (line.startsWith(GONE)) {
      String name = line.substring(GONE.length());
      done.remove(name);
      readBack.remove(name);
    } else if (space > 0) {
      String name = line.substring(0, space);
      done.put(name, line.substring(space + 1));
      readBack.remove(name);
    }
  }

  private static void makePrivateDirectory(Path directory) throws IOException {
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
