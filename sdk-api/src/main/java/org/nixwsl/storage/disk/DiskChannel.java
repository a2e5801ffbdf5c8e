package org.nixwsl.storage.disk;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;

/**
 * The contents of a virtual disk, open for reading and writing. Not thread-safe.
 *
 * <p>What was written is read back at once. It is durable when {@link #force} or {@link #close} has
 * returned, and not before: after a crash a place that was written since then holds the old bytes,
 * the new ones, or a mixture, as on any disk, while everything written before the last return is
 * whole. The file itself can be opened after a crash at any moment; what was left in its log is
 * replayed then.
 *
 * <p>The disk does not grow. Zeros that are written where the disk has no block take no space. An
 * interrupted thread closes the channel, as the JDK does with every file channel.
 */
public interface DiskChannel extends SeekableByteChannel {
  /**
   * Writes all that remains in the buffer and moves the position past it.
   *
   * @throws IOException also if that would reach past the end of the disk; nothing is written then
   */
  @Override
  int write(ByteBuffer source) throws IOException;

  /**
   * Brings all that was written to the device.
   *
   * @throws IOException if the device failed; the channel is of no more use then, except to be
   *     closed, and what was written since the last return may be lost
   */
  void force() throws IOException;

  /**
   * Forces, leaves the file with nothing to replay, and lets go of it. After a failed {@link
   * #force} it only lets go; the log is replayed when the file is opened the next time.
   */
  @Override
  void close() throws IOException;

  /** Never cuts the disk: only a size that is not less than the disk's is accepted. */
  @Override
  DiskChannel truncate(long size) throws IOException;

  @Override
  DiskChannel position(long newPosition) throws IOException;
}
