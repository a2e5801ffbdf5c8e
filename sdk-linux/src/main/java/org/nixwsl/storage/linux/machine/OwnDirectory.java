package org.nixwsl.storage.linux.machine;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;

/** Directories of root in which nobody else can put anything. */
public final class OwnDirectory {
  /** The directory of the SDK on a machine: emptied by a restart. */
  public static final Path RUN = Path.of("/run/nixwsl");

  private OwnDirectory() {}

  /**
   * Makes a directory that others may list, or makes sure that the one that is there is such: what
   * stands in it is run and mounted by root.
   *
   * @throws EnvironmentException {@code NOT_ROOT} if it cannot be made, or is not safe
   */
  public static void make(Path directory) throws IOException {
    try {
      Files.createDirectory(directory, permissions("rwxr-xr-x"));
    } catch (FileAlreadyExistsException e) {
      PosixFileAttributes found =
          Files.readAttributes(directory, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      Set<PosixFilePermission> permissions = found.permissions();
      if (!found.isDirectory()
          || !Integer.valueOf(0)
              .equals(Files.getAttribute(directory, "unix:uid", LinkOption.NOFOLLOW_LINKS))
          || permissions.contains(PosixFilePermission.GROUP_WRITE)
          || permissions.contains(PosixFilePermission.OTHERS_WRITE)) {
        throw unusable(
            directory,
            "it is not a directory that belongs to root and that only root can write to",
            e);
      }
    } catch (FileSystemException e) {
      throw unusable(directory, String.valueOf(e.getMessage()), e);
    }
  }

  private static EnvironmentException unusable(Path directory, String why, IOException cause) {
    return new EnvironmentException(
        Problem.of(
            ErrorCode.NOT_ROOT,
            "Cannot use the directory " + directory + ": " + why + ".",
            "Run as root, with a /run that can be written to, and remove what stands there."),
        cause);
  }

  /** Permissions in the form of {@code ls -l}, for a file that is made. */
  public static FileAttribute<Set<PosixFilePermission>> permissions(String text) {
    return PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(text));
  }
}
