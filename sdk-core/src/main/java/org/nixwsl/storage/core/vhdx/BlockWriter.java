package org.nixwsl.storage.core.vhdx;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.nixwsl.storage.core.vhdx.format.BlockState;
import org.nixwsl.storage.core.vhdx.format.Fields;
import org.nixwsl.storage.core.vhdx.format.Geometry;
import org.nixwsl.storage.core.vhdx.format.WritableBytes;
import org.nixwsl.storage.core.vhdx.log.HeaderWriter;
import org.nixwsl.storage.core.vhdx.log.LogWriter;

/**
 * Writes to the blocks of a dynamic or fixed disk. A new block is appended to the file, where all
 * of it reads as zeros, and written at once; its entry in the block table stays in memory until a
 * batch of them goes through the log. A crash before that only leaks the space. Not thread-safe.
 */
final class BlockWriter {
  /** More changed entries are not kept back: each may be in a sector of its own. */
  private static final int BATCH = LogWriter.MOST_SECTORS;

  private static final ByteBuffer ZEROS = ByteBuffer.allocate(64 << 10).asReadOnlyBuffer();

  private final WritableBytes file;
  private final Geometry geometry;
  private final BlockTable table;
  private final HeaderWriter headers;
  private final LogWriter log;

  /**
   * Where the next block goes. Only grows: the space of a block whose write failed half-way is not
   * zeros any more.
   */
  private long end;

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
    this.geometry = image.geometry();
    this.table = table;
    this.headers = new HeaderWriter(file, image.header());
    this.log = new LogWriter(file, headers);
    this.end = Fields.roundUpToMib(file.size());
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
    long offset = end;
    if (offset > Fields.LARGEST_FILE - geometry.blockSize()) {
      throw new IOException("The file would be longer than " + Fields.LARGEST_FILE + " bytes");
    }
    end = offset + geometry.blockSize();
    file.write(offset + inBlock, source);
    file.extend(end);
    table.change(index, BlockState.FULLY_PRESENT.entry(offset));
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
