package org.nixwsl.storage.core.migrate.stage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.migrate.Stage;
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

  /** The stages that write to the disk. */
  private static final Set<Stage> WRITING =
      EnumSet.of(Stage.ATTACH, Stage.COPY, Stage.STATE, Stage.PROVE, Stage.COMMIT);

  private static final String MAKE_ROOM = "Make room on that volume and resume the move.";

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

  /**
   * What to say of an error instead: empty unless the disk failed because its volume is full.
   *
   * @param under the stage that failed
   */
  public static Optional<Problem> explained(StorageSdkException e, Stage under, Attempt attempt) {
    Optional<Path> file = attempt.diskFile().filter(Files::exists);
    if (file.isEmpty() || !WRITING.contains(under) || !ASKED_FOR.contains(e.code())) {
      return Optional.empty();
    }
    try {
      long left = Files.getFileStore(file.get()).getUsableSpace();
      return left < RESERVE
          ? Optional.of(explained(e.problem(), file.get(), left))
          : Optional.empty();
    } catch (IOException notKnown) {
      LOG.debug("the volume of {} cannot be asked", file.get(), notKnown);
      return Optional.empty();
    }
  }

  /** What came back damaged is that for any reason, so it is said besides. */
  static Problem explained(Problem problem, Path disk, long left) {
    boolean damage = problem.code() == ErrorCode.TARGET_DAMAGED;
    return new Problem(
        damage ? problem.code() : ErrorCode.NO_SPACE,
        sentence(disk, left, problem.message()),
        damage ? "Make room on that volume. " + problem.remedy() : MAKE_ROOM,
        problem.retryable(),
        problem.stateLeft());
  }

  private static EnvironmentException full(Path disk, long left, String what) {
    return new EnvironmentException(
        Problem.of(ErrorCode.NO_SPACE, sentence(disk, left, what), MAKE_ROOM)
            .leaving(StateLeft.RESUMABLE));
  }

  private static String sentence(Path disk, long left, String what) {
    return what
        + (what.endsWith(".") ? " The" : ": the")
        + " volume of the disk "
        + PathBytes.printable(disk)
        + " has "
        + ByteSize.ofBytes(left)
        + " left, so that the disk cannot grow.";
  }
}
