package org.nixwsl.storage.core.vhdx;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import org.nixwsl.storage.core.vhdx.format.Fields;
import org.nixwsl.storage.core.vhdx.format.WritableBytes;

/**
 * An open file. The size is that of the moment of opening, and changes by what is done through
 * here; what is cut off later is an error when it is read. Whoever opened the channel closes it.
 */
final class ChannelBytes implements WritableBytes {
  /** Bounds the buffer that the JDK keeps for each thread that reads into the heap, or writes. */
  private static final int LARGEST_PIECE = 1 << 20;

  private final FileChannel channel;
  private long size;

  private ChannelBytes(FileChannel channel, long size) {
    this.channel = channel;
    this.size = size;
  }

  static ChannelBytes of(FileChannel channel) throws IOException {
    return new ChannelBytes(channel, channel.size());
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public void read(long offset, ByteBuffer target) throws IOException {
    long at = offset;
    while (target.hasRemaining()) {
      int count = Math.min(LARGEST_PIECE, target.remaining());
      int done = channel.read(target.slice(target.position(), count), at);
      if (done < 0) {
        throw new EOFException("The file ends before offset " + at);
      }
      target.position(target.position() + done);
      at += done;
    }
  }

  @Override
  public void write(long offset, ByteBuffer source) throws IOException {
    long at = offset;
    while (source.hasRemaining()) {
      int count = Math.min(LARGEST_PIECE, source.remaining());
      int done = channel.write(source.slice(source.position(), count), at);
      source.position(source.position() + done);
      at += done;
      size = Math.max(size, at);
    }
  }

  @Override
  public void extend(long newSize) throws IOException {
    if (newSize > size) {
      // One byte at the end: the JDK has no other way, and Windows makes no sparse file of it.
      write(newSize - 1, Fields.zeros(1));
    }
  }

  @Override
  public void truncate(long newSize) throws IOException {
    if (newSize < size) {
      channel.truncate(newSize);
      size = newSize;
    }
  }

  @Override
  public void force() throws IOException {
    channel.force(true);
  }
}
