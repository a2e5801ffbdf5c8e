package org.nixwsl.storage.core.vhdx.format;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * The bytes of a VHDX file that is open for writing. Here the size grows, by writes and by {@link
 * #extend}, and shrinks by {@link #truncate}. Not thread-safe.
 */
public interface WritableBytes extends DiskBytes {
  /**
   * Writes all that remains in a buffer; a failure may leave part of it written. What lies between
   * the old end of the file and the offset becomes zeros.
   *
   * @param offset 0 or more
   */
  void write(long offset, ByteBuffer source) throws IOException;

  /** Makes the file at least so many bytes long; what is new reads as zeros. */
  void extend(long size) throws IOException;

  /** Makes the file at most so many bytes long. */
  void truncate(long size) throws IOException;

  /**
   * Brings all that was written before to the device, the length of the file included. After a
   * failure it is not known what is there, and a second call would not tell.
   */
  void force() throws IOException;
}
