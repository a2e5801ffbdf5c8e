package org.nixwsl.storage.core.vhdx.format;

import org.nixwsl.storage.disk.DiskType;

/**
 * The sizes of a disk and what follows from them: how its block table is laid out (MS-VHDX section
 * 2.5). Entries come in chunks: as many payload entries as one sector bitmap block covers, then the
 * entry of that bitmap block, in all types of disks.
 *
 * @param type how blocks are kept
 * @param virtualSize bytes, a multiple of the logical sector, from one sector to 64 TiB
 * @param blockSize bytes, a power of two from 1 MiB to 256 MiB
 * @param logicalSectorSize bytes, 512 or 4096
 * @param physicalSectorSize bytes, 512 or 4096
 */
public record Geometry(
    DiskType type,
    long virtualSize,
    long blockSize,
    int logicalSectorSize,
    int physicalSectorSize) {
  /** The largest virtual disk, 64 TiB (MS-VHDX section 2.6.2.2). */
  public static final long LARGEST_DISK = 1L << 46;

  /** Bytes of an entry of the block table. */
  public static final int ENTRY_LENGTH = 8;

  /** The sectors that one sector bitmap block of 1 MiB covers, a bit for each. */
  public static final long SECTORS_PER_BITMAP_BLOCK = 1L << 23;

  private static final long LARGEST_BLOCK = 256L << 20;

  /** Whether a disk may have blocks of so many bytes. */
  public static boolean blockSizeAllowed(long bytes) {
    return bytes >= Fields.MIB && bytes <= LARGEST_BLOCK && Long.bitCount(bytes) == 1;
  }

  /** Whether a disk may have logical or physical sectors of so many bytes. */
  public static boolean sectorSizeAllowed(long bytes) {
    return bytes == 512 || bytes == 4096;
  }

  /** Whether a disk with such logical sectors may have this size. */
  static boolean virtualSizeAllowed(long bytes, int logicalSectorSize) {
    return bytes > 0 && bytes <= LARGEST_DISK && bytes % logicalSectorSize == 0;
  }

  /** Payload blocks per chunk. */
  public long chunkRatio() {
    return SECTORS_PER_BITMAP_BLOCK * logicalSectorSize / blockSize;
  }

  /** How many payload blocks the disk has; the last may reach past the virtual size. */
  public long payloadBlocks() {
    return (virtualSize + blockSize - 1) / blockSize;
  }

  /** How many chunks the disk has, the last maybe in part. */
  public long chunks() {
    return (payloadBlocks() + chunkRatio() - 1) / chunkRatio();
  }

  /** How many entries of the block table are in use. */
  public long entries() {
    return type == DiskType.DIFFERENCING
        ? entriesWithAllBitmaps()
        : payloadBlocks() + (payloadBlocks() - 1) / chunkRatio();
  }

  /** How many entries the disk would use as a differencing disk, which is never fewer. */
  public long entriesWithAllBitmaps() {
    return chunks() * (chunkRatio() + 1);
  }

  /** The same disk with another size. */
  public Geometry withVirtualSize(long bytes) {
    return new Geometry(type, bytes, blockSize, logicalSectorSize, physicalSectorSize);
  }

  /** Whether an entry of the block table is that of a sector bitmap. */
  public boolean isBitmap(long index) {
    return (index + 1) % (chunkRatio() + 1) == 0;
  }

  /** Whether an entry of the block table is that of a block that the disk has. */
  public boolean isPayload(long index) {
    return !isBitmap(index) && payloadAt(index) < payloadBlocks();
  }

  /** The payload block of an entry of the block table that is not a sector bitmap's. */
  public long payloadAt(long index) {
    return index - index / (chunkRatio() + 1);
  }

  /** The index in the block table of a payload block. */
  public long indexOfPayload(long block) {
    return block + block / chunkRatio();
  }

  /** The index in the block table of the sector bitmap block that covers a payload block. */
  public long indexOfBitmap(long block) {
    return (block / chunkRatio() + 1) * (chunkRatio() + 1) - 1;
  }
}
