package org.nixwsl.storage.linux.copy.tree;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.Set;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.linux.store.TreeSink;

/**
 * Makes files, symlinks and directories in the target with the owner, mode and time of their
 * sources. Everything new lies in a directory that is closed to others until it is finished, so
 * that nobody can put a symlink in the way. Thread-safe.
 *
 * <p>Java sets the times of symlinks with microseconds only; all others have nanoseconds.
 */
public final class NodeMaker {
  private static final int SET_ID_AND_STICKY = 07000;

  /** Runs of zero bytes shorter than that are written: holes cost extents. */
  private static final int HOLE_BYTES = 64 << 10;

  private static final FileAttribute<Set<PosixFilePermission>> PRIVATE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
  private static final PosixFilePermission[] LOW_TO_HIGH = {
    PosixFilePermission.OTHERS_EXECUTE,
    PosixFilePermission.OTHERS_WRITE,
    PosixFilePermission.OTHERS_READ,
    PosixFilePermission.GROUP_EXECUTE,
    PosixFilePermission.GROUP_WRITE,
    PosixFilePermission.GROUP_READ,
    PosixFilePermission.OWNER_EXECUTE,
    PosixFilePermission.OWNER_WRITE,
    PosixFilePermission.OWNER_READ
  };

  private final int uid;
  private final int gid;
  private final int umask;

  private NodeMaker(int uid, int gid, int umask) {
    this.uid = uid;
    this.gid = gid;
    this.umask = umask;
  }

  /**
   * Learns from a new file what a file gets by itself.
   *
   * @param workspace a directory of ours on the target's file system
   */
  public static NodeMaker probing(Path workspace) throws IOException {
    Path probe = workspace.resolve("probe");
    Files.deleteIfExists(probe);
    Files.createFile(
        probe, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxrwxrwx")));
    FileFacts facts = FileFacts.of(probe);
    Files.delete(probe);
    return new NodeMaker(facts.uid(), facts.gid(), 0777 & ~facts.mode());
  }

  /** Makes a directory that only its owner can enter. */
  public void directory(Path at) throws IOException {
    Files.createDirectory(at, PRIVATE);
  }

  /** Closes a directory of ours to others again, until it is finished. */
  public void close(Path at) throws IOException {
    Files.setAttribute(at, "unix:mode", 0700, LinkOption.NOFOLLOW_LINKS);
  }

  /** Opens a finished directory to others; after its last child. */
  public void finish(Path at, FileFacts source) throws IOException {
    own(at, source);
    // After the owner: a change of owner clears the set-id bits.
    Files.setAttribute(at, "unix:mode", source.permissions(), LinkOption.NOFOLLOW_LINKS);
    setTime(at, source);
  }

  /** Makes a symlink. */
  public void symlink(Path at, Path target, FileFacts source) throws IOException {
    Files.createSymbolicLink(at, target);
    own(at, source);
    setTime(at, source);
  }

  /** Makes a file, to be filled; nothing may be at its place. */
  public FileMaking file(Path at, FileFacts source) throws IOException {
    FileAttribute<Set<PosixFilePermission>> mode =
        PosixFilePermissions.asFileAttribute(permissions(source.permissions()));
    FileChannel channel =
        FileChannel.open(
            at,
            Set.of(
                StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS),
            mode);
    return new FileMaking(at, source, channel);
  }

  private void own(Path at, FileFacts source) throws IOException {
    if (source.uid() != uid) {
      Files.setAttribute(at, "unix:uid", source.uid(), LinkOption.NOFOLLOW_LINKS);
    }
    if (source.gid() != gid) {
      Files.setAttribute(at, "unix:gid", source.gid(), LinkOption.NOFOLLOW_LINKS);
    }
  }

  private static void setTime(Path at, FileFacts source) throws IOException {
    // Told not to follow symlinks, Java first looks what it has; we know what we made.
    BasicFileAttributeView view =
        source.symlink()
            ? Files.getFileAttributeView(
                at, BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
            : Files.getFileAttributeView(at, BasicFileAttributeView.class);
    // With an access time given, Java need not look up the old one.
    view.setTimes(source.modified(), source.modified(), null);
  }

  private static Set<PosixFilePermission> permissions(int mode) {
    Set<PosixFilePermission> set = EnumSet.noneOf(PosixFilePermission.class);
    for (int bit = 0; bit < LOW_TO_HIGH.length; bit++) {
      if ((mode & (1 << bit)) != 0) {
        set.add(LOW_TO_HIGH[bit]);
      }
    }
    return set;
  }

  /** A file on its way. Not thread-safe. */
  public final class FileMaking implements TreeSink.FileSink {
    private final Path at;
    private final FileFacts source;
    private final FileChannel channel;
    private long length;
    private boolean endsInHole;

    private FileMaking(Path at, FileFacts source, FileChannel channel) {
      this.at = at;
      this.source = source;
      this.channel = channel;
    }

    @Override
    public void write(ByteBuffer bytes) throws IOException {
      int end = bytes.limit();
      while (bytes.position() < end) {
        int piece = Math.min(HOLE_BYTES, end - bytes.position());
        if (piece == HOLE_BYTES && onlyZeros(bytes, piece)) {
          bytes.position(bytes.position() + piece);
          length += piece;
          channel.position(length);
          endsInHole = true;
          continue;
        }
        int stop = piece < HOLE_BYTES ? end : endOfData(bytes, end);
        bytes.limit(stop);
        length += bytes.remaining();
        while (bytes.hasRemaining()) {
          channel.write(bytes);
        }
        bytes.limit(end);
        endsInHole = false;
      }
    }

    /** Closes the file and gives it owner, mode and time. */
    @Override
    public void close() throws IOException {
      try (FileChannel closing = channel) {
        if (endsInHole) {
          closing.write(ByteBuffer.allocate(1), length - 1);
        }
      }
      own(at, source);
      boolean owned = source.uid() != uid || source.gid() != gid;
      int mode = source.permissions();
      if (owned || (mode & (SET_ID_AND_STICKY | umask)) != 0) {
        Files.setAttribute(at, "unix:mode", mode, LinkOption.NOFOLLOW_LINKS);
      }
      setTime(at, source);
    }

    /** Where the next hole begins, or the end: what lies before is written in one call. */
    private int endOfData(ByteBuffer bytes, int end) {
      int position = bytes.position();
      int stop = position + HOLE_BYTES;
      while (stop + HOLE_BYTES <= end) {
        bytes.position(stop);
        if (onlyZeros(bytes, HOLE_BYTES)) {
          break;
        }
        stop += HOLE_BYTES;
      }
      bytes.position(position);
      return stop + HOLE_BYTES <= end ? stop : end;
    }

    private static boolean onlyZeros(ByteBuffer bytes, int count) {
      int from = bytes.position();
      for (int i = 0; i < count; i += Long.BYTES) {
        if (bytes.getLong(from + i) != 0) {
          return false;
        }
      }
      return true;
    }
  }
}
