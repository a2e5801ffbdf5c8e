package org.nixwsl.storage.core.migrate.stage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The volume that has the file of the disk. While it is full, whoever writes to the disk is told
 * that all is well, until something is to be made durable: that fails once, without a reason that
 * names the volume, and what was written is lost. So it is looked at while a store is copied.
 */
public final class HostVolume {
  private static final Logger LOG = LoggerFactory.getLogger(HostVolume.class);

  /** Some blocks of a disk, and what else grows on a volume; far from what a copy needs. */
  private static final long RESERVE = 16L << 20;

  /** What a disk answers, through all that lies between, when its file cannot grow. */
  private static final Set<ErrorCode> ASKED_FOR =
      EnumSet.of(ErrorCode.IO_FAILED, ErrorCode.COMMAND_FAILED, ErrorCode.TARGET_DAMAGED);

  private final Path disk;
  private final Operation.Work<Long> free;
  private final long lengthBefore;

  /**
   * The volume of a file.
   *
   * @param free how many bytes this caller can still write there
   */
  HostVolume(Path disk, Operation.Work<Long> free) throws IOException {
    this.disk = disk;
    this.free = free;
    this.lengthBefore = Files.size(disk);
  }

  /** The volume of the file of a disk. */
  static HostVolume of(Path disk) throws IOException {
    return new HostVolume(disk, () -> Files.getFileStore(disk).getUsableSpace());
  }

  /**
   * Passes unless the disk grows and can hardly grow any more.
   *
   * @throws EnvironmentException {@code NO_SPACE}
   */
  void requireRoom() {
    Operation.quiet(
        "look at the volume of " + disk,
        operation -> {
          long left = free.run();
          if (left < RESERVE && Files.size(disk) > lengthBefore) {
            throw full(disk, left, "The copy was stopped");
          }
          return left;
        });
  }

  /** The error, or a better one where the disk failed because its volume is full. */
  public static StorageSdkException explained(StorageSdkException e, Attempt attempt) {
    Path file = attempt.diskFile().filter(Files::exists).orElse(null);
    if (file == null || !ASKED_FOR.contains(e.code())) {
      return e;
    }
    try {
      long left = Files.getFileStore(file).getUsableSpace();
      if (left >= RESERVE) {
        return e;
      }
      EnvironmentException better = full(file, left, e.problem().message());
      better.addSuppressed(e);
      return better;
    } catch (IOException notKnown) {
      LOG.debug("the volume of {} cannot be asked", file, notKnown);
      return e;
    }
  }

  private static EnvironmentException full(Path disk, long left, String what) {
    return new EnvironmentException(
        Problem.of(
                ErrorCode.NO_SPACE,
                what
                    + (what.endsWith(".") ? " The" : ": the")
                    + " volume of the disk "
                    + PathBytes.printable(disk)
                    + " has "
                    + ByteSize.ofBytes(left)
                    + " left, so that the disk cannot grow.",
                "Make room on that volume and resume the move.")
            .leaving(StateLeft.RESUMABLE));
  }
}
