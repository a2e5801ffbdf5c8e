package org.nixwsl.storage.core.vhdx;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.core.vhdx.format.BlockState;
import org.nixwsl.storage.core.vhdx.format.DiskMetadata;
import org.nixwsl.storage.core.vhdx.format.Fields;
import org.nixwsl.storage.core.vhdx.format.Geometry;
import org.nixwsl.storage.core.vhdx.format.Region;
import org.nixwsl.storage.core.vhdx.format.WritableBytes;
import org.nixwsl.storage.core.vhdx.log.SectorChanges;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskResize;
import org.nixwsl.storage.disk.DiskType;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;

/**
 * Gives a disk another size. The size changes with one entry of the log, before which all that the
 * new size needs is on the device; what is done before and after it is not seen by anybody. So a
 * crash at any point leaves a disk of the old size or of the new one.
 */
final class Resizing {
  private final OpenDisk disk;
  private final WritableBytes file;
  private final DiskImage image;
  private final Geometry old;
  private final Geometry wanted;
  private final Operation operation;
  private final StageProgress progress;

  private Resizing(OpenDisk disk, long size, Operation operation, StageProgress progress) {
    this.disk = disk;
    this.file = disk.file();
    this.image = disk.image();
    this.old = image.geometry();
    this.wanted = old.withVirtualSize(size);
    this.operation = operation;
    this.progress = progress;
  }

  /**
   * Resizes a dynamic or fixed disk; nothing is changed if it has the size.
   *
   * @param name the file's name for messages
   * @throws DiskException {@code VHDX_BAD_GEOMETRY}, {@code VHDX_WOULD_LOSE_DATA}, and as {@link
   *     OpenDisk#open}; nothing is changed then
   */
  static void run(
      WritableBytes file,
      String name,
      DiskResize resize,
      Operation operation,
      StageProgress progress)
      throws IOException {
    long size = resize.virtualSize().bytes();
    DiskCreation.requireUsableSize(resize.virtualSize());
    OpenDisk disk =
        OpenDisk.open(
            file,
            name,
            DiskType.DIFFERENCING,
            "a differencing disk has the size that it was made with",
            operation);
    Resizing resizing = new Resizing(disk, size, operation, progress);
    if (size > resizing.old.virtualSize()) {
      disk.change(resizing::expand);
    } else if (size < resizing.old.virtualSize()) {
      if (!resize.allowDataLoss()) {
        resizing.requireNothingPast(size);
      }
      disk.change(resizing::shrink);
    }
  }

  private void expand() throws IOException {
    disk.headers().beforeWriting();
    // What an expansion that was cut short left; and what is appended now reads as zeros.
    disk.cutTail(operation);
    zeroRestOfLastBlock();
    Region table = image.regions().blockTable();
    boolean inPlace = wanted.entries() * Geometry.ENTRY_LENGTH <= table.length();
    long end = Fields.roundUpToMib(file.size());
    long newTable =
        inPlace ? 0 : Fields.roundUpToMib(wanted.entriesWithAllBitmaps() * Geometry.ENTRY_LENGTH);
    AddedBlocks blocks = new AddedBlocks(wanted, old.payloadBlocks(), end + newTable);
    Region place = inPlace ? table : new Region(table.name(), end, newTable);
    long lengthBefore = file.size();
    try {
      if (!inPlace) {
        moveTable(table, place, blocks);
      }
      blocks.write(file, operation, progress);
    } catch (IOException | RuntimeException e) {
      // Nothing names these bytes yet. Above all when there was no room for them they must go.
      try {
        file.truncate(lengthBefore);
      } catch (IOException cutting) {
        e.addSuppressed(cutting);
      }
      throw e;
    }
    if (inPlace) {
      blocks.forEachPiece(old.entries(), operation, this::changeUnusedEntries);
    }
    SectorChanges last = new SectorChanges(file);
    if (!inPlace) {
      Relocation.putPlaceOfTable(last, file, place);
    }
    commitSize(last);
  }

  /** What lies past the old end in the last block was of no meaning, and becomes contents. */
  private void zeroRestOfLastBlock() throws IOException {
    long used = old.virtualSize() % old.blockSize();
    long entry = image.blockTable().entry(old.indexOfPayload(old.payloadBlocks() - 1));
    if (used == 0 || BlockState.of(entry) != BlockState.FULLY_PRESENT) {
      return;
    }
    ByteBuffer zeros = ByteBuffer.allocate(Fields.MIB);
    for (long at = used; at < old.blockSize(); at += Fields.MIB) {
      operation.checkCancelled();
      zeros.clear().limit((int) Math.min(Fields.MIB, old.blockSize() - at));
      file.write(BlockState.offset(entry) + at, zeros);
    }
  }

  /** Copies the block table to the end of the file, and gives it the new entries there. */
  private void moveTable(Region table, Region place, AddedBlocks blocks) throws IOException {
    file.extend(place.end());
    ByteBuffer buffer = ByteBuffer.allocate(Fields.MIB);
    long length = old.entries() * Geometry.ENTRY_LENGTH;
    for (long at = 0; at < length; at += Fields.MIB) {
      operation.checkCancelled();
      buffer.clear().limit((int) Math.min(Fields.MIB, length - at));
      file.read(table.offset() + at, buffer);
      file.write(place.offset() + at, buffer.flip());
    }
    if (blocks.length() > 0) {
      blocks.forEachPiece(
          old.entries(),
          operation,
          (index, entries) -> file.write(place.offset() + index * Geometry.ENTRY_LENGTH, entries));
    }
  }

  /** Entries past the last block mean nothing, so that these may change in several steps. */
  private void changeUnusedEntries(long index, ByteBuffer entries) throws IOException {
    SectorChanges changes = new SectorChanges(file);
    changes.put(image.regions().blockTable().offset() + index * Geometry.ENTRY_LENGTH, entries);
    if (changes.count() > 0) {
      disk.log().commit(changes.sectors());
    }
  }

  /** From here on the disk has the new size. */
  private void commitSize(SectorChanges changes) throws IOException {
    changes.putLong(
        DiskMetadata.virtualSizeOffset(file, image.regions().metadata()), wanted.virtualSize());
    operation.checkCancelled();
    disk.headers().beforeChangingData();
    disk.log().commit(changes.sectors());
  }

  private void shrink() throws IOException {
    commitSize(new SectorChanges(file));
    Region table = image.regions().blockTable();
    ByteBuffer zeros = ByteBuffer.allocate(64 << 10);
    long end = table.offset() + old.entries() * Geometry.ENTRY_LENGTH;
    long at = table.offset() + wanted.entries() * Geometry.ENTRY_LENGTH;
    while (at < end) {
      SectorChanges cut = new SectorChanges(file);
      zeros.clear().limit((int) Math.min(zeros.capacity(), end - at));
      cut.put(at, zeros);
      if (cut.count() > 0) {
        disk.log().commit(cut.sectors());
      }
      at += zeros.limit();
    }
    Relocation.run(disk.again(operation), operation, progress, 0);
  }

  /** Reads all that would be cut off. */
  private void requireNothingPast(long size) throws IOException {
    BlockTable table = image.blockTable();
    ByteBuffer buffer = ByteBuffer.allocate(Fields.MIB);
    progress.expect(0, old.payloadBlocks() - size / old.blockSize());
    for (long block = size / old.blockSize(); block < old.payloadBlocks(); block++) {
      operation.checkCancelled();
      long entry = table.entry(old.indexOfPayload(block));
      if (BlockState.of(entry) == BlockState.FULLY_PRESENT) {
        long start = block * old.blockSize();
        long from = Math.max(size, start) - start;
        long end = Math.min(old.virtualSize() - start, old.blockSize());
        for (long at = from; at < end; at += Fields.MIB) {
          operation.checkCancelled();
          buffer.clear().limit((int) Math.min(Fields.MIB, end - at));
          file.read(BlockState.offset(entry) + at, buffer);
          if (!BlockWriter.isZeros(buffer.flip())) {
            throw wouldLoseData(start + at);
          }
        }
      }
      progress.advance(0, 1);
    }
  }

  private DiskException wouldLoseData(long offset) {
    return new DiskException(
        Problem.of(
            ErrorCode.VHDX_WOULD_LOSE_DATA,
            "Cannot shrink "
                + disk.name()
                + " to "
                + ByteSize.ofBytes(wanted.virtualSize())
                + ": the disk holds data at offset "
                + offset
                + " or in the MiB after it.",
            "Shrink the file system on it first, then allow the loss of what lies past its end."));
  }
}
