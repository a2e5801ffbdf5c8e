package org.nixwsl.storage.core.vhdx;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import org.nixwsl.storage.core.vhdx.format.DiskBytes;

/**
 * An open file. The size is that of the moment of opening; what is cut off later is an error when
 * it is read.
 *
 * @param channel readable; whoever opened it closes it
 * @param size bytes
 */
record ChannelBytes(FileChannel channel, long size) implements DiskBytes {
  /** Bounds the buffer that the JDK keeps for each thread that reads into the heap. */
  private static final int LARGEST_READ = 1 << 20;

  static ChannelBytes of(FileChannel channel) throws IOException {
    return new ChannelBytes(channel, channel.size());
  }

  @Override
  public void read(long offset, ByteBuffer target) throws IOException {
    long at = offset;
    while (target.hasRemaining()) {
      int count = Math.min(LARGEST_READ, target.remaining());
      int done = channel.read(target.slice(target.position(), count), at);
      if (done < 0) {
        throw new EOFException("The file ends before offset " + at);
      }
      target.position(target.position() + done);
      at += done;
    }
  }
}
