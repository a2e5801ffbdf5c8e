package org.nixwsl.storage.core.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

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

  /** Until the file has its owner, nobody else reads it. */
  private static final FileAttribute<?> FOR_THE_OWNER =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

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
   * {@link #replace} of a file that keeps its owner, group and mode; POSIX only. The contents are
   * at no moment readable for anyone who could not read the file before.
   */
  public static void replaceKeepingOwner(Path target, Contents contents)
      throws IOException, InterruptedException {
    writeOwned(target, ownership(target), contents);
  }

  /**
   * Copies a regular file of ours with owner, group and mode; replaces what is there. POSIX only.
   */
  public static void copy(Path source, Path target) throws IOException, InterruptedException {
    byte[] bytes = Files.readAllBytes(source);
    writeOwned(target, ownership(source), channel -> writeFully(channel, bytes));
  }

  /** Makes or replaces a file of this user with that mode; POSIX only. */
  public static void replaceWithMode(Path target, int mode, Contents contents)
      throws IOException, InterruptedException {
    writeOwned(target, Map.of("mode", mode), contents);
  }

  /** Writes all bytes to a channel. */
  public static void writeFully(FileChannel channel, byte[] bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }

  /** Deletes a file, durably; nothing if it is not there. */
  public static void delete(Path file) throws IOException {
    if (Files.deleteIfExists(file)) {
      forceDirectory(parent(file));
    }
  }

  private static Map<String, Object> ownership(Path file) throws IOException {
    return Files.readAttributes(file, "unix:uid,gid,mode", LinkOption.NOFOLLOW_LINKS);
  }

  private static void writeOwned(Path target, Map<String, Object> ownership, Contents contents)
      throws IOException, InterruptedException {
    Path temporary = written(target, contents, FOR_THE_OWNER);
    orDelete(
        () -> {
          // The owner first: the kernel may take mode bits away when it changes.
          for (String attribute : List.of("uid", "gid", "mode")) {
            @Nullable Object value = ownership.get(attribute);
            if (value != null) {
              int bits = attribute.equals("mode") ? (Integer) value & 07777 : (Integer) value;
              Files.setAttribute(temporary, "unix:" + attribute, bits, LinkOption.NOFOLLOW_LINKS);
            }
          }
          try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
            channel.force(true);
          }
          Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        },
        temporary);
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
  private static Path written(Path target, Contents contents, FileAttribute<?>... attributes)
      throws IOException, InterruptedException {
    Path temporary = parent(target).resolve(TEMPORARY_PREFIX + UUID.randomUUID());
    orDelete(
        () -> {
          try (FileChannel channel =
              FileChannel.open(
                  temporary,
                  Set.of(
                      StandardOpenOption.CREATE_NEW,
                      StandardOpenOption.READ,
                      StandardOpenOption.WRITE),
                  attributes)) {
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
