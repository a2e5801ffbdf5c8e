package org.nixwsl.storage.linux.copy.destination;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.io.Caller;
import org.nixwsl.storage.core.io.DurableFiles;
import org.nixwsl.storage.core.io.LineJournal;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.linux.store.DirectoryEntries;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;

/** What a target directory is to a copy. */
enum Occupation {
  /** Absent, or empty but for what an empty file system has. */
  FREE,
  /** An unfinished copy of the same source. */
  RESUMABLE,
  /**
   * A store with its database and nothing else beside it: what a copy leaves that came to its end.
   */
  FINISHED,
  /** An unfinished copy of another source. */
  OTHER_COPY,
  /** Anything else. */
  FOREIGN;

  private static final int GROUP_AND_OTHERS = 0077;
  private static final String LOST_AND_FOUND = "lost+found";
  private static final Set<String> OWN_NAMES =
      Set.of(CopyWorkspace.JOURNAL, CopyWorkspace.LOCK, CopyWorkspace.LINKS);

  /** How names begin that the installers of Nix leave beside a store. */
  private static final List<String> INSTALLER =
      List.of("receipt.json", "nix-installer", ".nix-installer-hook");

  /** Looks at a target without changing it. */
  static Occupation of(CopyRequest request) throws IOException {
    Path target = request.target().directory();
    if (!Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
      return FREE;
    }
    if (!Files.isDirectory(target, LinkOption.NOFOLLOW_LINKS)) {
      return FOREIGN;
    }
    Path workspace = target.resolve(CopyWorkspace.DIRECTORY);
    if (Files.exists(target.resolve(CopyWorkspace.ID_FILE), LinkOption.NOFOLLOW_LINKS)) {
      return FOREIGN;
    }
    if (Files.exists(workspace, LinkOption.NOFOLLOW_LINKS)) {
      if (!isOurs(workspace)) {
        return FOREIGN;
      }
      @Nullable String header = header(workspace);
      if (header != null) {
        return header.equals(headerFor(request.source())) ? RESUMABLE : OTHER_COPY;
      }
      // Cut off before the journal came to be: nothing else may be there then.
      if (!onlyHolds(workspace, OWN_NAMES)) {
        return FOREIGN;
      }
      if (onlyHolds(target, Set.of(CopyWorkspace.DIRECTORY, LOST_AND_FOUND))) {
        return FREE;
      }
      return isFinished(request.target()) ? FINISHED : FOREIGN;
    }
    if (onlyHolds(target, Set.of(LOST_AND_FOUND))) {
      return FREE;
    }
    return isFinished(request.target()) ? FINISHED : FOREIGN;
  }

  /** Whether a directory is a store with its database, by real directories on the way to it. */
  static boolean isStore(NixStore target) throws IOException {
    for (Path directory :
        List.of(
            target.storeDirectory(),
            target.directory().resolve("var"),
            target.stateDirectory(),
            target.stateDirectory().resolve("db"))) {
      if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
        return false;
      }
    }
    return Files.isRegularFile(target.database(), LinkOption.NOFOLLOW_LINKS);
  }

  /** By its own names only: whatever else lies there was put there by somebody. */
  private static boolean isFinished(NixStore target) throws IOException {
    if (!isStore(target)) {
      return false;
    }
    Set<String> names = new HashSet<>();
    DirectoryEntries.each(
        target.directory(), entry -> names.add(PathBytes.printable(PathBytes.ofName(entry))));
    names.removeAll(Set.of("store", "var", LOST_AND_FOUND, Trash.HOME, CopyWorkspace.DIRECTORY));
    names.removeIf(name -> INSTALLER.stream().anyMatch(name::startsWith));
    return names.isEmpty();
  }

  /** The first line of a workspace's journal; null if it has none yet. */
  static @Nullable String header(Path workspace) throws IOException {
    try {
      List<String> lines = LineJournal.read(workspace.resolve(CopyWorkspace.JOURNAL));
      return lines.isEmpty() ? null : lines.get(0);
    } catch (NoSuchFileException notYet) {
      return null;
    }
  }

  /** How a journal begins whose copy goes into a store that stays. */
  static final String MERGE = "nixwsl-merge ";

  /** The place and the inode of its database stand for a store. */
  static String headerFor(NixStore source) throws IOException {
    return "nixwsl-copy " + version1(source);
  }

  /** As {@link #headerFor}, of a copy into a store that stays: no other copy takes it up. */
  static String mergeHeaderFor(NixStore source) throws IOException {
    return MERGE + version1(source);
  }

  private static String version1(NixStore source) throws IOException {
    Object inode = Files.getAttribute(source.database(), "unix:ino", LinkOption.NOFOLLOW_LINKS);
    return "1 " + inode + " " + PathBytes.printable(source.directory());
  }

  /** Somebody else's journal would make us delete what it does not list. */
  static boolean isOurs(Path workspace) throws IOException {
    FileFacts facts = FileFacts.of(workspace);
    return facts.directory()
        && facts.uid() == Caller.uid()
        && (facts.permissions() & GROUP_AND_OTHERS) == 0;
  }

  /** Whether a directory holds no other names than these. */
  static boolean onlyHolds(Path directory, Set<String> names) throws IOException {
    Set<String> others = new HashSet<>();
    DirectoryEntries.each(
        directory, entry -> others.add(PathBytes.printable(PathBytes.ofName(entry))));
    others.removeAll(names);
    // What a crash left of a file that was about to get its name.
    others.removeIf(name -> name.startsWith(DurableFiles.TEMPORARY_PREFIX));
    return others.isEmpty();
  }
}
