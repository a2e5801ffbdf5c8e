package org.nixwsl.storage.linux.copy.destination;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.store.NixStore;

/** Tries in the target what a store needs and no name of a file system promises. */
public final class TargetProbe {
  /** The longest name of a file in a store. */
  private static final int LONGEST_NAME = 255;

  private TargetProbe() {}

  /**
   * Tries hard links to files and to symlinks, upper and lower case, and a long name.
   *
   * @param workspace a directory of ours in the target; what is made there is removed again
   * @throws EnvironmentException {@code UNSUITABLE_FILE_SYSTEM}; {@code NO_SPACE} if it is full
   */
  public static void check(
      NixStore target, Path workspace, TargetFileSystem fileSystem, Operation operation)
      throws IOException, InterruptedException {
    Path directory = workspace.resolve("probes");
    Path file = directory.resolve("file");
    try {
      TreeRemoval.remove(directory);
      Files.createDirectory(directory);
      Files.createFile(file);
    } catch (IOException e) {
      throw fileSystem.failure(e, operation); // every file system can do that, unless it is broken
    }
    try {
      Path symlink = Files.createSymbolicLink(directory.resolve("symlink"), Path.of("file"));
      Files.createLink(directory.resolve("file-link"), file);
      Files.createLink(directory.resolve("symlink-link"), symlink);
      Files.createFile(directory.resolve("n".repeat(LONGEST_NAME)));
      if (Files.exists(directory.resolve("FILE"), LinkOption.NOFOLLOW_LINKS)) {
        throw unsuitable(target, "it takes upper and lower case for the same", null);
      }
      if (!Files.isSymbolicLink(directory.resolve("symlink-link"))) {
        throw unsuitable(target, "it does not link symlinks", null);
      }
    } catch (IOException e) {
      EnvironmentException failure = fileSystem.failure(e, operation);
      throw failure.code() == ErrorCode.NO_SPACE
          ? failure
          : unsuitable(target, "links or long names fail: " + e.getMessage(), e);
    } catch (UnsupportedOperationException e) {
      throw unsuitable(target, "links or long names fail: " + e.getMessage(), e);
    } finally {
      TreeRemoval.remove(directory);
    }
  }

  private static EnvironmentException unsuitable(
      NixStore target, String why, @org.jspecify.annotations.Nullable Exception cause) {
    Problem problem =
        Problem.of(
            ErrorCode.UNSUITABLE_FILE_SYSTEM,
            "The file system of "
                + PathBytes.printable(target.directory())
                + " cannot hold a store: "
                + why
                + ".",
            "Name a directory on ext4, xfs or btrfs.");
    return cause == null
        ? new EnvironmentException(problem)
        : new EnvironmentException(problem, cause);
  }
}
