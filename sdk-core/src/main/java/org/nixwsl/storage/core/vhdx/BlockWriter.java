package org.nixwsl.storage.core.vhdx;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.vhdx.format.BlockState;
import org.nixwsl.storage.core.vhdx.format.Fields;
import org.nixwsl.storage.core.vhdx.format.Geometry;
import org.nixwsl.storage.core.vhdx.format.WritableBytes;
import org.nixwsl.storage.core.vhdx.log.HeaderWriter;
import org.nixwsl.storage.core.vhdx.log.LogWriter;

/**
 * Writes to the blocks of a dynamic or fixed disk. A new block goes where nothing uses the file, or
 * to its end, with zeros where nothing was written to it; its entry in the block table stays in
 * memory until a batch of them goes through the log. A crash before that only leaks the space,
 * which is found again when the disk is opened the next time. Not thread-safe.
 */
final class BlockWriter {
  /** More changed entries are not kept back: each may be in a sector of its own. */
  private static final int BATCH = LogWriter.MOST_SECTORS;

  private static final ByteBuffer ZEROS = ByteBuffer.allocate(64 << 10).asReadOnlyBuffer();

  private final WritableBytes file;
  private final DiskImage image;
  private final Geometry geometry;
  private final BlockTable table;
  private final HeaderWriter headers;
  private final LogWriter log;

  /** What of the file was in use when the first new block came. */
  private @Nullable FileSpace space;

  /** Where room for the next block is looked for. Only grows, so that no room is given twice. */
  private long next = Fields.MIB;

  private boolean unforced;
  private boolean failed;

  /**
   * Writes nothing yet.
   *
   * @param image the disk, read from the file, without errors and with nothing to replay
   * @param table its block table; changed here, for the readers of the same object
   */
  BlockWriter(WritableBytes file, DiskImage image, BlockTable table) throws IOException {
    this.file = file;
    this.image = image;
    this.geometry = image.geometry();
    this.table = table;
    this.headers = new HeaderWriter(file, image.header());
    this.log = new LogWriter(file, headers);
  }

  /** A step that the file depends on as a whole. */
  @FunctionalInterface
  private interface Step {
    void run() throws IOException;
  }

  /** Writes what remains in a buffer to a block that has a place in the file. */
  void overwrite(long offset, ByteBuffer source) throws IOException {
    whole(headers::beforeChangingData);
    unforced = true;
    file.write(offset, source);
  }

  /**
   * Writes what remains in a buffer to a block that has no place in the file and reads as zeros.
   *
   * @param index of its entry in the block table
   * @param inBlock where in the block
   */
  void allocate(long index, long inBlock, ByteBuffer source) throws IOException {
    boolean zeros = isZeros(source);
    long length = source.remaining();
    BlockState state = BlockState.of(table.entry(index));
    if (zeros && (state == BlockState.ZERO || state == BlockState.NOT_PRESENT)) {
      source.position(source.limit());
      return;
    }
    whole(headers::beforeChangingData);
    unforced = true;
    if (table.changes() == BATCH) {
      force();
      unforced = true;
    }
    if (zeros) {
      // What a trimmed block holds is for each program to say; zeros that were written are zeros.
      source.position(source.limit());
      table.change(index, BlockState.ZERO.entry(0));
      return;
    }
    long offset = room();
    long end = offset + geometry.blockSize();
    long oldSize = file.size();
    zero(offset, Math.min(oldSize, offset + inBlock));
    file.write(offset + inBlock, source);
    zero(offset + inBlock + length, Math.min(oldSize, end));
    file.extend(end);
    table.change(index, BlockState.FULLY_PRESENT.entry(offset));
  }

  private long room() throws IOException {
    if (space == null) {
      space = FileSpace.of(image);
    }
    long offset = space.findFree(next, geometry.blockSize());
    if (offset > Fields.LARGEST_FILE - geometry.blockSize()) {
      throw new IOException("The file would be longer than " + Fields.LARGEST_FILE + " bytes");
    }
    next = offset + geometry.blockSize();
    return offset;
  }

  /** What was there before must not show. */
  private void zero(long from, long to) throws IOException {
    for (long at = from; at < to; at += ZEROS.capacity()) {
      file.write(at, ZEROS.slice(0, (int) Math.min(ZEROS.capacity(), to - at)));
    }
  }

  /** Brings all that was written to the device. */
  void force() throws IOException {
    whole(
        () -> {
          if (table.changes() > 0) {
            log.commit(table.changedSectors());
            table.changesAreInFile();
          } else if (unforced) {
            file.force();
          }
          unforced = false;
        });
  }

  /** Forces, and leaves nothing to replay. Does nothing after a failure of either. */
  void close() throws IOException {
    if (!failed) {
      force();
      whole(log::retire);
    }
  }

  /** After a failure nobody knows what the device has; a second try could make it worse. */
  private void whole(Step step) throws IOException {
    if (failed) {
      throw new IOException("An earlier write to the file failed; open the disk again");
    }
    failed = true;
    step.run();
    failed = false;
  }

  /** Whether all that remains in a buffer is zeros. */
  static boolean isZeros(ByteBuffer source) {
    for (int at = source.position(); at < source.limit(); at += ZEROS.capacity()) {
      int count = Math.min(ZEROS.capacity(), source.limit() - at);
      if (source.slice(at, count).mismatch(ZEROS.slice(0, count)) >= 0) {
        return false;
      }
    }
    return true;
  }
}
