package org.nixwsl.storage.core.vhdx;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.NonWritableChannelException;
import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.core.vhdx.findings.FindingCode;
import org.nixwsl.storage.core.vhdx.findings.Findings;
import org.nixwsl.storage.core.vhdx.format.BlockState;
import org.nixwsl.storage.core.vhdx.format.DiskBytes;
import org.nixwsl.storage.core.vhdx.format.Geometry;
import org.nixwsl.storage.core.vhdx.format.WritableBytes;
import org.nixwsl.storage.disk.DiskChannel;

/**
 * The contents of a disk as a guest sees them, for reading, or for both. Owns the open file and
 * closes it. Not thread-safe.
 */
final class VirtualDiskChannel implements DiskChannel {
  private final Closeable file;
  private final DiskContents contents;
  private final Geometry geometry;
  private final Optional<WritablePart> writable;
  private long position;
  private boolean open = true;

  private VirtualDiskChannel(
      Closeable file, DiskContents contents, Optional<WritablePart> writable) {
    this.file = file;
    this.contents = contents;
    this.geometry = contents.geometry();
    this.writable = writable;
  }

  /** What writing needs beside the contents. */
  private record WritablePart(
      DiskBytes file, BlockTable table, BlockWriter writer, Findings strict) {}

  /**
   * A channel for reading at position 0.
   *
   * @param files closed with the channel
   */
  static VirtualDiskChannel forReading(Closeable files, DiskContents contents) {
    return new VirtualDiskChannel(files, contents, Optional.empty());
  }

  /**
   * A channel for reading a disk without a parent, at position 0.
   *
   * @param file closed with the channel
   * @param name the file's name for messages
   */
  static VirtualDiskChannel forReading(Closeable file, DiskImage image, String name) {
    return forReading(
        file, new DiskContents(List.of(new DiskContents.Layer(image, image.blockTable(), name))));
  }

  /**
   * A channel for reading and writing at position 0. Writes nothing yet.
   *
   * @param file closed with the channel
   * @param bytes the same file, from which the image was read
   * @param image without errors, without a parent, and with nothing to replay
   * @param name the file's name for messages
   */
  static VirtualDiskChannel forWriting(
      Closeable file, WritableBytes bytes, DiskImage image, String name) throws IOException {
    BlockTable table = image.blockTable();
    BlockWriter writer = new BlockWriter(bytes, image, table);
    DiskContents contents = new DiskContents(List.of(new DiskContents.Layer(image, table, name)));
    return new VirtualDiskChannel(
        file,
        contents,
        Optional.of(new WritablePart(image.bytes(), table, writer, Findings.refusing(name))));
  }

  @Override
  public int read(ByteBuffer target) throws IOException {
    requireOpen();
    if (position >= geometry.virtualSize()) {
      return -1;
    }
    int total = (int) Math.min(target.remaining(), geometry.virtualSize() - position);
    contents.read(position, target.slice(target.position(), total));
    target.position(target.position() + total);
    position += total;
    return total;
  }

  @Override
  public int write(ByteBuffer source) throws IOException {
    WritablePart disk = requireWritable();
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
      ByteBuffer part = partInBlock(source);
      int count = part.remaining();
      writeToBlock(disk, part);
      source.position(source.position() + count);
      position += count;
    }
    return total;
  }

  @Override
  public void force() throws IOException {
    requireWritable().writer.force();
  }

  @Override
  public DiskChannel truncate(long size) throws IOException {
    requireWritable();
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
        if (writable.isPresent()) {
          writable.get().writer.close();
        }
      }
    }
  }

  /** As much of a buffer as lies in the block at the position. */
  private ByteBuffer partInBlock(ByteBuffer buffer) {
    long inBlock = geometry.blockSize() - position % geometry.blockSize();
    return buffer.slice(buffer.position(), (int) Math.min(buffer.remaining(), inBlock));
  }

  private void writeToBlock(WritablePart disk, ByteBuffer part) throws IOException {
    long index = geometry.indexOfPayload(position / geometry.blockSize());
    long entry = disk.table.entry(index);
    long inBlock = position % geometry.blockSize();
    if (BlockState.of(entry) == BlockState.FULLY_PRESENT) {
      // Looked at when the disk was opened; a program that ignores locks may have changed it since.
      Optional<FindingCode> misplaced =
          BlockState.misplaced(entry, geometry.blockSize(), disk.file);
      if (misplaced.isPresent()) {
        disk.strict.report(
            misplaced.get(), disk.table.offsetOf(index), DiskImage.misplacedMessage(entry));
      }
      disk.writer.overwrite(BlockState.offset(entry) + inBlock, part);
    } else {
      disk.writer.allocate(index, inBlock, part);
    }
  }

  private WritablePart requireWritable() throws ClosedChannelException {
    requireOpen();
    return writable.orElseThrow(NonWritableChannelException::new);
  }

  private void requireOpen() throws ClosedChannelException {
    if (!open) {
      throw new ClosedChannelException();
    }
  }
}
