package org.nixwsl.storage.core.vhdx;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.core.vhdx.format.BlockState;
import org.nixwsl.storage.core.vhdx.format.DiskBytes;
import org.nixwsl.storage.core.vhdx.format.Fields;
import org.nixwsl.storage.core.vhdx.format.Region;
import org.nixwsl.storage.core.vhdx.format.RegionTable;
import org.nixwsl.storage.core.vhdx.log.LogWriter;
import org.nixwsl.storage.core.vhdx.log.SectorChanges;

/**
 * Moves what is at the end of a file into holes before it, so that the end can be cut off. What is
 * copied is on the device before the log entry that names its new place, and old places are not
 * written over. So a crash leaves every block at its old place or at its new one. The regions of
 * others, the log and sector bitmaps stay where they are. Not thread-safe.
 */
final class Relocation {
  /** Moved blocks whose entries are kept back; as many as a sector of the table has entries. */
  private static final int BATCH = 512;

  private final OpenDisk disk;
  private final long blockSize;
  private final FileSpace space;
  private final Operation operation;
  private final StageProgress progress;
  private final ByteBuffer buffer = ByteBuffer.allocate(Fields.MIB);

  private Relocation(OpenDisk disk, Operation operation, StageProgress progress)
      throws IOException {
    this.disk = disk;
    this.blockSize = disk.image().geometry().blockSize();
    this.space = FileSpace.of(disk.image(), operation);
    this.operation = operation;
    this.progress = progress;
  }

  /**
   * Moves the block table if a hole before it has room for it, then blocks, and cuts off the end.
   *
   * @param bytesBefore how many bytes of work the progress expected before
   * @return how many blocks were moved
   */
  static long run(OpenDisk disk, Operation operation, StageProgress progress, long bytesBefore)
      throws IOException {
    OpenDisk now = disk;
    if (new Relocation(now, operation, progress).moveTable()) {
      now = now.again(operation);
    }
    long moved = new Relocation(now, operation, progress).moveBlocks(bytesBefore);
    now = now.again(operation);
    now.cutTail(operation);
    return moved;
  }

  private boolean moveTable() throws IOException {
    Region table = disk.image().regions().blockTable();
    long hole = space.findFree(Fields.MIB, table.length());
    if (hole > table.offset()) {
      return false;
    }
    disk.headers().beforeWriting();
    copy(table.offset(), hole, table.length());
    SectorChanges changes = new SectorChanges(disk.file());
    putPlaceOfTable(changes, disk.file(), new Region(table.name(), hole, table.length()));
    disk.log().commit(changes.sectors());
    return true;
  }

  /** Names the place of the block table in both copies of the region table. */
  static void putPlaceOfTable(SectorChanges changes, DiskBytes file, Region table)
      throws IOException {
    ByteBuffer copy = RegionTable.withBlockTable(file, table);
    changes.put(RegionTable.offsetOf(0), copy);
    changes.put(RegionTable.offsetOf(1), copy);
  }

  private long moveBlocks(long bytesBefore) throws IOException {
    long lowestMoved = Long.MAX_VALUE;
    long count = 0;
    long hole = space.findFree(Fields.MIB, blockSize);
    long block = space.lastBlockBelow(Fields.LARGEST_FILE);
    // As long as a block is the last of the file, and a hole lies wholly before it.
    while (block >= 0
        && space.endBelow(Math.min(lowestMoved, Fields.LARGEST_FILE)) == block + blockSize
        && hole + blockSize <= block) {
      lowestMoved = block;
      count++;
      hole = space.findFree(hole + blockSize, blockSize);
      block = space.lastBlockBelow(lowestMoved);
    }
    progress.expect(bytesBefore + count * blockSize, 0);
    if (count > 0) {
      moveBlocksFrom(lowestMoved);
    }
    return count;
  }

  /** Moves all blocks at an offset or above it into the lowest holes. */
  private void moveBlocksFrom(long lowest) throws IOException {
    disk.headers().beforeWriting();
    BlockTable table = disk.image().blockTable();
    long hole = Fields.MIB;
    for (long index = 0; index < table.entries(); index++) {
      long entry = table.entry(index);
      boolean block = disk.image().geometry().isPayload(index) && BlockState.of(entry).inFile();
      if (block && BlockState.offset(entry) >= lowest) {
        hole = space.findFree(hole, blockSize);
        copy(BlockState.offset(entry), hole, blockSize);
        table.change(index, BlockState.of(entry).entry(hole));
        hole += blockSize;
        if (table.changes() == BATCH || table.sectorsChanged() == LogWriter.MOST_SECTORS) {
          disk.commit(table);
        }
      }
    }
    disk.commit(table);
  }

  private void copy(long from, long to, long length) throws IOException {
    for (long done = 0; done < length; done += Fields.MIB) {
      operation.checkCancelled();
      disk.file().read(from + done, buffer.clear());
      disk.file().write(to + done, buffer.flip());
      progress.advance(Fields.MIB, 0);
    }
  }
}
