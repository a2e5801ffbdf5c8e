package org.nixwsl.storage.core.vhdx;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.core.vhdx.format.BlockState;
import org.nixwsl.storage.core.vhdx.format.Fields;
import org.nixwsl.storage.core.vhdx.format.Geometry;
import org.nixwsl.storage.disk.DiskType;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.migrate.Stage;

/**
 * Writes what a disk holds to the empty file of a new one, block after block, and reads it back.
 * The file has no name yet, so that nothing of it goes through the log. Not thread-safe.
 */
final class DiskCopier {
  /** What is looked at for zeros, read and hashed at a time; no block is smaller. */
  private static final int PIECE = Fields.MIB;

  /** Entries of the block table that are kept back: 64 KiB. */
  private static final int ENTRIES = 8192;

  /** A mask: pieces of nothing between two looks at cancellation. */
  private static final int PIECES_BETWEEN_LOOKS = (1 << 12) - 1;

  private final DiskContents source;
  private final Operation operation;
  private final ByteBuffer piece = ByteBuffer.allocateDirect(PIECE);

  DiskCopier(DiskContents source, Operation operation) {
    this.source = source;
    this.operation = operation;
  }

  /** What was copied. */
  record Copied(long bytes, String digest) {}

  /** What the copy of a disk with this geometry is like. */
  static Geometry geometryOf(Geometry source) {
    DiskType type = source.type() == DiskType.FIXED ? DiskType.FIXED : DiskType.DYNAMIC;
    return new Geometry(
        type,
        source.virtualSize(),
        source.blockSize(),
        source.logicalSectorSize(),
        source.physicalSectorSize());
  }

  /** How long the file of the copy is at least. */
  static long leastLength(Geometry copy) {
    long blocks = copy.type() == DiskType.FIXED ? copy.payloadBlocks() * copy.blockSize() : 0;
    return DiskCreation.fileLength(copy) + blocks;
  }

  /**
   * Copies and forces to the device.
   *
   * @param file empty
   */
  Copied copyTo(FileChannel file, UUID diskId, UUID dataWriteGuid)
      throws IOException, InterruptedException {
    Geometry geometry = geometryOf(source.geometry());
    return operation.stage(
        Stage.COPY,
        progress -> {
          progress.expect(geometry.virtualSize(), 0);
          DiskCreation.write(file, geometry, diskId, dataWriteGuid);
          Target target = new Target(ChannelBytes.of(file), geometry);
          Copied copied = walk(source, progress, target);
          target.finish();
          return copied;
        });
  }

  /**
   * Reads a copy back.
   *
   * @param name the copy's for messages
   * @throws DiskException {@code VHDX_COPY_DAMAGED}
   */
  void verify(DiskImage copy, Copied expected, String name)
      throws IOException, InterruptedException {
    DiskContents.Layer layer = new DiskContents.Layer(copy, copy.blockTable(), name);
    DiskContents contents = new DiskContents(List.of(layer));
    Copied found =
        operation.stage(
            Stage.PROVE,
            progress -> {
              progress.expect(copy.geometry().virtualSize(), 0);
              return walk(contents, progress, (position, bytes) -> {});
            });
    if (!found.equals(expected)) {
      throw new DiskException(
          Problem.of(
              ErrorCode.VHDX_COPY_DAMAGED,
              "The copy " + name + " reads back differently from what was written to it.",
              "Look at the device of the copy; it does not keep what it is given."));
    }
  }

  /** Takes the pieces of a disk that are not zeros, in their order. */
  @FunctionalInterface
  private interface Sink {
    void take(long position, ByteBuffer bytes) throws IOException;
  }

  private Copied walk(DiskContents disk, StageProgress progress, Sink sink) throws IOException {
    long size = disk.geometry().virtualSize();
    MessageDigest digest = sha256();
    digest.update(number(size));
    long copied = 0;
    long skipped = 0;
    for (long at = 0; at < size; at += PIECE) {
      int count = (int) Math.min(PIECE, size - at);
      if (disk.holdsNothing(at, count)) {
        skipped += count;
        if ((at / PIECE & PIECES_BETWEEN_LOOKS) == 0) {
          operation.checkCancelled();
          progress.advance(skipped, 0);
          skipped = 0;
        }
        continue;
      }
      operation.checkCancelled();
      disk.read(at, piece.clear().limit(count));
      piece.flip();
      if (!BlockWriter.isZeros(piece)) {
        digest.update(number(at));
        digest.update(piece.duplicate());
        sink.take(at, piece.duplicate());
        copied += count;
      }
      progress.advance(count + skipped, 0);
      skipped = 0;
    }
    return new Copied(copied, HexFormat.of().formatHex(digest.digest()));
  }

  private static byte[] number(long value) {
    return ByteBuffer.allocate(Long.BYTES).putLong(value).array();
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }

  /** The blocks and the block table of the new file, both written from front to back. */
  private static final class Target implements Sink {
    private final ChannelBytes file;
    private final Geometry geometry;
    private final long table;
    private final ByteBuffer entries = Fields.zeros(ENTRIES * Geometry.ENTRY_LENGTH);
    private long firstEntry;
    private boolean changed;
    private long block = -1;
    private long place;
    private long end;

    Target(ChannelBytes file, Geometry geometry) {
      this.file = file;
      this.geometry = geometry;
      this.table = DiskCreation.tableOffset();
      this.end = file.size();
    }

    @Override
    public void take(long position, ByteBuffer bytes) throws IOException {
      long wanted = position / geometry.blockSize();
      if (geometry.type() == DiskType.FIXED) {
        allocateUpTo(wanted);
      } else if (wanted != block) {
        allocate(wanted);
      }
      file.write(place + position % geometry.blockSize(), bytes);
    }

    /** Writes what is left of the table, and brings all of the file to the device. */
    void finish() throws IOException {
      if (geometry.type() == DiskType.FIXED) {
        allocateUpTo(geometry.payloadBlocks() - 1);
      }
      flushEntries();
      file.extend(end);
      file.force();
    }

    private void allocateUpTo(long wanted) throws IOException {
      while (block < wanted) {
        allocate(block + 1);
      }
    }

    private void allocate(long wanted) throws IOException {
      block = wanted;
      place = end;
      end += geometry.blockSize();
      if (end > Fields.LARGEST_FILE) {
        throw new IOException("The file would be longer than " + Fields.LARGEST_FILE + " bytes");
      }
      long index = geometry.indexOfPayload(block);
      if (index / ENTRIES != firstEntry / ENTRIES) {
        flushEntries();
        firstEntry = index / ENTRIES * ENTRIES;
      }
      entries.putLong(
          (int) (index - firstEntry) * Geometry.ENTRY_LENGTH,
          BlockState.FULLY_PRESENT.entry(place));
      changed = true;
    }

    /** Parts of the table without a block are zeros already. */
    private void flushEntries() throws IOException {
      if (changed) {
        long left = geometry.entriesWithAllBitmaps() - firstEntry;
        int length = (int) Math.min(ENTRIES, left) * Geometry.ENTRY_LENGTH;
        file.write(table + firstEntry * Geometry.ENTRY_LENGTH, entries.slice(0, length));
        Fields.putZeros(entries.clear());
        entries.clear();
        changed = false;
      }
    }
  }
}
