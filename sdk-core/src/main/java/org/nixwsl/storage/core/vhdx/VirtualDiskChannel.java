package org.nixwsl.storage.core.vhdx;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.SeekableByteChannel;
import java.util.Optional;
import org.nixwsl.storage.core.vhdx.findings.FindingCode;
import org.nixwsl.storage.core.vhdx.findings.Findings;
import org.nixwsl.storage.core.vhdx.format.BlockState;
import org.nixwsl.storage.core.vhdx.format.Fields;
import org.nixwsl.storage.core.vhdx.format.Geometry;

/**
 * The contents of a dynamic or fixed disk as a guest sees them, for reading. Owns the open file and
 * closes it. Not thread-safe.
 */
final class VirtualDiskChannel implements SeekableByteChannel {
  private final LockedFile file;
  private final DiskImage image;
  private final Geometry geometry;
  private final BlockTable table;
  private final Findings strict;
  private long position;
  private boolean open = true;

  /**
   * A channel at position 0.
   *
   * @param name the file's name for messages
   */
  VirtualDiskChannel(LockedFile file, DiskImage image, String name) {
    this.file = file;
    this.image = image;
    this.geometry = image.geometry();
    this.table = image.blockTable();
    this.strict = Findings.refusing(name);
  }

  @Override
  public int read(ByteBuffer target) throws IOException {
    requireOpen();
    if (position >= geometry.virtualSize()) {
      return -1;
    }
    int total = (int) Math.min(target.remaining(), geometry.virtualSize() - position);
    int left = total;
    while (left > 0) {
      long inBlock = position % geometry.blockSize();
      int count = (int) Math.min(left, geometry.blockSize() - inBlock);
      ByteBuffer part = target.slice(target.position(), count);
      readFromBlock(position / geometry.blockSize(), inBlock, part);
      target.position(target.position() + count);
      position += count;
      left -= count;
    }
    return total;
  }

  private void readFromBlock(long block, long inBlock, ByteBuffer part) throws IOException {
    long index = geometry.indexOfPayload(block);
    long entry = table.entry(index);
    if (BlockState.of(entry) != BlockState.FULLY_PRESENT) {
      // Every other state that a disk without a parent may have reads as zeros.
      Fields.putZeros(part);
      return;
    }
    // Looked at when the disk was opened; a program that ignores locks may have changed it since.
    Optional<FindingCode> misplaced =
        BlockState.misplaced(entry, geometry.blockSize(), image.bytes());
    if (misplaced.isPresent()) {
      strict.report(misplaced.get(), table.offsetOf(index), DiskImage.misplacedMessage(entry));
    }
    image.bytes().read(BlockState.offset(entry) + inBlock, part);
  }

  @Override
  public int write(ByteBuffer source) {
    throw new NonWritableChannelException();
  }

  @Override
  public SeekableByteChannel truncate(long size) {
    throw new NonWritableChannelException();
  }

  @Override
  public long position() throws IOException {
    requireOpen();
    return position;
  }

  @Override
  public SeekableByteChannel position(long newPosition) throws IOException {
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
      file.close();
    }
  }

  private void requireOpen() throws ClosedChannelException {
    if (!open) {
      throw new ClosedChannelException();
    }
  }
}
