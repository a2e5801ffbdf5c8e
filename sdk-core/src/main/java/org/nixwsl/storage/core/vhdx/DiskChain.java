package org.nixwsl.storage.core.vhdx;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.vhdx.findings.Findings;
import org.nixwsl.storage.core.vhdx.format.Fields;
import org.nixwsl.storage.core.vhdx.format.ParentLocator;
import org.nixwsl.storage.core.vhdx.log.LogReplay;
import org.nixwsl.storage.disk.DiskType;
import org.nixwsl.storage.disk.ParentAccess;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;

/**
 * A disk that is open for reading with its parent, the parent's parent, and so on (MS-VHDX section
 * 2.6.2.6). Every file of it is locked against writers and is closed with the chain. What a child
 * says of its parent is hostile until the ids fit: no file outside the child's folder is even
 * looked at unless the caller allows it.
 */
final class DiskChain implements Closeable {
  /** More files than that are taken for a trap: each costs a descriptor and the time to look. */
  static final int MOST_FILES = 64;

  private final ParentAccess access;
  private final Operation operation;
  private final Deque<LockedFile> files = new ArrayDeque<>();
  private final List<DiskContents.Layer> layers = new ArrayList<>();

  /** The changes that all logs together lay over their files, which bounds the memory for them. */
  private int piecesOfLogs;

  private DiskChain(ParentAccess access, Operation operation) {
    this.access = access;
    this.operation = operation;
  }

  /**
   * Opens the parents of a disk.
   *
   * @param file the disk; closed here if this fails, and with the chain if not
   * @param path where it was opened
   * @throws DiskException {@code VHDX_CORRUPT}, {@code VHDX_UNSUPPORTED}, {@code NOT_A_VHDX},
   *     {@code VHDX_IN_USE} of any file of the chain, {@code VHDX_PARENT_NOT_FOUND}, {@code
   *     VHDX_PARENT_OUTSIDE}, {@code VHDX_PARENT_MISMATCH}
   */
  static DiskChain open(LockedFile file, Path path, ParentAccess access, Operation operation)
      throws IOException, InterruptedException {
    DiskChain chain = new DiskChain(access, operation);
    chain.files.push(file);
    try {
      chain.follow(file, path);
      return chain;
    } catch (Throwable e) {
      try {
        chain.close();
      } catch (IOException closing) {
        e.addSuppressed(closing);
      }
      throw e;
    }
  }

  /** What a guest reads. */
  DiskContents contents() {
    return new DiskContents(layers);
  }

  @Override
  public void close() throws IOException {
    // The last is closed whatever the others do, and the first failure is the one that is told.
    IOException failure = null;
    while (!files.isEmpty()) {
      try {
        files.pop().close();
      } catch (IOException e) {
        if (failure == null) {
          failure = e;
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  private void follow(LockedFile first, Path path) throws IOException, InterruptedException {
    LockedFile file = first;
    Path place = path;
    while (true) {
      operation.checkCancelled();
      String name = PathBytes.printable(place);
      DiskImage image = VhdxEngine.sound(file, name, operation);
      piecesOfLogs += image.log().pieces();
      if (piecesOfLogs > LogReplay.MAX_PIECES) {
        throw refusal(
            ErrorCode.VHDX_UNSUPPORTED,
            "Cannot read "
                + PathBytes.printable(path)
                + ": its log and those of its parents have more changes than are handled.",
            "Repair the disk and each of its parents, which replays their logs.");
      }
      layers.add(new DiskContents.Layer(image, image.blockTable(), name));
      if (image.geometry().type() != DiskType.DIFFERENCING) {
        return;
      }
      Optional<ParentLocator> locator = image.metadata().parent().filter(ParentLocator::known);
      if (locator.isEmpty()) {
        throw refusal(
            ErrorCode.VHDX_UNSUPPORTED,
            "Cannot read " + name + ": how it names its parent is not known.",
            "Use the program that made the file.");
      }
      if (files.size() == MOST_FILES) {
        throw refusal(
            ErrorCode.VHDX_UNSUPPORTED,
            "Cannot read " + PathBytes.printable(path) + ": it has more than 63 parents.",
            "Merge the disks with the program that made them.");
      }
      Parent parent = new Search(image, locator.get(), place, name).run();
      boolean known = files.stream().anyMatch(parent.file::isSameFileAs);
      files.push(parent.file);
      if (known) {
        throw refusal(
            ErrorCode.VHDX_CORRUPT,
            "Cannot read "
                + PathBytes.printable(path)
                + ": "
                + PathBytes.printable(parent.place)
                + " is among its own parents.",
            "Take the files from a backup.");
      }
      file = parent.file;
      place = parent.place;
    }
  }

  private static DiskException refusal(ErrorCode code, String message, String remedy) {
    return new DiskException(Problem.of(code, message, remedy));
  }

  private record Parent(LockedFile file, Path place) {}

  /** The search for the parent of one disk. */
  private final class Search {
    private final DiskImage child;
    private final ParentLocator locator;
    private final Path folder;
    private final String name;
    private final List<String> tried = new ArrayList<>();
    private Optional<DiskException> wrong = Optional.empty();
    private Optional<DiskException> outside = Optional.empty();

    Search(DiskImage child, ParentLocator locator, Path place, String name) throws IOException {
      this.child = child;
      this.locator = locator;
      this.name = name;
      Path parent = place.toRealPath().getParent();
      if (parent == null) {
        throw new IOException("No folder of " + name);
      }
      this.folder = parent;
    }

    Parent run() throws IOException, InterruptedException {
      for (Map.Entry<String, String> path : locator.paths().entrySet()) {
        String shown = Fields.printable(path.getValue());
        tried.add(shown);
        Optional<Path> place = place(path.getKey(), path.getValue());
        if (place.isPresent() && allowed(place.get(), shown)) {
          Optional<Parent> parent = at(place.get(), shown);
          if (parent.isPresent()) {
            return parent.get();
          }
        }
      }
      throw wrong
          .or(() -> outside)
          .orElseGet(
              () ->
                  refusal(
                      ErrorCode.VHDX_PARENT_NOT_FOUND,
                      "Cannot read " + name + ": its parent is not at " + tried + ".",
                      "Put the parent disk where the child says it is, by a path that is valid on"
                          + " this system; other systems than Windows use the relative one only."));
    }

    /** Empty for a path that means nothing on this system. */
    private Optional<Path> place(String key, String value) {
      boolean windows = folder.getFileSystem().getSeparator().equals("\\");
      try {
        if (key.equals(ParentLocator.RELATIVE_PATH)) {
          Path relative =
              folder.getFileSystem().getPath(windows ? value : value.replace('\\', '/'));
          return relative.getRoot() == null
              ? Optional.of(folder.resolve(relative).normalize())
              : Optional.empty();
        }
        return windows
            ? Optional.of(folder.getFileSystem().getPath(value).normalize())
            : Optional.empty();
      } catch (InvalidPathException e) {
        return Optional.empty();
      }
    }

    private boolean allowed(Path place, String shown) {
      if (access == ParentAccess.ANYWHERE || place.startsWith(folder)) {
        return true;
      }
      outside =
          Optional.of(
              refusal(
                  ErrorCode.VHDX_PARENT_OUTSIDE,
                  "Cannot read "
                      + name
                      + ": its parent is said to be outside its folder, at "
                      + shown
                      + ".",
                  "If you trust the file, allow parents elsewhere (--parents-anywhere)."));
      return false;
    }

    /** The parent, if it is there. */
    private Optional<Parent> at(Path place, String shown) throws IOException, InterruptedException {
      Path real;
      try {
        real = place.toRealPath();
      } catch (FileSystemException e) {
        return Optional.empty(); // not there, or not to be seen by this user
      }
      if (!allowed(real, shown)) {
        return Optional.empty();
      }
      LockedFile file = LockedFile.open(real, operation);
      boolean taken = false;
      try {
        // A link that came into the way just now would have led somewhere else.
        if (real.toRealPath().equals(real) && fits(file, real)) {
          taken = true;
          return Optional.of(new Parent(file, real));
        }
        return Optional.empty();
      } finally {
        if (!taken) {
          file.close();
        }
      }
    }

    private boolean fits(LockedFile file, Path place) throws IOException {
      String parentName = PathBytes.printable(place);
      DiskImage parent = DiskImage.readStrictly(file, parentName, Findings.refusing(parentName));
      int sector = parent.geometry().logicalSectorSize();
      String reason;
      if (!locator.accepts(parent.header().dataWriteGuid())) {
        reason = "was changed since, or is another disk";
      } else if (sector != child.geometry().logicalSectorSize()) {
        reason = "has sectors of " + sector + " bytes, not those of the child";
      } else {
        return true;
      }
      wrong =
          Optional.of(
              refusal(
                  ErrorCode.VHDX_PARENT_MISMATCH,
                  "Cannot read " + name + ": its parent " + parentName + " " + reason + ".",
                  "Put the parent as it was when the child was made in that place."));
      return false;
    }
  }
}
