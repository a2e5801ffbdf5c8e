package org.nixwsl.storage.core.vhdx;

import java.io.IOException;
import java.util.Optional;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.vhdx.findings.FindingCode;
import org.nixwsl.storage.core.vhdx.findings.Findings;
import org.nixwsl.storage.core.vhdx.format.BlockState;
import org.nixwsl.storage.core.vhdx.format.Fields;
import org.nixwsl.storage.core.vhdx.format.Geometry;
import org.nixwsl.storage.core.vhdx.format.Region;
import org.nixwsl.storage.disk.BlockCounts;
import org.nixwsl.storage.disk.DiskType;

/**
 * One walk over the whole block table: counts the states of the blocks and checks the rules that
 * need all of them (MS-VHDX section 2.5).
 */
final class BlockScan {
  /** About a millisecond of work. */
  private static final long ENTRIES_BETWEEN_LOOKS = 1 << 16;

  private final DiskImage image;
  private final Geometry geometry;
  private final Findings findings;
  private final BlockTable table;
  private final SpaceMap space = new SpaceMap();
  private final long[] counts = new long[BlockState.NUMBERS];
  private boolean chunkNeedsBitmap;
  private long nextLook;

  private BlockScan(DiskImage image, Findings findings) {
    this.image = image;
    this.geometry = image.geometry();
    this.findings = findings;
    this.table = image.blockTable();
  }

  /**
   * Walks over the table.
   *
   * @return how many payload blocks are in each state; those in no allowed state are not counted
   */
  static BlockCounts run(DiskImage image, Findings findings, Operation operation)
      throws IOException {
    BlockScan scan = new BlockScan(image, findings);
    scan.walk(operation);
    return scan.counts();
  }

  private void walk(Operation operation) throws IOException {
    for (Region region : image.regions().all()) {
      space.take(region.offset(), region.length());
    }
    long index = 0;
    for (long left = geometry.payloadBlocks(); left > 0; left -= geometry.chunkRatio()) {
      long blocks = Math.min(left, geometry.chunkRatio());
      payloads(index, index + blocks, operation);
      // Entries of the last chunk past the last block are not in use, its bitmap may be.
      index += geometry.chunkRatio();
      if (index < table.entries()) {
        bitmap(index, table.entry(index));
        index++;
      }
    }
    long unused = image.bytes().size() / Fields.MIB * Fields.MIB - space.takenBytes();
    if (unused > 0) {
      findings.report(
          FindingCode.SPACE_UNUSED, 0, unused / Fields.MIB + " MiB of the file are not in use");
    }
  }

  private void payloads(long from, long end, Operation operation) throws IOException {
    long index = from;
    while (index < end) {
      if (index >= nextLook) {
        operation.checkCancelled();
        nextLook = index + ENTRIES_BETWEEN_LOOKS;
      }
      // An entry of zeros is a block that is not there, and nothing can be wrong with it.
      int zeros = table.zerosFrom(index, end - index);
      counts[BlockState.NOT_PRESENT.number()] += zeros;
      index += zeros;
      if (zeros == 0) {
        payload(index, table.entry(index));
        index++;
      }
    }
  }

  private void payload(long index, long entry) {
    BlockState state = BlockState.of(entry);
    checkReservedBits(index, entry);
    if (!allowed(state)) {
      findings.report(
          FindingCode.BAT_STATE,
          table.offsetOf(index),
          "a block of this type of disk cannot be in state " + state.number());
      return;
    }
    counts[state.number()]++;
    chunkNeedsBitmap |= state == BlockState.PARTIALLY_PRESENT;
    if (state.inFile()) {
      takeSpace(index, entry, geometry.blockSize());
    } else if (state == BlockState.ZERO && BlockState.offset(entry) != 0) {
      findings.report(
          FindingCode.BAT_ZERO_OFFSET,
          table.offsetOf(index),
          "a block of zeros has a place in the file");
    }
  }

  private boolean allowed(BlockState state) {
    return switch (state) {
      case NOT_PRESENT, UNDEFINED, ZERO, UNMAPPED, FULLY_PRESENT -> true;
      case PARTIALLY_PRESENT -> geometry.type() == DiskType.DIFFERENCING;
      case INVALID_4, INVALID_5 -> false;
    };
  }

  /** Closes a chunk: a sector bitmap is there, or not, and must be if a block needs it. */
  private void bitmap(long index, long entry) {
    BlockState state = BlockState.of(entry);
    checkReservedBits(index, entry);
    boolean present = state == BlockState.FULLY_PRESENT;
    boolean differencing = geometry.type() == DiskType.DIFFERENCING;
    if (state != BlockState.NOT_PRESENT && !(present && differencing)) {
      findings.report(
          FindingCode.BAT_STATE,
          table.offsetOf(index),
          "a sector bitmap of this type of disk cannot be in state " + state.number());
    } else if (present) {
      takeSpace(index, entry, Fields.MIB);
    } else if (chunkNeedsBitmap) {
      findings.report(
          FindingCode.BAT_BITMAP_MISSING,
          table.offsetOf(index),
          "a block is partly in the file, and its sector bitmap is not");
    }
    chunkNeedsBitmap = false;
  }

  private void checkReservedBits(long index, long entry) {
    if (BlockState.hasReservedBits(entry)) {
      findings.report(
          FindingCode.BAT_RESERVED_BITS,
          table.offsetOf(index),
          "reserved bits of a block table entry are set");
    }
  }

  private void takeSpace(long index, long entry, long length) {
    Optional<FindingCode> misplaced = BlockState.misplaced(entry, length, image.bytes());
    if (misplaced.isPresent()) {
      findings.report(misplaced.get(), table.offsetOf(index), DiskImage.misplacedMessage(entry));
    } else if (!space.take(BlockState.offset(entry), length)) {
      findings.report(
          FindingCode.BAT_OVERLAP,
          table.offsetOf(index),
          "the block at offset "
              + BlockState.offset(entry)
              + " overlaps another block, a region or the log");
    }
  }

  private BlockCounts counts() {
    return new BlockCounts(
        count(BlockState.FULLY_PRESENT),
        count(BlockState.PARTIALLY_PRESENT),
        count(BlockState.ZERO),
        count(BlockState.UNMAPPED),
        count(BlockState.NOT_PRESENT),
        count(BlockState.UNDEFINED));
  }

  private long count(BlockState state) {
    return counts[state.number()];
  }
}
