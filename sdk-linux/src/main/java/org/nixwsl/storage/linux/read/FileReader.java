package org.nixwsl.storage.linux.read;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Reads files, one after another, each from its beginning to its end. Not thread-safe: each thread
 * has its own.
 */
public final class FileReader {
  /** So much at a time costs the device little more than its own time; less costs more calls. */
  private static final int BUFFER_BYTES = 512 << 10;

  /** Smaller files come with one or two reads either way, so that it is not worth asking. */
  private static final int LARGE_BYTES = 128 << 10;

  private final Cache cache;
  private @Nullable ByteBuffer buffer;

  /** A reader; its buffer of half a megabyte is made when the first file is opened. */
  public FileReader(Cache cache) {
    this.cache = cache;
  }

  /** What of the page cache is used. */
  public enum Cache {
    /**
     * What it has is taken from there. A large file that it has not is read past it: filling it
     * takes many times as much of a processor as reading does (docs/performance.md), and whoever
     * needs the memory loses what was cached for him.
     */
    SPARED,

    /** Nothing: what is read comes from the device. {@link DirectIo#possible} tells where. */
    AVOIDED,

    /** All is read through it. */
    USED
  }

  /**
   * Opens a file. No symlink is followed.
   *
   * @param size how long it is
   */
  public Contents open(Path file, long size) throws IOException {
    ByteBuffer bytes = buffer;
    if (bytes == null) {
      bytes = DirectIo.buffer(BUFFER_BYTES);
      buffer = bytes;
    }
    return new Contents(
        file,
        bytes,
        cache == Cache.AVOIDED ? DirectIo.open(file) : DirectIo.openCached(file),
        cache == Cache.SPARED && size >= LARGE_BYTES);
  }

  /** The contents of one file, closed by whoever opened it. */
  public static final class Contents implements AutoCloseable {
    private final Path file;
    private final ByteBuffer buffer;
    private FileChannel channel;

    /** Whether it has to be found out yet if the cache has the file. */
    private boolean undecided;

    /** Whether it is read past the cache and need not be. */
    private boolean sparing;

    private Contents(Path file, ByteBuffer buffer, FileChannel channel, boolean undecided) {
      this.file = file;
      this.buffer = buffer;
      this.channel = channel;
      this.undecided = undecided;
    }

    /**
     * Reads on.
     *
     * @param left how much is due yet; at least one more byte is asked for when all of that comes
     *     at once, so that a file that has grown shows itself
     * @return what came; empty at the end of the file; overwritten by the next call
     */
    public ByteBuffer read(long left) throws IOException {
      if (undecided) {
        undecided = false;
        decide();
      }
      return read(nextRead(left));
    }

    private ByteBuffer read(int limit) throws IOException {
      buffer.clear().limit(limit);
      if (!sparing) {
        channel.read(buffer);
        return buffer.flip();
      }
      long position = channel.position();
      try {
        channel.read(buffer);
      } catch (IOException e) {
        // A file system that opens so and does not read so; a broken device says it once more.
        sparing = false;
        reopen(DirectIo.openCached(file));
        channel.position(position);
        channel.read(buffer.clear().limit(limit));
      }
      return buffer.flip();
    }

    /** Reads the first page, and sees by where that came from how all of it is read. */
    private void decide() throws IOException {
      long before = ThreadIo.bytesFromDevices();
      read(DirectIo.ALIGNMENT);
      channel.position(0);
      if (ThreadIo.bytesFromDevices() > before) {
        try {
          reopen(DirectIo.open(file));
          sparing = true;
        } catch (IOException | UnsupportedOperationException notThere) {
          // Then through the cache.
        }
      }
    }

    private void reopen(FileChannel again) throws IOException {
      FileChannel before = channel;
      channel = again;
      before.close();
    }

    /** Always whole pages. The last piece is never a full buffer: there is room for one more. */
    private static int nextRead(long left) {
      if (left == BUFFER_BYTES) {
        return BUFFER_BYTES - DirectIo.ALIGNMENT;
      }
      long pages = left / DirectIo.ALIGNMENT + 1;
      return (int) Math.min(BUFFER_BYTES, pages * DirectIo.ALIGNMENT);
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }
}
