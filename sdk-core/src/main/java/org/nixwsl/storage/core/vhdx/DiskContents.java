package org.nixwsl.storage.core.vhdx;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.core.vhdx.findings.FindingCode;
import org.nixwsl.storage.core.vhdx.findings.Findings;
import org.nixwsl.storage.core.vhdx.format.BlockState;
import org.nixwsl.storage.core.vhdx.format.DiskBytes;
import org.nixwsl.storage.core.vhdx.format.Fields;
import org.nixwsl.storage.core.vhdx.format.Geometry;
import org.nixwsl.storage.disk.DiskType;

/**
 * What a guest reads from a disk: each byte is in the disk itself, or zero, or up to its parent
 * (MS-VHDX section 2.5.1). Not thread-safe.
 */
final class DiskContents {
  private final List<Layer> layers;

  /**
   * The contents of a disk with its parents.
   *
   * @param layers the disk, its parent, and so on to one without a parent; at least one
   */
  DiskContents(List<Layer> layers) {
    this.layers = List.copyOf(layers);
  }

  /** The sizes of the disk itself. */
  Geometry geometry() {
    return layers.get(0).geometry;
  }

  /** Fills the rest of a buffer; all of it has to be inside the disk. */
  void read(long position, ByteBuffer target) throws IOException {
    long at = position;
    while (target.hasRemaining()) {
      Extent extent = extent(at, target.remaining());
      int count = (int) extent.length;
      ByteBuffer part = target.slice(target.position(), count);
      if (extent.kind == Kind.IN_FILE) {
        extent.file.read(extent.offset, part);
      } else {
        Fields.putZeros(part);
      }
      target.position(target.position() + count);
      at += count;
    }
  }

  /** Whether a range is known to be zeros without reading what is in the file. */
  boolean holdsNothing(long position, long length) throws IOException {
    long at = position;
    while (at < position + length) {
      Extent extent = extent(at, position + length - at);
      if (extent.kind == Kind.IN_FILE) {
        return false;
      }
      at += extent.length;
    }
    return true;
  }

  /** Where the bytes from a position on are, for as many of them as are in one place. */
  private Extent extent(long position, long length) throws IOException {
    long left = length;
    for (Layer layer : layers) {
      long inLayer = layer.geometry.virtualSize() - position;
      if (inLayer <= 0) {
        break; // the child has grown since
      }
      Extent extent = layer.extent(position, Math.min(left, inLayer));
      if (extent.kind != Kind.IN_PARENT) {
        return extent;
      }
      left = extent.length;
    }
    return new Extent(Kind.ZEROS, left, 0, layers.get(0).file);
  }

  private enum Kind {
    IN_FILE,
    ZEROS,
    IN_PARENT
  }

  /**
   * A range of the disk that is all in one place.
   *
   * @param offset where in the file, if it is there
   */
  private record Extent(Kind kind, long length, long offset, DiskBytes file) {}

  /** One disk of a chain. */
  static final class Layer {
    /** The bits of 32768 sectors are read at a time. */
    private static final int BITMAP_PAGE = Fields.SECTOR;

    private final DiskBytes file;
    private final Geometry geometry;
    private final BlockTable table;
    private final Findings strict;
    private BitSet bitmapPage = new BitSet();
    private long bitmapPageOffset = -1;

    /**
     * A disk of any type.
     *
     * @param image without errors
     * @param table its block table
     * @param name the file's name for messages
     */
    Layer(DiskImage image, BlockTable table, String name) {
      this.file = image.bytes();
      this.geometry = image.geometry();
      this.table = table;
      this.strict = Findings.refusing(name);
    }

    private Extent extent(long position, long length) throws IOException {
      long block = position / geometry.blockSize();
      long inBlock = position % geometry.blockSize();
      long count = Math.min(length, geometry.blockSize() - inBlock);
      long index = geometry.indexOfPayload(block);
      long entry = table.entry(index);
      BlockState state = BlockState.of(entry);
      if (state == BlockState.FULLY_PRESENT) {
        return inFile(index, entry, inBlock, count);
      }
      if (geometry.type() == DiskType.DIFFERENCING) {
        if (state == BlockState.NOT_PRESENT) {
          return new Extent(Kind.IN_PARENT, count, 0, file);
        }
        if (state == BlockState.PARTIALLY_PRESENT) {
          return partly(index, entry, position, count);
        }
      }
      // Every other state reads as zeros, whatever a parent has.
      return new Extent(Kind.ZEROS, count, 0, file);
    }

    private Extent inFile(long index, long entry, long inBlock, long count) {
      return new Extent(
          Kind.IN_FILE, count, place(index, entry, geometry.blockSize()) + inBlock, file);
    }

    /** A sector is in the file if its bit is set, and in the parent if not. */
    private Extent partly(long index, long entry, long position, long length) throws IOException {
      long sector = position / geometry.logicalSectorSize();
      long bit = sector % Geometry.SECTORS_PER_BITMAP_BLOCK;
      long pageBits = BITMAP_PAGE * 8L;
      BitSet page = bitmapPage(position / geometry.blockSize(), bit / pageBits * BITMAP_PAGE);
      int first = (int) (bit % pageBits);
      boolean here = page.get(first);
      int end = here ? page.nextClearBit(first) : page.nextSetBit(first);
      long sectors = Math.min(end < 0 ? pageBits : end, pageBits) - first;
      long inSector = position % geometry.logicalSectorSize();
      long count = Math.min(length, sectors * geometry.logicalSectorSize() - inSector);
      return here
          ? inFile(index, entry, position % geometry.blockSize(), count)
          : new Extent(Kind.IN_PARENT, count, 0, file);
    }

    private BitSet bitmapPage(long block, long inBitmap) throws IOException {
      long index = geometry.indexOfBitmap(block);
      long entry = table.entry(index);
      if (BlockState.of(entry) != BlockState.FULLY_PRESENT) {
        strict.report(
            FindingCode.BAT_BITMAP_MISSING,
            table.offsetOf(index),
            "a block is partly in the file, and its sector bitmap is not");
      }
      long offset = place(index, entry, Fields.MIB) + inBitmap;
      if (offset != bitmapPageOffset) {
        bitmapPage = BitSet.valueOf(file.read(offset, BITMAP_PAGE));
        bitmapPageOffset = offset;
      }
      return bitmapPage;
    }

    /** Where a block is in the file. */
    private long place(long index, long entry, long length) {
      // Looked at when the disk was opened; a program that ignores locks may have changed it since.
      Optional<FindingCode> misplaced = BlockState.misplaced(entry, length, file);
      if (misplaced.isPresent()) {
        strict.report(misplaced.get(), table.offsetOf(index), DiskImage.misplacedMessage(entry));
      }
      return BlockState.offset(entry);
    }
  }
}
