package org.nixwsl.storage.core.vhdx;

import java.io.IOException;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.vhdx.format.BlockState;
import org.nixwsl.storage.core.vhdx.format.Fields;
import org.nixwsl.storage.core.vhdx.format.Geometry;
import org.nixwsl.storage.core.vhdx.format.Region;

/**
 * What of a file is in use, by its block table as it is on the device: regions, the log, blocks,
 * and the old places that blocks without contents still name. What is not taken here may be written
 * over. Takes up to two bits of memory for each MiB of the file: 16 MiB for 64 TiB. Not
 * thread-safe.
 */
final class FileSpace {
  /** A mask: entries between two looks at cancellation, about a millisecond of work. */
  private static final long ENTRIES_BETWEEN_LOOKS = (1 << 16) - 1;

  private final SpaceMap taken = new SpaceMap();
  private final SpaceMap blockStarts = new SpaceMap();

  private FileSpace() {}

  /**
   * Looks at all entries.
   *
   * @param image a disk without errors and with nothing to replay
   */
  static FileSpace of(DiskImage image, Operation operation) throws IOException {
    return of(image, operation::checkCancelled);
  }

  /** {@link #of(DiskImage, Operation)} that nobody can cancel. */
  static FileSpace of(DiskImage image) throws IOException {
    return of(image, () -> {});
  }

  private static FileSpace of(DiskImage image, Runnable look) throws IOException {
    FileSpace space = new FileSpace();
    for (Region region : image.regions().all()) {
      space.taken.take(region.offset(), region.length());
    }
    Geometry geometry = image.geometry();
    BlockTable table = image.blockTable();
    for (long index = 0; index < table.entries(); index++) {
      if ((index & ENTRIES_BETWEEN_LOOKS) == 0) {
        look.run();
      }
      boolean bitmap = geometry.isBitmap(index);
      if (bitmap || geometry.isPayload(index)) {
        space.add(table.entry(index), bitmap, geometry.blockSize());
      }
    }
    return space;
  }

  private void add(long entry, boolean bitmap, long blockSize) {
    long offset = BlockState.offset(entry);
    long length = bitmap ? Fields.MIB : blockSize;
    // Of a block that is not in the file nobody has checked the place.
    if (offset > 0 && offset <= Fields.LARGEST_FILE - length) {
      taken.take(offset, length);
      if (!bitmap && BlockState.of(entry).inFile()) {
        blockStarts.take(offset, Fields.MIB);
      }
    }
  }

  /** The lowest free range at an offset or above it; past all that is in use there is room. */
  long findFree(long offset, long length) {
    return taken.findFree(offset, length);
  }

  /** The end of what is in use below an offset. */
  long endBelow(long offset) {
    return taken.lastTakenBelow(offset) + Fields.MIB;
  }

  /** The end of all that is in use. */
  long end() {
    return endBelow(Fields.LARGEST_FILE);
  }

  /** Where the highest block begins that begins below an offset; negative if there is none. */
  long lastBlockBelow(long offset) {
    return blockStarts.lastTakenBelow(offset);
  }
}
