package org.nixwsl.storage.linux.copy.destination;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.nixwsl.storage.core.io.DurableFiles;
import org.nixwsl.storage.core.io.LineJournal;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.store.DirectoryEntries;
import org.nixwsl.storage.linux.store.StoreDatabase;
import org.nixwsl.storage.linux.store.StoreRow;
import org.nixwsl.storage.store.NixStore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What copies leave that nobody goes on with. For targets only whose path nobody else can change.
 */
public final class Leftovers {
  private static final Logger LOG = LoggerFactory.getLogger(Leftovers.class);

  private Leftovers() {}

  /**
   * Removes what a copy left that came to its end and was killed before it had removed its
   * workspace. Does nothing to a target that may still be taken up, is in use, or is not ours.
   */
  public static void tidy(NixStore target) throws IOException, InterruptedException {
    Path directory = target.directory().resolve(CopyWorkspace.DIRECTORY);
    if (!isOurs(directory) || !cameToItsEnd(target, directory)) {
      return;
    }
    alone(directory, () -> TreeRemoval.remove(directory));
  }

  /**
   * Removes what a copy into a store that stays left of itself: its workspace, and the store paths
   * that it brought and that the database of the target does not know. What the database knows
   * stays, or comes back: where the copy put other contents under its name. Does nothing where no
   * such copy left anything, or where one is at work.
   *
   * @param privatePrefix how the names of store paths begin that are not whole yet
   */
  public static void removeMerge(NixStore target, String privatePrefix, Operation operation)
      throws IOException, InterruptedException {
    Path directory = target.directory().resolve(CopyWorkspace.DIRECTORY);
    if (!isOurs(directory) || !isMerge(directory)) {
      return;
    }
    alone(
        directory,
        () -> {
          Set<String> brought = new HashSet<>();
          List<String> lines = LineJournal.read(directory.resolve(CopyWorkspace.JOURNAL));
          for (String line : lines) {
            String name = line.substring(0, Math.max(0, line.indexOf(' ')));
            if (StoreRow.isStoreName(name)) {
              brought.add(name);
            }
          }
          Map<String, StoreRow> rows = StoreDatabase.of(target).read(operation).byName();
          brought.removeAll(rows.keySet());
          Optional<Integer> number = CopyWorkspace.updateIn(lines);
          if (number.isPresent()) {
            ReplacedPaths.putBack(
                target, Trash.of(target.directory(), number.get()), rows, operation);
          }
          List<Path> unknown = new ArrayList<>();
          DirectoryEntries.each(
              target.storeDirectory(),
              entry -> {
                String name = PathBytes.printable(PathBytes.ofName(entry));
                if (brought.contains(name) || name.startsWith(privatePrefix)) {
                  unknown.add(entry);
                }
              });
          for (Path entry : unknown) {
            TreeRemoval.remove(entry);
          }
          TreeRemoval.remove(directory);
        });
  }

  private static boolean isOurs(Path directory) throws IOException {
    return Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS) && Occupation.isOurs(directory);
  }

  private static boolean isMerge(Path directory) throws IOException {
    String header = Occupation.header(directory);
    return header != null && header.startsWith(Occupation.MERGE);
  }

  @FunctionalInterface
  private interface Removal {
    void run() throws IOException, InterruptedException;
  }

  /** Removes if no copy has the workspace open. */
  private static void alone(Path directory, Removal removal)
      throws IOException, InterruptedException {
    Object key = Files.readAttributes(directory, "unix:dev,ino", LinkOption.NOFOLLOW_LINKS);
    if (!CopyWorkspace.OPEN_HERE.add(key)) {
      return;
    }
    try (FileChannel lock =
        FileChannel.open(
            directory.resolve(CopyWorkspace.LOCK),
            StandardOpenOption.WRITE,
            LinkOption.NOFOLLOW_LINKS)) {
      if (lock.tryLock() != null) {
        removal.run();
        DurableFiles.forceDirectory(Objects.requireNonNull(directory.getParent()));
      }
    } catch (NoSuchFileException removedByAnother) {
      // The lock goes last: the directory is empty, or about to be.
      LOG.debug("{} is being removed already", directory, removedByAnother);
      removeEmpty(directory);
    } finally {
      CopyWorkspace.OPEN_HERE.remove(key);
    }
  }

  /** Whoever began to remove it may have been killed just before its end. */
  private static void removeEmpty(Path directory) throws IOException {
    try {
      Files.deleteIfExists(directory);
    } catch (DirectoryNotEmptyException takenAgain) {
      LOG.debug("{} is in use again", directory, takenAgain);
    }
  }

  /** The id comes after everything else, and the journal goes only then, or when there is no id. */
  private static boolean cameToItsEnd(NixStore target, Path workspace) throws IOException {
    return Files.exists(target.database(), LinkOption.NOFOLLOW_LINKS)
        && (Files.exists(
                target.directory().resolve(CopyWorkspace.ID_FILE), LinkOption.NOFOLLOW_LINKS)
            || Occupation.onlyHolds(workspace, Set.of(CopyWorkspace.LOCK)));
  }
}
