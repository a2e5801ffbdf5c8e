package org.nixwsl.storage.core.vhdx;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.core.vhdx.format.BlockState;
import org.nixwsl.storage.core.vhdx.format.Fields;
import org.nixwsl.storage.core.vhdx.format.Geometry;
import org.nixwsl.storage.core.vhdx.format.WritableBytes;
import org.nixwsl.storage.disk.DiskType;

/**
 * Blocks that a disk gets together: those of a fixed disk lie one after the other and are written,
 * so that the file system has room for them; those of a dynamic disk are not in the file.
 *
 * @param geometry the disk with these blocks
 * @param firstBlock the number of the first of them
 * @param offset where the first of them is in the file, for a fixed disk
 */
record AddedBlocks(Geometry geometry, long firstBlock, long offset) {
  /** Entries of the table in a piece: 64 KiB. */
  private static final int PIECE = 8192;

  /** Does something with a piece of the block table. */
  @FunctionalInterface
  interface Entries {
    /** Does it; the buffer holds the entries from an index on. */
    void at(long index, ByteBuffer entries) throws IOException;
  }

  /** How many bytes the blocks take in the file. */
  long length() {
    return geometry.type() == DiskType.FIXED
        ? (geometry.payloadBlocks() - firstBlock) * geometry.blockSize()
        : 0;
  }

  /** Writes the zeros that the blocks hold. */
  void write(WritableBytes file, Operation operation, StageProgress progress) throws IOException {
    if (offset > Fields.LARGEST_FILE - length()) {
      throw new IOException("The file would be longer than " + Fields.LARGEST_FILE + " bytes");
    }
    progress.expect(length(), 0);
    ByteBuffer zeros = ByteBuffer.allocate(Fields.MIB);
    for (long done = 0; done < length(); done += Fields.MIB) {
      operation.checkCancelled();
      file.write(offset + done, zeros.clear());
      progress.advance(Fields.MIB, 0);
    }
  }

  /** Tells the entries of the block table for these blocks in pieces, from an index on. */
  void forEachPiece(long firstIndex, Operation operation, Entries target) throws IOException {
    ByteBuffer piece = Fields.zeros(PIECE * Geometry.ENTRY_LENGTH);
    for (long index = firstIndex; index < geometry.entries(); ) {
      operation.checkCancelled();
      piece.clear();
      long start = index;
      while (piece.hasRemaining() && index < geometry.entries()) {
        piece.putLong(entry(index));
        index++;
      }
      target.at(start, piece.flip());
    }
  }

  private long entry(long index) {
    if (geometry.type() != DiskType.FIXED || geometry.isBitmap(index)) {
      return BlockState.NOT_PRESENT.entry(0);
    }
    long before = geometry.payloadAt(index) - firstBlock;
    return BlockState.FULLY_PRESENT.entry(offset + before * geometry.blockSize());
  }
}
