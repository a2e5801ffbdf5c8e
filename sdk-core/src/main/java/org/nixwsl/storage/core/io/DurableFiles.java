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
 * leaves the target as it was and no temporary file; what could not be taken back is a suppressed
 * exception of the failure. A crash can leave a temporary file, never half a target; it is not
 * swept, because it cannot be told from one that another process is writing.
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
    create(target, contents, DurableFiles::forceDirectory);
  }

  /** {@link #create(Path, Contents)} with another way to force the directory, for tests. */
  static void create(Path target, Contents contents, Step forcing)
      throws IOException, InterruptedException {
    Path temporary = written(target, contents);
    orDelete(() -> moveToNew(temporary, target), temporary);
    // Nobody was told of the file: until it is durable it is taken back.
    orDelete(
        () -> {
          Files.deleteIfExists(temporary);
          forcing.apply(parent(target));
        },
        target,
        temporary);
  }

  /**
   * Makes a file or replaces the one that is there. If forcing the directory is what fails, the new
   * contents are in place, and a crash may bring the old ones back.
   */
  public static void replace(Path target, Contents contents)
      throws IOException, InterruptedException {
    Path temporary = written(target, contents);
    orDelete(() -> Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE), temporary);
    forceDirectory(parent(target));
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

  /** Does something to a directory. */
  @FunctionalInterface
  interface Step {
    /** Does it. */
    void apply(Path directory) throws IOException;
  }

  @FunctionalInterface
  private interface Work {
    void run() throws IOException, InterruptedException;
  }

  /** Writes a temporary file beside the target, forced to the device. */
  private static Path written(Path target, Contents contents)
      throws IOException, InterruptedException {
    Path temporary = parent(target).resolve(TEMPORARY_PREFIX + UUID.randomUUID());
    orDelete(
        () -> {
          try (FileChannel channel =
              FileChannel.open(
                  temporary,
                  StandardOpenOption.CREATE_NEW,
                  StandardOpenOption.READ,
                  StandardOpenOption.WRITE)) {
            contents.writeTo(channel);
            channel.force(true);
          }
        },
        temporary);
    return temporary;
  }

  /** Does a step, or deletes files of ours. */
  private static void orDelete(Work step, Path... ours) throws IOException, InterruptedException {
    try {
      step.run();
    } catch (Throwable e) {
      for (Path file : ours) {
        try {
          Files.deleteIfExists(file);
        } catch (IOException cleaning) {
          e.addSuppressed(cleaning);
        }
      }
      throw e;
    }
  }

  private static Path parent(Path target) throws IOException {
    Path parent = target.toAbsolutePath().getParent();
    if (parent == null) {
      throw new IOException("Not a file name: " + target);
    }
    return parent;
  }

  /**
   * A hard link fails when the name is taken, which a rename on POSIX does not. Where there are no
   * hard links a plain move is all there is: on Windows it fails in that case too; elsewhere (FAT
   * on Linux) the JDK only looks before it moves. The temporary file may stay.
   */
  private static void moveToNew(Path temporary, Path target) throws IOException {
    try {
      Files.createLink(target, temporary);
    } catch (FileAlreadyExistsException e) {
      throw e;
    } catch (FileSystemException | UnsupportedOperationException e) {
      Files.move(temporary, target);
    }
  }
}
