package org.nixwsl.storage.core.vhdx.log;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.TreeMap;
import org.nixwsl.storage.core.vhdx.format.DiskBytes;
import org.nixwsl.storage.core.vhdx.format.Fields;
import org.nixwsl.storage.core.vhdx.format.WritableBytes;

/**
 * A file as it would be after its log was written to it. Holds only where changes are; their bytes
 * are read from the log when they are asked for. Not to be changed any more once it is read.
 */
final class ReplayedBytes implements DiskBytes {
  /** How much is written at a time; only ranges of zeros are longer. */
  private static final int PIECE_OF_ZEROS = 64 << 10;

  private final DiskBytes file;
  private final TreeMap<Long, Piece> pieces = new TreeMap<>();
  private long size;

  /**
   * A range that the log changes, keyed by its start.
   *
   * @param end the byte after it
   * @param source where its data sector is in the file, or {@link #ZEROS}
   */
  private record Piece(long end, long source, long leading, int trailing) {
    private static final long ZEROS = -1;

    boolean zeros() {
      return source == ZEROS;
    }

    Piece endingAt(long newEnd) {
      return new Piece(newEnd, source, leading, trailing);
    }
  }

  /**
   * The file without changes.
   *
   * @param size bytes after the replay, if no change reaches farther; at least those of the file
   */
  ReplayedBytes(DiskBytes file, long size) {
    this.file = file;
    this.size = size;
  }

  /** How many ranges are held, for bounding the memory they take. */
  int pieces() {
    return pieces.size();
  }

  /** Lays a range of zeros over all before it. Bounds and alignment have been checked. */
  void zero(long target, long bytes) {
    put(target, new Piece(target + bytes, Piece.ZEROS, 0, 0));
  }

  /** Lays a sector over all before it. Bounds and alignment have been checked. */
  void data(long target, long leading, int trailing, long source) {
    put(target, new Piece(target + Fields.SECTOR, source, leading, trailing));
  }

  /** Makes the file what these bytes are. The log, which is read meanwhile, is none of them. */
  void writeTo(WritableBytes target) throws IOException {
    target.extend(size);
    for (Map.Entry<Long, Piece> piece : pieces.entrySet()) {
      long end = piece.getValue().end;
      for (long at = piece.getKey(); at < end; at += PIECE_OF_ZEROS) {
        target.write(at, read(at, (int) Math.min(PIECE_OF_ZEROS, end - at)));
      }
    }
  }

  private void put(long start, Piece piece) {
    size = Math.max(size, piece.end);
    Map.Entry<Long, Piece> before = pieces.lowerEntry(start);
    if (before != null && before.getValue().end > start) {
      // Only ranges of zeros are longer than a sector, so that only they are ever cut.
      pieces.put(before.getKey(), before.getValue().endingAt(start));
      if (before.getValue().end > piece.end) {
        pieces.put(piece.end, before.getValue());
      }
    }
    Map.Entry<Long, Piece> last = pieces.lowerEntry(piece.end);
    if (last != null && last.getKey() >= start && last.getValue().end > piece.end) {
      pieces.put(piece.end, last.getValue());
    }
    pieces.subMap(start, true, piece.end, false).clear();
    pieces.put(start, piece);
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public void read(long offset, ByteBuffer target) throws IOException {
    if (!contains(offset, target.remaining())) {
      throw new EOFException("Offset " + offset + " is past the end of the file");
    }
    long at = offset;
    while (target.hasRemaining()) {
      Map.Entry<Long, Piece> found = pieces.floorEntry(at);
      boolean changed = found != null && found.getValue().end > at;
      Long next = pieces.higherKey(at);
      long end = changed ? found.getValue().end : next == null ? Long.MAX_VALUE : next;
      int count = (int) Math.min(target.remaining(), end - at);
      ByteBuffer part = target.slice(target.position(), count);
      if (changed) {
        readChanged(found.getValue(), at - found.getKey(), part);
      } else {
        readUnchanged(at, part);
      }
      target.position(target.position() + count);
      at += count;
    }
  }

  private void readChanged(Piece piece, long from, ByteBuffer part) throws IOException {
    if (piece.zeros()) {
      Fields.putZeros(part);
      return;
    }
    ByteBuffer sector = file.read(piece.source, Fields.SECTOR);
    sector.putLong(0, piece.leading);
    sector.putInt(Fields.SECTOR - Integer.BYTES, piece.trailing);
    part.put(sector.slice((int) from, part.remaining()));
  }

  /** The file may be shorter than what it is to become. */
  private void readUnchanged(long at, ByteBuffer part) throws IOException {
    int inFile = (int) Math.max(0, Math.min(part.remaining(), file.size() - at));
    file.read(Math.min(at, file.size()), part.slice(part.position(), inFile));
    part.position(part.position() + inFile);
    Fields.putZeros(part);
  }
}
