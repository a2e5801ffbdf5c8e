package org.nixwsl.storage.linux.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Map;
import java.util.Objects;
import org.nixwsl.storage.core.io.Caller;

/**
 * What one {@code lstat} says of a file. A symlink is described itself, never what it points to.
 *
 * @param mode type and permission bits, as in {@code st_mode}
 * @param uid the owner's number
 * @param gid the group's number
 * @param inode the number of the file in its file system
 * @param device the file system
 * @param links how many names the file has
 * @param size the length in bytes
 * @param modified the time of the last change of the contents
 * @param changed the time of the last change of contents, owner, mode or number of names
 */
public record FileFacts(
    int mode,
    int uid,
    int gid,
    long inode,
    long device,
    int links,
    long size,
    FileTime modified,
    FileTime changed) {
  /** The permission bits of {@code st_mode}, set-id and sticky bits included. */
  public static final int PERMISSIONS = 07777;

  private static final String ATTRIBUTES =
      "unix:mode,uid,gid,ino,dev,nlink,size,lastModifiedTime,ctime";
  private static final int TYPE = 0170000;
  private static final int REGULAR = 0100000;
  private static final int DIRECTORY = 0040000;
  private static final int SYMLINK = 0120000;
  private static final int OWNER_EXECUTES = 0100;
  private static final int GROUP_OR_OTHERS_WRITE = 0022;

  /** Asks the kernel, in one call. */
  public static FileFacts of(Path file) throws IOException {
    Map<String, Object> all = Files.readAttributes(file, ATTRIBUTES, LinkOption.NOFOLLOW_LINKS);
    return new FileFacts(
        (Integer) value(all, "mode"),
        (Integer) value(all, "uid"),
        (Integer) value(all, "gid"),
        (Long) value(all, "ino"),
        (Long) value(all, "dev"),
        (Integer) value(all, "nlink"),
        (Long) value(all, "size"),
        (FileTime) value(all, "lastModifiedTime"),
        (FileTime) value(all, "ctime"));
  }

  private static Object value(Map<String, Object> all, String name) {
    return Objects.requireNonNull(all.get(name), name);
  }

  /** Whether it is a regular file. */
  public boolean regular() {
    return (mode & TYPE) == REGULAR;
  }

  /** Whether it is a directory. */
  public boolean directory() {
    return (mode & TYPE) == DIRECTORY;
  }

  /** Whether it is a symlink. */
  public boolean symlink() {
    return (mode & TYPE) == SYMLINK;
  }

  /** Whether a NAR calls it executable: the owner's bit alone decides. */
  public boolean executable() {
    return (mode & OWNER_EXECUTES) != 0;
  }

  /** Whether it is a directory of the caller's in which nobody else can put or replace anything. */
  public boolean directoryOfTheCaller() throws IOException {
    return directory() && uid == Caller.uid() && (mode & GROUP_OR_OTHERS_WRITE) == 0;
  }

  /** The permission bits alone. */
  public int permissions() {
    return mode & PERMISSIONS;
  }

  /** The type in words, for messages. */
  public String typeName() {
    return switch (mode & TYPE) {
      case REGULAR -> "regular file";
      case DIRECTORY -> "directory";
      case SYMLINK -> "symlink";
      case 0010000 -> "FIFO";
      case 0140000 -> "socket";
      case 0020000 -> "character device";
      case 0060000 -> "block device";
      default -> "file of unknown type";
    };
  }
}
