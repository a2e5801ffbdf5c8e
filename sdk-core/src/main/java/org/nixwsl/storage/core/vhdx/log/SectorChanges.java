package org.nixwsl.storage.core.vhdx.log;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.SortedMap;
import java.util.TreeMap;
import org.nixwsl.storage.core.vhdx.format.DiskBytes;
import org.nixwsl.storage.core.vhdx.format.Fields;

/**
 * Changes of any length in structures of a file, gathered by the sectors that hold them, for one
 * entry of the log. Not thread-safe.
 */
public final class SectorChanges {
  private final DiskBytes file;
  private final TreeMap<Long, ByteBuffer> sectors = new TreeMap<>();

  /** No change yet. */
  public SectorChanges(DiskBytes file) {
    this.file = file;
  }

  /** Puts a number of 8 bytes in its place. */
  public void putLong(long offset, long value) throws IOException {
    put(offset, Fields.zeros(Long.BYTES).putLong(0, value));
  }

  /**
   * Puts what remains in a buffer in its place; sectors that have these bytes already are left out.
   */
  public void put(long offset, ByteBuffer bytes) throws IOException {
    ByteBuffer rest = bytes.duplicate();
    for (long at = offset; rest.hasRemaining(); ) {
      int inSector = (int) (at % Fields.SECTOR);
      int count = Math.min(rest.remaining(), Fields.SECTOR - inSector);
      ByteBuffer part = rest.slice(rest.position(), count);
      ByteBuffer known = sectors.get(at - inSector);
      ByteBuffer sector = known == null ? file.read(at - inSector, Fields.SECTOR) : known;
      if (!sector.slice(inSector, count).equals(part)) {
        sector.put(inSector, part, 0, count);
        sectors.put(at - inSector, sector);
      }
      rest.position(rest.position() + count);
      at += count;
    }
  }

  /** How many sectors change. */
  public int count() {
    return sectors.size();
  }

  /** The sectors as they are to be, by their places in the file. */
  public SortedMap<Long, ByteBuffer> sectors() {
    return sectors;
  }
}
