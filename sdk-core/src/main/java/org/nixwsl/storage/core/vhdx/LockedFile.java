package org.nixwsl.storage.core.vhdx;

import java.io.Closeable;
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
import org.nixwsl.storage.core.vhdx.format.WritableBytes;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;

/**
 * A VHDX file that is open and locked. While it is open for reading, no program that respects locks
 * writes to it; any number of readers may share a file, in this process and in others. While it is
 * open for writing, nobody else has it at all. A symbolic link is followed. The one who opens
 * closes; may be read from several threads.
 *
 * <p>POSIX gives locks to a process, and drops them when the process closes <em>any</em> of its
 * descriptors of the file. So all readers in this process share one descriptor, and the table of
 * them belongs to the process. A thread that is interrupted while it reads closes it for all of
 * them; the others get a {@link java.nio.channels.ClosedChannelException}.
 */
final class LockedFile implements DiskBytes, Closeable {
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
    final boolean writable;
    int users;

    Shared(Object key, FileChannel data, FileChannel locks, boolean writable) {
      this.key = key;
      this.writable = writable;
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
   * Opens and locks a file for reading.
   *
   * @throws EnvironmentException {@code NOT_FOUND}
   * @throws DiskException {@code NOT_A_VHDX} if it is no regular file; {@code VHDX_IN_USE} if
   *     another program writes to it
   */
  static LockedFile open(Path path, Operation operation) throws IOException, InterruptedException {
    return open(path, false, operation);
  }

  /**
   * Opens and locks a file for writing.
   *
   * @throws EnvironmentException {@code NOT_FOUND}
   * @throws DiskException {@code NOT_A_VHDX} if it is no regular file; {@code VHDX_IN_USE} if
   *     anybody else has it open, in this process or another one
   */
  static LockedFile openForWriting(Path path, Operation operation)
      throws IOException, InterruptedException {
    return open(path, true, operation);
  }

  private static LockedFile open(Path path, boolean writable, Operation operation)
      throws IOException, InterruptedException {
    LockedFile first = tryOpen(path, writable);
    if (first != null) {
      return first;
    }
    AtomicReference<@Nullable LockedFile> later = new AtomicReference<>();
    try {
      operation.await(
          "the lock of " + PathBytes.printable(path),
          PATIENCE,
          () -> {
            later.set(tryOpen(path, writable));
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
      throw inUse(path, writable);
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

  /** Whether both are the same file, whatever the names they were opened by. */
  boolean isSameFileAs(LockedFile other) {
    return shared.key.equals(other.shared.key);
  }

  /** The file for writing; only of one that was opened for it. */
  WritableBytes writable() {
    if (!shared.writable) {
      throw new IllegalStateException("The file is open for reading only");
    }
    return bytes;
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
  private static @Nullable LockedFile tryOpen(Path path, boolean writable) throws IOException {
    synchronized (OPEN) {
      Object key = key(path);
      Shared known = OPEN.get(key);
      if (known != null && !known.data.isOpen()) {
        // Closed by an interrupt, and its locks are held until its last user has noticed.
        return null;
      }
      if (known != null && (writable || known.writable)) {
        return null;
      }
      Shared shared = known == null ? openAndLock(path, key, writable) : known;
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
  private static @Nullable Shared openAndLock(Path path, Object key, boolean writable)
      throws IOException {
    FileChannel data =
        writable
            ? FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)
            : FileChannel.open(path, StandardOpenOption.READ);
    FileChannel locks = data;
    boolean locked = false;
    try {
      locks = writable ? data : openForLocks(path, data);
      if (!key.equals(key(path))) {
        throw new FileSystemException(path.toString(), null, "The file was replaced just now");
      }
      locked = writable ? lockAlone(data) : lock(locks, locks != data);
      return locked ? new Shared(key, data, locks, writable) : null;
    } finally {
      if (!locked) {
        new Shared(key, data, locks, writable).close();
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

  /** Every reader and QEMU in any use have a shared lock somewhere. */
  private static boolean lockAlone(FileChannel channel) throws IOException {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException e) {
      // Somebody in this process has locked the file without us.
      return false;
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

  private static DiskException inUse(Path path, boolean writable) {
    return new DiskException(
        Problem.of(
                ErrorCode.VHDX_IN_USE,
                writable
                    ? PathBytes.printable(path) + " is open elsewhere, here or in another program."
                    : "Another program has " + PathBytes.printable(path) + " open for writing.",
                "Detach the disk there, then call again.")
            .mayGoAway());
  }
}
