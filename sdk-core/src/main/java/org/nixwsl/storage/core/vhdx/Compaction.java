package org.nixwsl.storage.core.vhdx;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.core.vhdx.format.BlockState;
import org.nixwsl.storage.core.vhdx.format.Fields;
import org.nixwsl.storage.core.vhdx.format.WritableBytes;
import org.nixwsl.storage.core.vhdx.log.LogWriter;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskCompaction;
import org.nixwsl.storage.disk.DiskType;

/**
 * Gives back the room of a file that holds nothing: blocks of zeros lose their places, blocks at
 * the end move into the holes, and the end is cut off. Guests see what they saw before, so the
 * DataWriteGuid stays. A crash at any point leaves a file with the same contents.
 */
final class Compaction {
  /** Changed entries that are kept back in memory, about 1 MiB. */
  private static final int BATCH = 1 << 14;

  private final OpenDisk disk;
  private final Operation operation;
  private final StageProgress progress;
  private final BlockTable table;
  private final ByteBuffer buffer = ByteBuffer.allocate(Fields.MIB);
  private long zeroBlocks;

  private Compaction(OpenDisk disk, Operation operation, StageProgress progress) {
    this.disk = disk;
    this.operation = operation;
    this.progress = progress;
    this.table = disk.image().blockTable();
  }

  /**
   * Compacts a dynamic or differencing disk.
   *
   * @param name the file's name for messages
   * @throws org.nixwsl.storage.error.DiskException as {@link OpenDisk#open}
   */
  static DiskCompaction run(
      WritableBytes file, String name, Operation operation, StageProgress progress)
      throws IOException {
    OpenDisk disk =
        OpenDisk.open(
            file, name, DiskType.FIXED, "a fixed disk keeps all of its blocks", operation);
    ByteSize before = ByteSize.ofBytes(file.size());
    Compaction compaction = new Compaction(disk, operation, progress);
    long[] moved = new long[1];
    disk.change(
        () -> {
          long read = compaction.freeBlocksOfZeros();
          moved[0] = Relocation.run(disk.again(operation), operation, progress, read);
        });
    return new DiskCompaction(
        before, ByteSize.ofBytes(file.size()), compaction.zeroBlocks, moved[0]);
  }

  /** Tells how many bytes there were to look at. */
  private long freeBlocksOfZeros() throws IOException {
    long blockSize = disk.image().geometry().blockSize();
    long bytes = blocksInFile() * blockSize;
    progress.expect(bytes, 0);
    for (long index = 0; index < table.entries(); index++) {
      if (!disk.image().geometry().isPayload(index)) {
        continue;
      }
      long entry = table.entry(index);
      BlockState state = BlockState.of(entry);
      if (state == BlockState.FULLY_PRESENT) {
        if (isZeros(BlockState.offset(entry), blockSize)) {
          // Not as never written: that would show what the parent has.
          change(index, BlockState.ZERO.entry(0));
          zeroBlocks++;
        }
        progress.advance(blockSize, 0);
      } else if (!state.inFile() && BlockState.offset(entry) != 0) {
        change(index, state.entry(0));
      }
    }
    disk.commit(table);
    return bytes;
  }

  private long blocksInFile() throws IOException {
    long count = 0;
    for (long index = 0; index < table.entries(); index++) {
      if (disk.image().geometry().isPayload(index)
          && BlockState.of(table.entry(index)) == BlockState.FULLY_PRESENT) {
        count++;
      }
    }
    return count;
  }

  private boolean isZeros(long offset, long length) throws IOException {
    for (long done = 0; done < length; done += Fields.MIB) {
      operation.checkCancelled();
      disk.file().read(offset + done, buffer.clear());
      if (!BlockWriter.isZeros(buffer.flip())) {
        return false;
      }
    }
    return true;
  }

  private void change(long index, long entry) throws IOException {
    table.change(index, entry);
    if (table.changes() == BATCH || table.sectorsChanged() == LogWriter.MOST_SECTORS) {
      disk.commit(table);
    }
  }
}
