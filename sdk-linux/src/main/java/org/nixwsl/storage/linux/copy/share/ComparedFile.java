package org.nixwsl.storage.linux.copy.share;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import org.nixwsl.storage.linux.store.TreeSink;

/**
 * A name in the target that is a link to a file of the other store: takes what is read from the
 * source and compares it, byte for byte. Writes nothing. Not thread-safe.
 */
final class ComparedFile implements TreeSink.FileSink {
  private final Path twin;
  private final FileChannel channel;
  private final ByteBuffer buffer;

  /**
   * Opens the link.
   *
   * @param place the link
   * @param twin the file in the other store, for messages
   * @param buffer the caller's, used until this is closed
   */
  ComparedFile(Path place, Path twin, ByteBuffer buffer) throws TwinDiffersException {
    this.twin = twin;
    this.buffer = buffer;
    try {
      this.channel =
          FileChannel.open(place, Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS));
    } catch (IOException e) {
      throw new TwinDiffersException(twin, e);
    }
  }

  /**
   * Compares.
   *
   * @throws TwinDiffersException if the bytes are others
   */
  @Override
  public void write(ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      int count = Math.min(buffer.capacity(), bytes.remaining());
      fill(count);
      ByteBuffer piece = bytes.slice(bytes.position(), count);
      if (!buffer.equals(piece)) {
        throw new TwinDiffersException(twin);
      }
      bytes.position(bytes.position() + count);
    }
  }

  private void fill(int count) throws IOException {
    buffer.clear().limit(count);
    try {
      while (buffer.hasRemaining()) {
        if (channel.read(buffer) < 0) {
          throw new TwinDiffersException(twin);
        }
      }
    } catch (ClosedByInterruptException | TwinDiffersException e) {
      throw e;
    } catch (IOException e) {
      throw new TwinDiffersException(twin, e);
    }
    buffer.flip();
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
