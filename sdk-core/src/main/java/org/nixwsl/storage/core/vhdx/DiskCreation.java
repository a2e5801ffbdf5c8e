package org.nixwsl.storage.core.vhdx;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.UUID;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.core.vhdx.format.DiskMetadata;
import org.nixwsl.storage.core.vhdx.format.Fields;
import org.nixwsl.storage.core.vhdx.format.FileIdentifier;
import org.nixwsl.storage.core.vhdx.format.Geometry;
import org.nixwsl.storage.core.vhdx.format.Header;
import org.nixwsl.storage.core.vhdx.format.Region;
import org.nixwsl.storage.core.vhdx.format.RegionTable;
import org.nixwsl.storage.core.vhdx.format.WritableBytes;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.disk.DiskType;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;

/**
 * What a new disk looks like. The order is that of Windows: log, metadata, block table, then the
 * blocks as they come.
 */
final class DiskCreation {
  /** What the file says of its maker; for people only. */
  static final String CREATOR = "NixOS-WSL Storage SDK 0.1.0";

  /** The smallest disk that Windows makes. */
  private static final long SMALLEST_DISK = 3L * Fields.MIB;

  private static final Region LOG = new Region("the log", Fields.MIB, Fields.MIB);
  private static final Region METADATA = new Region("the metadata", LOG.end(), Fields.MIB);

  private DiskCreation() {}

  /**
   * The geometry that a user asks for.
   *
   * @throws DiskException {@code VHDX_BAD_GEOMETRY} if no disk of ours can be like that
   */
  static Geometry geometry(DiskSpec spec) {
    requireUsableSize(spec.virtualSize());
    if (!Geometry.blockSizeAllowed(spec.blockSize().bytes())) {
      throw badGeometry(
          "blocks of " + describe(spec.blockSize()), "Choose a power of two from 1M to 256M.");
    }
    for (int sector : new int[] {spec.logicalSectorSize(), spec.physicalSectorSize()}) {
      if (!Geometry.sectorSizeAllowed(sector)) {
        throw badGeometry("sectors of " + sector + " bytes", "Choose 512 or 4096.");
      }
    }
    return new Geometry(
        spec.fixed() ? DiskType.FIXED : DiskType.DYNAMIC,
        spec.virtualSize().bytes(),
        spec.blockSize().bytes(),
        spec.logicalSectorSize(),
        spec.physicalSectorSize());
  }

  /**
   * Refuses a size that a disk of ours cannot have.
   *
   * @throws DiskException {@code VHDX_BAD_GEOMETRY}
   */
  static void requireUsableSize(ByteSize virtualSize) {
    long size = virtualSize.bytes();
    if (size < SMALLEST_DISK || size > Geometry.LARGEST_DISK || size % Fields.MIB != 0) {
      throw badGeometry(
          "a disk of " + describe(virtualSize), "Choose a multiple of 1 MiB from 3 MiB to 64 TiB.");
    }
  }

  /**
   * Writes a disk that has no block yet into an empty file. The file is as long as its table of
   * blocks needs; the parts that are zeros are not written, only the length is set, because Windows
   * refuses to attach files that were made with holes on purpose.
   */
  static void write(FileChannel file, Geometry geometry) throws IOException {
    write(file, geometry, UUID.randomUUID(), UUID.randomUUID());
  }

  /** {@link #write(FileChannel, Geometry)} of a disk that has its ids already. */
  static void write(FileChannel file, Geometry geometry, UUID diskId, UUID dataWriteGuid)
      throws IOException {
    Region table = table(geometry);
    put(file, table.end() - 1, Fields.zeros(1));
    put(file, 0, FileIdentifier.encode(CREATOR));
    UUID fileWriteGuid = UUID.randomUUID();
    ByteBuffer regions = RegionTable.encode(METADATA, table);
    for (int copy = 0; copy < 2; copy++) {
      Header header = Header.of(copy, fileWriteGuid, dataWriteGuid, LOG.offset(), LOG.length());
      put(file, Header.offsetOf(copy), header.encode());
      put(file, RegionTable.offsetOf(copy), regions.duplicate());
    }
    put(file, METADATA.offset(), DiskMetadata.encode(geometry, diskId));
  }

  /** Where the block table of a new disk is, in bytes. */
  static long tableOffset() {
    return METADATA.end();
  }

  /**
   * Gives a new fixed disk its blocks.
   *
   * @param file to which {@link #write} has written
   */
  static void writeBlocks(
      WritableBytes file, Geometry geometry, Operation operation, StageProgress progress)
      throws IOException {
    Region table = table(geometry);
    AddedBlocks blocks = new AddedBlocks(geometry, 0, table.end());
    blocks.forEachPiece(
        0,
        operation,
        (index, entries) -> file.write(table.offset() + index * Geometry.ENTRY_LENGTH, entries));
    blocks.write(file, operation, progress);
  }

  /** How long the file of a new disk is, in bytes. */
  static long fileLength(Geometry geometry) {
    long end = table(geometry).end();
    return end + new AddedBlocks(geometry, 0, end).length();
  }

  private static Region table(Geometry geometry) {
    long length = Fields.roundUpToMib(geometry.entriesWithAllBitmaps() * Geometry.ENTRY_LENGTH);
    return new Region("the block table", METADATA.end(), length);
  }

  private static void put(FileChannel file, long offset, ByteBuffer bytes) throws IOException {
    long at = offset;
    while (bytes.hasRemaining()) {
      at += file.write(bytes, at);
    }
  }

  private static String describe(ByteSize size) {
    return size.bytes() + " bytes (" + size.display() + ")";
  }

  private static DiskException badGeometry(String what, String remedy) {
    return new DiskException(
        Problem.of(ErrorCode.VHDX_BAD_GEOMETRY, "A VHDX cannot have " + what + ".", remedy));
  }
}
