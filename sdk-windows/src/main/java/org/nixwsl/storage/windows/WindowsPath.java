package org.nixwsl.storage.windows;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;

/**
 * Paths as WSL compares them. The path under which a disk is attached is its identity: WSL opens
 * the file, asks Windows for its final path and keeps that text. While the virtual machine is
 * stopped, {@code --unmount} finds a disk by exactly that text only.
 */
final class WindowsPath {
  private WindowsPath() {}

  /**
   * The final path of a file that is there: links and junctions resolved, letters as on the disk.
   *
   * @throws EnvironmentException {@code NOT_FOUND}
   */
  static String finalPath(Path file) throws IOException {
    try {
      return extended(file.toRealPath().toString());
    } catch (NoSuchFileException e) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.NOT_FOUND,
              "There is no disk file " + file + ".",
              "Check that the drive is connected, or create the disk first."),
          e);
    }
  }

  /** The final path, or the path as given where the file is gone. */
  static String lastKnownPath(Path file) {
    try {
      return extended(file.toRealPath().toString());
    } catch (IOException goneOrItsDriveIs) {
      return extended(file.toAbsolutePath().normalize().toString());
    }
  }

  /**
   * The form of a path that is taken literally by Windows: {@code \\?\C:\...} for drives and {@code
   * \\?\UNC\server\share\...} for shares. What is no Windows path stays as it is.
   */
  static String extended(String path) {
    if (path.startsWith("\\\\?\\") || path.startsWith("\\\\.\\")) {
      return path;
    }
    if (path.startsWith("\\\\")) {
      return "\\\\?\\UNC\\" + path.substring(2);
    }
    boolean drive = path.length() >= 3 && path.charAt(1) == ':' && path.charAt(2) == '\\';
    return drive ? "\\\\?\\" + path : path;
  }
}
