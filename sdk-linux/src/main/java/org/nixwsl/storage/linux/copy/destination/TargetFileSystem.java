package org.nixwsl.storage.linux.copy.destination;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;

/**
 * What Java cannot ask or tell the file system of a directory: free inodes, and to write out
 * everything. Thread-safe.
 */
public final class TargetFileSystem {
  /**
   * A slow disk may have gigabytes to write out; a sync that ends never is cut off all the same.
   */
  private static final Duration LONGEST_SYNC = Duration.ofHours(1);

  /** Below that nothing useful can be written. */
  private static final long FULL_BYTES = 1 << 20;

  private final ProcessRunner processes;
  private final Path directory;

  /**
   * The file system of a directory.
   *
   * @param directory must exist when a method is called
   */
  public TargetFileSystem(ProcessRunner processes, Path directory) {
    this.processes = processes;
    this.directory = directory;
  }

  /**
   * What is free.
   *
   * @param bytes for callers that are not root, so without the reserve
   * @param inodes none where the file system makes inodes as it needs them
   * @param usedInodes how many are in use; none in the same case
   */
  public record Free(long bytes, OptionalLong inodes, OptionalLong usedInodes) {}

  /** Asks what is free. */
  public Free free(Operation operation) throws IOException, InterruptedException {
    // %S: fundamental block size, %a: blocks free to non-root, %c and %d: inodes, all and free.
    ProcessRunner.Result result =
        processes.runOk(onDirectory("stat", "-f", "-c", "%S %a %c %d"), operation);
    List<String> fields = Arrays.asList(result.text().strip().split(" "));
    try {
      long bytes = Math.multiplyExact(Long.parseLong(fields.get(0)), Long.parseLong(fields.get(1)));
      long inodes = Long.parseLong(fields.get(2));
      long free = Long.parseLong(fields.get(3));
      return inodes > 0
          ? new Free(bytes, OptionalLong.of(free), OptionalLong.of(inodes - free))
          : new Free(bytes, OptionalLong.empty(), OptionalLong.empty());
    } catch (NumberFormatException | IndexOutOfBoundsException | ArithmeticException e) {
      throw new IOException("stat -f printed what makes no sense: " + result.text().strip(), e);
    }
  }

  /**
   * Writes out everything that the file system holds back.
   *
   * @throws EnvironmentException {@code NO_SPACE} or {@code IO_FAILED}; what was written since the
   *     last good sync is then lost or not, and a second sync must not be believed: the kernel
   *     reports an error once
   */
  public void sync(Operation operation) throws IOException, InterruptedException {
    ProcessRunner.Result result =
        processes.run(onDirectory("sync", "-f").within(LONGEST_SYNC), operation);
    if (result.exitCode() == 0) {
      return;
    }
    String said = result.allText().strip();
    boolean full = said.contains("No space left");
    throw new EnvironmentException(
        Problem.of(
                full ? ErrorCode.NO_SPACE : ErrorCode.IO_FAILED,
                "Cannot write out the file system of "
                    + PathBytes.printable(directory)
                    + ": "
                    + said
                    + ".",
                full
                    ? "Make room on the disk below it and call again."
                    : "Look at the kernel's messages about the device and call again.")
            .leaving(StateLeft.RESUMABLE));
  }

  /**
   * The error to throw when something could not be written here.
   *
   * @return {@code NO_SPACE} or {@code IO_FAILED}, resumable
   * @throws org.nixwsl.storage.error.OperationCancelledException if that is why it failed: an
   *     interrupted write looks like an error of the device
   */
  public EnvironmentException failure(IOException cause, Operation operation)
      throws IOException, InterruptedException {
    operation.checkCancelled();
    boolean full = false;
    try {
      Free free = free(operation);
      // The text of the kernel's error depends on the locale, what is free does not.
      full = free.bytes() < FULL_BYTES || free.inodes().orElse(1) == 0;
    } catch (IOException | EnvironmentException deviceIsGone) {
      cause.addSuppressed(deviceIsGone);
    }
    return new EnvironmentException(
        Problem.of(
                full ? ErrorCode.NO_SPACE : ErrorCode.IO_FAILED,
                "Cannot copy to "
                    + PathBytes.printable(directory)
                    + ": "
                    + (full ? "its file system is full" : cause.toString())
                    + ".",
                full ? "Make room on that file system and call again." : remedy(cause))
            .leaving(StateLeft.RESUMABLE),
        cause);
  }

  /** By the kernel's words, which are in English or not known. */
  private static String remedy(IOException cause) {
    return String.valueOf(cause.getMessage()).contains("Read-only file system")
        ? "After an error of its device a file system takes no writes: unmount it, check it"
            + " (e2fsck, btrfs check), and call again."
        : "Look at the file or device that is named and call again.";
  }

  /** Through xargs, as a path of any bytes can go over a pipe and not as an argument. */
  private Command onDirectory(String... program) {
    List<String> argv = new ArrayList<>(List.of("xargs", "-0"));
    argv.addAll(List.of(program));
    argv.add("--");
    byte[] path = PathBytes.of(directory);
    byte[] input = Arrays.copyOf(path, path.length + 1);
    return Command.of(argv).reading(input);
  }
}
