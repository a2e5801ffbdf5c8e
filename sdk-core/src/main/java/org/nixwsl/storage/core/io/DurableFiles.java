package org.nixwsl.storage.core.io;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/**
 * The only way a file of ours comes to be or changes: written beside its target under a private
 * name, forced to the device, moved into place in one step, and the directory forced. A failure
 * leaves the target as it was and no temporary file.
 */
public final class DurableFiles {
  /** How names of temporary files begin. */
  public static final String TEMPORARY_PREFIX = ".nixwsl-tmp-";

  private DurableFiles() {}

  /** Writes the contents of a new file. */
  @FunctionalInterface
  public interface Contents {
    /** Writes to the channel, which is empty, readable, and closed by the caller of this method. */
    void writeTo(FileChannel channel) throws IOException, InterruptedException;
  }

  /**
   * Makes a file that must not be there yet.
   *
   * @throws FileAlreadyExistsException if it is, also if it came while the contents were written
   */
  public static void create(Path target, Contents contents)
      throws IOException, InterruptedException {
    if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
      throw new FileAlreadyExistsException(target.toString());
    }
    write(target, contents, temporary -> moveToNew(temporary, target));
  }

  /** Makes a file or replaces the one that is there. */
  public static void replace(Path target, Contents contents)
      throws IOException, InterruptedException {
    write(
        target,
        contents,
        temporary -> Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE));
  }

  /**
   * Forces what a directory lists to the device; does nothing where directories cannot be opened.
   */
  public static void forceDirectory(Path directory) throws IOException {
    if (directory.getFileSystem().supportedFileAttributeViews().contains("posix")) {
      try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
        channel.force(true);
      }
    }
  }

  @FunctionalInterface
  private interface Placing {
    void place(Path temporary) throws IOException;
  }

  private static void write(Path target, Contents contents, Placing placing)
      throws IOException, InterruptedException {
    Path parent = target.toAbsolutePath().getParent();
    if (parent == null) {
      throw new IOException("Not a file name: " + target);
    }
    Path temporary = parent.resolve(TEMPORARY_PREFIX + UUID.randomUUID());
    try {
      try (FileChannel channel =
          FileChannel.open(
              temporary,
              StandardOpenOption.CREATE_NEW,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE)) {
        contents.writeTo(channel);
        channel.force(true);
      }
      placing.place(temporary);
    } catch (Throwable e) {
      try {
        Files.deleteIfExists(temporary);
      } catch (IOException cleaning) {
        e.addSuppressed(cleaning);
      }
      throw e;
    }
    forceDirectory(parent);
  }

  /**
   * A hard link fails when the name is taken, which a rename on POSIX does not. Where there are no
   * hard links (some Windows file systems) a plain move fails in that case.
   */
  private static void moveToNew(Path temporary, Path target) throws IOException {
    try {
      Files.createLink(target, temporary);
    } catch (FileAlreadyExistsException e) {
      throw e;
    } catch (FileSystemException | UnsupportedOperationException e) {
      Files.move(temporary, target);
      return;
    }
    Files.delete(temporary);
  }
}
