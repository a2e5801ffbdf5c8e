package org.nixwsl.storage.linux.copy.destination;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.Objects;

/**
 * Removes what an unfinished copy left. Follows no symlink, also none that somebody puts in the
 * place of a directory meanwhile: profiles belong to users, and root removes them. Each step
 * therefore starts from a directory that is open ({@code openat}, {@code unlinkat}). Memory and
 * open files grow with the depth of the tree alone.
 */
public final class TreeRemoval {
  private TreeRemoval() {}

  /** Removes a file, a symlink, or a directory with all that is in it; nothing if it is absent. */
  public static void remove(Path tree) throws IOException {
    Path absolute = tree.toAbsolutePath();
    Path parent =
        Objects.requireNonNull(absolute.getParent(), "the root of a file system is not removed");
    try (DirectoryStream<Path> opened = Files.newDirectoryStream(parent)) {
      remove(secure(opened, parent), absolute.getFileName());
    } catch (NoSuchFileException absent) {
      if (Files.exists(parent, LinkOption.NOFOLLOW_LINKS)) {
        throw absent;
      }
    }
  }

  /** A directory on the way down, and its name in the one above. */
  private record Frame(SecureDirectoryStream<Path> open, Iterator<Path> children, Path name) {}

  private static void remove(SecureDirectoryStream<Path> parent, Path name) throws IOException {
    Deque<Frame> stack = new ArrayDeque<>();
    try {
      visit(parent, name, stack);
      while (!stack.isEmpty()) {
        Frame frame = stack.element();
        if (frame.children().hasNext()) {
          visit(frame.open(), frame.children().next().getFileName(), stack);
          continue;
        }
        stack.remove();
        frame.open().close();
        Frame above = stack.peek();
        (above == null ? parent : above.open()).deleteDirectory(frame.name());
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    } finally {
      for (Frame frame : stack) {
        frame.open().close();
      }
    }
  }

  /** Removes a name that is no directory; a directory goes onto the stack. */
  private static void visit(SecureDirectoryStream<Path> in, Path name, Deque<Frame> stack)
      throws IOException {
    boolean directory;
    try {
      directory =
          in.getFileAttributeView(name, BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
              .readAttributes()
              .isDirectory();
    } catch (NoSuchFileException absent) {
      return;
    }
    if (!directory) {
      in.deleteFile(name);
      return;
    }
    SecureDirectoryStream<Path> opened = in.newDirectoryStream(name, LinkOption.NOFOLLOW_LINKS);
    try {
      // Store directories are not writable, which matters to callers that are not root.
      opened
          .getFileAttributeView(PosixFileAttributeView.class)
          .setPermissions(PosixFilePermissions.fromString("rwx------"));
      stack.push(new Frame(opened, opened.iterator(), name));
    } catch (Throwable e) {
      opened.close();
      throw e;
    }
  }

  private static SecureDirectoryStream<Path> secure(DirectoryStream<Path> opened, Path directory)
      throws IOException {
    if (opened instanceof SecureDirectoryStream<Path> secure) {
      return secure;
    }
    throw new IOException("This system cannot open files relative to " + directory);
  }
}
