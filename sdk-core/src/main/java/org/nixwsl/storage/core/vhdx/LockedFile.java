package org.nixwsl.storage.core.vhdx;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.vhdx.format.DiskBytes;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;

/**
 * A VHDX file that is open for reading and locked, so that no program that respects locks writes to
 * it meanwhile. Any number of readers may share a file, in this process and in others. A symbolic
 * link is followed. The one who opens closes; may be read from several threads.
 *
 * <p>POSIX gives locks to a process, and drops them when the process closes <em>any</em> of its
 * descriptors of the file. So all readers in this process share one descriptor, and the table of
 * them belongs to the process. A thread that is interrupted while it reads closes it for all of
 * them; the others get a {@link java.nio.channels.ClosedChannelException}.
 */
final class LockedFile implements DiskBytes, AutoCloseable {
  /** How long a lock that another program holds for a moment is waited for. */
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  /**
   * QEMU says by a shared lock on the byte 100 + n that it uses permission n of the file; 1 is to
   * write (QEMU 7.2, block/file-posix.c and include/block/block-common.h). Shared locks do not shut
   * each other out, so this byte is tried with an exclusive one.
   */
  private static final long QEMU_WRITES = 101;

  private static final Map<Object, Shared> OPEN = new HashMap<>();

  private final Shared shared;
  private final ChannelBytes bytes;
  private boolean closed;

  /** The descriptors of one file. Guarded by {@link #OPEN}. */
  private static final class Shared {
    final Object key;
    final FileChannel data;
    final FileChannel locks;
    int users;

    Shared(Object key, FileChannel data, FileChannel locks) {
      this.key = key;
      this.data = data;
      this.locks = locks;
    }

    void close() throws IOException {
      try (locks) {
        data.close();
      }
    }
  }

  private LockedFile(Shared shared, ChannelBytes bytes) {
    this.shared = shared;
    this.bytes = bytes;
  }

  /**
   * Opens and locks a file.
   *
   * @throws EnvironmentException {@code NOT_FOUND}
   * @throws DiskException {@code NOT_A_VHDX} if it is no regular file; {@code VHDX_IN_USE} if
   *     another program writes to it
   */
  static LockedFile open(Path path, Operation operation) throws IOException, InterruptedException {
    LockedFile first = tryOpen(path);
    if (first != null) {
      return first;
    }
    AtomicReference<@Nullable LockedFile> later = new AtomicReference<>();
    try {
      operation.await(
          "the lock of " + PathBytes.printable(path),
          PATIENCE,
          () -> {
            later.set(tryOpen(path));
            return later.get() != null;
          });
    } catch (Throwable e) {
      // Cancelled just when it was had.
      LockedFile had = later.get();
      if (had != null) {
        had.close();
      }
      throw e;
    }
    LockedFile file = later.get();
    if (file == null) {
      throw inUse(path);
    }
    return file;
  }

  @Override
  public long size() {
    return bytes.size();
  }

  @Override
  public void read(long offset, ByteBuffer target) throws IOException {
    bytes.read(offset, target);
  }

  @Override
  public void close() throws IOException {
    synchronized (OPEN) {
      if (closed) {
        return;
      }
      closed = true;
      shared.users--;
      if (shared.users == 0) {
        OPEN.remove(shared.key);
        shared.close();
      }
    }
  }

  /** One attempt; null if the file is in use. */
  private static @Nullable LockedFile tryOpen(Path path) throws IOException {
    synchronized (OPEN) {
      Object key = key(path);
      Shared known = OPEN.get(key);
      if (known != null && !known.data.isOpen()) {
        // Closed by an interrupt, and its locks are held until its last user has noticed.
        return null;
      }
      Shared shared = known == null ? openAndLock(path, key) : known;
      if (shared == null) {
        return null;
      }
      boolean done = false;
      try {
        LockedFile file = new LockedFile(shared, ChannelBytes.of(shared.data));
        shared.users++;
        OPEN.put(key, shared);
        done = true;
        return file;
      } finally {
        if (!done && shared.users == 0) {
          shared.close();
        }
      }
    }
  }

  @SuppressWarnings("ReferenceEquality") // whether a second channel was opened
  private static @Nullable Shared openAndLock(Path path, Object key) throws IOException {
    FileChannel data = FileChannel.open(path, StandardOpenOption.READ);
    FileChannel locks = data;
    boolean locked = false;
    try {
      locks = openForLocks(path, data);
      if (!key.equals(key(path))) {
        throw new FileSystemException(path.toString(), null, "The file was replaced just now");
      }
      locked = lock(locks, locks != data);
      return locked ? new Shared(key, data, locks) : null;
    } finally {
      if (!locked) {
        new Shared(key, data, locks).close();
      }
    }
  }

  /**
   * Only a descriptor that could write can ask whether QEMU writes. Where there is none, because
   * the file is read-only, and on Windows, where nobody announces himself that way, the one for
   * data has to do. Nothing is ever written to it.
   */
  private static FileChannel openForLocks(Path path, FileChannel data) throws IOException {
    if (!path.getFileSystem().supportedFileAttributeViews().contains("posix")
        || !Files.isWritable(path)) {
      return data;
    }
    try {
      return FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
    } catch (AccessDeniedException e) {
      return data;
    }
  }

  private static boolean lock(FileChannel channel, boolean askForQemu) throws IOException {
    try {
      if (!askForQemu) {
        return channel.tryLock(0, Long.MAX_VALUE, true) != null;
      }
      // First the lock that keeps QEMU from starting to write, then the question whether it does.
      long behind = QEMU_WRITES + 1;
      if (channel.tryLock(0, QEMU_WRITES, true) == null
          || channel.tryLock(behind, Long.MAX_VALUE - behind, true) == null) {
        return false;
      }
      FileLock question = channel.tryLock(QEMU_WRITES, 1, false);
      if (question == null) {
        return false;
      }
      question.release();
      return true;
    } catch (OverlappingFileLockException e) {
      // Somebody in this process has locked the file without us.
      return false;
    }
  }

  /** What tells one file from another, whatever its name: device and inode where there are such. */
  private static Object key(Path path) throws IOException {
    BasicFileAttributes attributes;
    try {
      attributes = Files.readAttributes(path, BasicFileAttributes.class);
    } catch (NoSuchFileException e) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.NOT_FOUND,
              "There is no file " + PathBytes.printable(path) + ".",
              "Name a VHDX file that exists."),
          e);
    }
    if (!attributes.isRegularFile()) {
      throw new DiskException(
          Problem.of(
              ErrorCode.NOT_A_VHDX,
              PathBytes.printable(path) + " is not a regular file.",
              "Name a VHDX file."));
    }
    return Objects.requireNonNullElse(attributes.fileKey(), path.toRealPath());
  }

  private static DiskException inUse(Path path) {
    return new DiskException(
        Problem.of(
                ErrorCode.VHDX_IN_USE,
                "Another program has " + PathBytes.printable(path) + " open for writing.",
                "Detach the disk there, then call again.")
            .mayGoAway());
  }
}
