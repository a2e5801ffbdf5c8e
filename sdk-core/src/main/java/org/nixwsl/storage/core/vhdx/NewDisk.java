package org.nixwsl.storage.core.vhdx;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.UUID;
import org.nixwsl.storage.core.io.DurableFiles;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.vhdx.findings.Findings;
import org.nixwsl.storage.core.vhdx.format.DiskBytes;
import org.nixwsl.storage.core.vhdx.format.Geometry;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskCopy;
import org.nixwsl.storage.disk.DiskCopyOptions;
import org.nixwsl.storage.disk.DiskInfo;
import org.nixwsl.storage.disk.DiskType;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.migrate.Stage;

/**
 * How the file of a new disk comes to be: as a whole or not at all, only where there is room for
 * it, and read back by the strict reader before it has its name.
 */
final class NewDisk {
  private static final String EXTENSION = ".vhdx";

  private NewDisk() {}

  /** Makes a disk that has no contents. */
  static DiskInfo create(Path file, String name, Geometry geometry, Operation operation)
      throws IOException, InterruptedException {
    return newFile(
        file,
        name,
        DiskCreation.fileLength(geometry),
        channel -> {
          DiskCreation.write(channel, geometry);
          if (geometry.type() == DiskType.FIXED) {
            operation.runStage(
                Stage.DISK,
                progress ->
                    DiskCreation.writeBlocks(
                        ChannelBytes.of(channel), geometry, operation, progress));
          }
          // Read back by the strict reader before the name is given.
          DiskInfo made = VhdxEngine.info(ChannelBytes.of(channel), name, operation);
          operation.checkCancelled();
          return made;
        });
  }

  /** Makes a disk with the contents of another one, and reads it back. */
  static DiskCopy copy(
      LockedFile source,
      DiskContents contents,
      Path target,
      String name,
      DiskCopyOptions options,
      Operation operation)
      throws IOException, InterruptedException {
    long start = operation.ticker().nanos();
    DiskImage image = DiskImage.readStrictly(source, name, Findings.refusing(name));
    boolean other = options.newIdentity();
    UUID diskId = other ? UUID.randomUUID() : image.metadata().diskId();
    UUID dataId = other ? UUID.randomUUID() : image.header().dataWriteGuid();
    DiskCopier copier = new DiskCopier(contents, operation);
    DiskCopier.Copied[] copied = new DiskCopier.Copied[1];
    DiskInfo info =
        newFile(
            target,
            name,
            DiskCopier.leastLength(DiskCopier.geometryOf(contents.geometry())),
            channel -> {
              copied[0] = copier.copyTo(channel, diskId, dataId);
              DiskBytes bytes = ChannelBytes.of(channel);
              copier.verify(VhdxEngine.sound(bytes, name, operation), copied[0], name);
              operation.checkCancelled();
              return VhdxEngine.info(bytes, name, operation);
            });
    return new DiskCopy(
        info,
        ByteSize.ofBytes(copied[0].bytes()),
        copied[0].digest(),
        Duration.ofNanos(operation.ticker().nanos() - start));
  }

  /** Writes a new file and says what it is, before it has its name. */
  @FunctionalInterface
  private interface Writing {
    DiskInfo to(FileChannel channel) throws IOException, InterruptedException;
  }

  /**
   * Makes a file that is there as a whole or not at all.
   *
   * @param needed bytes that have to be free
   */
  private static DiskInfo newFile(Path file, String name, long needed, Writing writing)
      throws IOException, InterruptedException {
    try {
      if (Files.notExists(file, LinkOption.NOFOLLOW_LINKS)) {
        requireRoom(file, name, needed);
      }
      DiskInfo[] made = new DiskInfo[1];
      DurableFiles.create(file, channel -> made[0] = writing.to(channel));
      return made[0];
    } catch (FileAlreadyExistsException e) {
      throw new ConflictException(
          Problem.of(
              ErrorCode.ALREADY_EXISTS,
              "Cannot create " + name + ": it exists already.",
              "Choose another name, or remove it if it is not needed."),
          e);
    } catch (ClosedByInterruptException e) {
      throw e; // a cancellation, not an error of the file
    } catch (IOException e) {
      boolean noSpace = Operation.noSpace(e);
      throw new EnvironmentException(
          Problem.of(
                  noSpace ? ErrorCode.NO_SPACE : ErrorCode.IO_FAILED,
                  "Cannot create " + name + ": " + e + ".",
                  noSpace
                      ? "Make room on that file system and call again."
                      : "Look at the folder and its device, then call again.")
              .leaving(
                  // What could not be taken back is suppressed in the failure that made it
                  // necessary.
                  e.getSuppressed().length == 0
                      ? StateLeft.NOTHING_CHANGED
                      : StateLeft.NEEDS_CLEANUP),
          e);
    }
  }

  /**
   * A file system with holes would take the file without having the room for it, and fail its first
   * user instead.
   */
  private static void requireRoom(Path file, String name, long needed) throws IOException {
    Path folder = file.toAbsolutePath().getParent();
    long free = folder == null ? 0 : Files.getFileStore(folder).getUsableSpace();
    if (free < needed) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.NO_SPACE,
              "Cannot create "
                  + name
                  + ": a new disk of that size takes "
                  + ByteSize.ofBytes(needed)
                  + ", and "
                  + ByteSize.ofBytes(free)
                  + " are free.",
              "Make room on that file system, choose a smaller disk or larger blocks."));
    }
  }

  /**
   * Refuses a name that Windows would not attach, or one in a folder that is not there.
   *
   * @throws DiskException {@code BAD_SETTING}
   * @throws EnvironmentException {@code NOT_FOUND}
   */
  static void requireUsableName(Path file, String name) {
    if (!name.toLowerCase(Locale.ROOT).endsWith(EXTENSION)) {
      throw new DiskException(
          Problem.of(
              ErrorCode.BAD_SETTING,
              "Cannot create " + name + ": Windows attaches only files that end in .vhdx.",
              "Add the ending " + EXTENSION + "."));
    }
    Path folder = file.toAbsolutePath().getParent();
    if (folder == null || !Files.isDirectory(folder)) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.NOT_FOUND,
              "Cannot create " + name + ": the folder for it does not exist.",
              "Make the folder first."));
    }
  }
}
