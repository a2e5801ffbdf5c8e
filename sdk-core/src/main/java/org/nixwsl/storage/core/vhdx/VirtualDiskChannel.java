package org.nixwsl.storage.core.vhdx;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.NonWritableChannelException;
import java.util.Optional;
import org.nixwsl.storage.core.vhdx.findings.FindingCode;
import org.nixwsl.storage.core.vhdx.findings.Findings;
import org.nixwsl.storage.core.vhdx.format.BlockState;
import org.nixwsl.storage.core.vhdx.format.Fields;
import org.nixwsl.storage.core.vhdx.format.Geometry;
import org.nixwsl.storage.core.vhdx.format.WritableBytes;
import org.nixwsl.storage.disk.DiskChannel;

/**
 * The contents of a dynamic or fixed disk as a guest sees them, for reading, or for both. Owns the
 * open file and closes it. Not thread-safe.
 */
final class VirtualDiskChannel implements DiskChannel {
  private final Closeable file;
  private final DiskImage image;
  private final Geometry geometry;
  private final BlockTable table;
  private final Optional<BlockWriter> writer;
  private final Findings strict;
  private long position;
  private boolean open = true;

  private VirtualDiskChannel(
      Closeable file,
      DiskImage image,
      BlockTable table,
      Optional<BlockWriter> writer,
      String name) {
    this.file = file;
    this.image = image;
    this.geometry = image.geometry();
    this.table = table;
    this.writer = writer;
    this.strict = Findings.refusing(name);
  }

  /**
   * A channel for reading at position 0.
   *
   * @param file closed with the channel
   * @param name the file's name for messages
   */
  static VirtualDiskChannel forReading(Closeable file, DiskImage image, String name) {
    return new VirtualDiskChannel(file, image, image.blockTable(), Optional.empty(), name);
  }

  /**
   * A channel for reading and writing at position 0. Writes nothing yet.
   *
   * @param file closed with the channel
   * @param bytes the same file, from which the image was read
   * @param image without errors, and with nothing to replay
   * @param name the file's name for messages
   */
  static VirtualDiskChannel forWriting(
      Closeable file, WritableBytes bytes, DiskImage image, String name) throws IOException {
    BlockTable table = image.blockTable();
    BlockWriter writer = new BlockWriter(bytes, image, table);
    return new VirtualDiskChannel(file, image, table, Optional.of(writer), name);
  }

  @Override
  public int read(ByteBuffer target) throws IOException {
    requireOpen();
    if (position >= geometry.virtualSize()) {
      return -1;
    }
    int total = (int) Math.min(target.remaining(), geometry.virtualSize() - position);
    for (int left = total; left > 0; ) {
      ByteBuffer part = partInBlock(target, left);
      int count = part.remaining();
      readFromBlock(part);
      target.position(target.position() + count);
      position += count;
      left -= count;
    }
    return total;
  }

  @Override
  public int write(ByteBuffer source) throws IOException {
    BlockWriter blocks = requireWriter();
    int total = source.remaining();
    if (position > geometry.virtualSize() - total) {
      throw new IOException(
          "The disk has "
              + geometry.virtualSize()
              + " bytes; "
              + total
              + " at offset "
              + position
              + " reach past its end");
    }
    while (source.hasRemaining()) {
      ByteBuffer part = partInBlock(source, source.remaining());
      int count = part.remaining();
      writeToBlock(blocks, part);
      source.position(source.position() + count);
      position += count;
    }
    return total;
  }

  @Override
  public void force() throws IOException {
    requireWriter().force();
  }

  @Override
  public DiskChannel truncate(long size) throws IOException {
    requireWriter();
    if (size < geometry.virtualSize()) {
      throw new IOException("A disk cannot be cut while it is written to");
    }
    return this;
  }

  @Override
  public long position() throws IOException {
    requireOpen();
    return position;
  }

  @Override
  public DiskChannel position(long newPosition) throws IOException {
    requireOpen();
    if (newPosition < 0) {
      throw new IllegalArgumentException("A position cannot be negative: " + newPosition);
    }
    position = newPosition;
    return this;
  }

  @Override
  public long size() throws IOException {
    requireOpen();
    return geometry.virtualSize();
  }

  @Override
  public boolean isOpen() {
    return open;
  }

  @Override
  public void close() throws IOException {
    if (open) {
      open = false;
      try (file) {
        if (writer.isPresent()) {
          writer.get().close();
        }
      }
    }
  }

  /** As much of a buffer as lies in the block at the position. */
  private ByteBuffer partInBlock(ByteBuffer buffer, int limit) {
    long inBlock = position % geometry.blockSize();
    return buffer.slice(buffer.position(), (int) Math.min(limit, geometry.blockSize() - inBlock));
  }

  private void readFromBlock(ByteBuffer part) throws IOException {
    long index = geometry.indexOfPayload(position / geometry.blockSize());
    long entry = table.entry(index);
    if (BlockState.of(entry) == BlockState.FULLY_PRESENT) {
      image.bytes().read(placeInFile(index, entry), part);
    } else {
      // Every other state that a disk without a parent may have reads as zeros.
      Fields.putZeros(part);
    }
  }

  private void writeToBlock(BlockWriter blocks, ByteBuffer part) throws IOException {
    long index = geometry.indexOfPayload(position / geometry.blockSize());
    long entry = table.entry(index);
    if (BlockState.of(entry) == BlockState.FULLY_PRESENT) {
      blocks.overwrite(placeInFile(index, entry), part);
    } else {
      blocks.allocate(index, position % geometry.blockSize(), part);
    }
  }

  /** Where the byte at the position is, in a block that is in the file. */
  private long placeInFile(long index, long entry) {
    // Looked at when the disk was opened; a program that ignores locks may have changed it since.
    Optional<FindingCode> misplaced =
        BlockState.misplaced(entry, geometry.blockSize(), image.bytes());
    if (misplaced.isPresent()) {
      strict.report(misplaced.get(), table.offsetOf(index), DiskImage.misplacedMessage(entry));
    }
    return BlockState.offset(entry) + position % geometry.blockSize();
  }

  private BlockWriter requireWriter() throws ClosedChannelException {
    requireOpen();
    return writer.orElseThrow(NonWritableChannelException::new);
  }

  private void requireOpen() throws ClosedChannelException {
    if (!open) {
      throw new ClosedChannelException();
    }
  }
}
