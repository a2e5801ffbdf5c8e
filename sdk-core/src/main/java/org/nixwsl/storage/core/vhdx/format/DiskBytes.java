package org.nixwsl.storage.core.vhdx.format;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The bytes of a VHDX file, for reading: the file itself, the file with its log replayed in memory,
 * or an image in memory. Offsets and sizes are in bytes. Implementations may be read from several
 * threads.
 */
public interface DiskBytes {
  /** How many bytes there are, 0 or more; does not change but for {@link WritableBytes}. */
  long size();

  /**
   * Fills the rest of a buffer from a place in the file.
   *
   * @param offset 0 or more; offset and remaining bytes together must not exceed {@link #size}
   * @throws java.io.EOFException if the file is shorter than that, which also says that it changed
   */
  void read(long offset, ByteBuffer target) throws IOException;

  /**
   * Some bytes as a little-endian buffer, ready to be read from its position 0.
   *
   * @param length how many; the caller has bounded it
   */
  default ByteBuffer read(long offset, int length) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    read(offset, buffer);
    return buffer.flip();
  }

  /** Whether a range, hostile or not, lies inside the file. */
  default boolean contains(long offset, long length) {
    return offset >= 0 && length >= 0 && offset <= size() && length <= size() - offset;
  }
}
