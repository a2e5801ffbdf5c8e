package org.nixwsl.storage.core.vhdx;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.LongBuffer;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.vhdx.format.DiskBytes;
import org.nixwsl.storage.core.vhdx.format.Fields;
import org.nixwsl.storage.core.vhdx.format.Geometry;
import org.nixwsl.storage.core.vhdx.format.Region;

/**
 * The block allocation table, paged: of up to 513 MiB only the pages in use are in memory, 1 MiB at
 * most, and the entries that were changed. The entries of a disk are known to lie inside the
 * region, and the region inside the file. Not thread-safe.
 */
final class BlockTable {
  /** 16 KiB: the entries of 2 GiB of disk with blocks of 1 MiB. */
  private static final int ENTRIES_PER_PAGE = 2048;

  private static final int PAGES = 64;

  private static final LongBuffer ZEROS = LongBuffer.allocate(ENTRIES_PER_PAGE).asReadOnlyBuffer();

  private final DiskBytes file;
  private final Region region;
  private final long entries;
  private final @Nullable LongBuffer[] pages = new LongBuffer[PAGES];
  private final long[] numbers = new long[PAGES];
  private final TreeMap<Long, Long> changes = new TreeMap<>();
  private final Set<Long> sectors = new HashSet<>();

  BlockTable(DiskBytes file, Region region, Geometry geometry) {
    this.file = file;
    this.region = region;
    this.entries = geometry.entries();
  }

  /** An entry, as it stands; the index is from 0 to the number of entries in use, excluded. */
  long entry(long index) throws IOException {
    Long changed = changes.get(index);
    return changed == null ? entryInFile(index) : changed;
  }

  /**
   * How many entries from this one on are zeros, which most of a new table is: a walk skips them
   * all at once. Ends at the latest with the page, so that more may follow.
   *
   * @param most a bound of the answer, at least 1
   */
  int zerosFrom(long index, long most) throws IOException {
    Long change = changes.ceilingKey(index);
    long bound = change == null ? most : Math.min(most, change - index);
    LongBuffer page = pageOf(index);
    int at = (int) (index % ENTRIES_PER_PAGE);
    int length = (int) Math.min(bound, page.limit() - at);
    int mismatch = page.slice(at, length).mismatch(ZEROS.slice(0, length));
    return mismatch < 0 ? length : mismatch;
  }

  /** Changes an entry, in memory only; the caller bounds how many, and brings them to the file. */
  void change(long index, long entry) {
    changes.put(index, entry);
    sectors.add(offsetOf(index) / Fields.SECTOR);
  }

  /** How many entries differ from those in the file. */
  int changes() {
    return changes.size();
  }

  /** How many sectors of the file hold entries that differ from those in it. */
  int sectorsChanged() {
    return sectors.size();
  }

  /** The sectors of the file that hold changed entries, as they are to be, by their places. */
  SortedMap<Long, ByteBuffer> changedSectors() throws IOException {
    SortedMap<Long, ByteBuffer> changed = new TreeMap<>();
    for (Map.Entry<Long, Long> change : changes.entrySet()) {
      long offset = offsetOf(change.getKey());
      int inSector = (int) (offset % Fields.SECTOR);
      ByteBuffer sector = changed.get(offset - inSector);
      if (sector == null) {
        sector = file.read(offset - inSector, Fields.SECTOR);
        changed.put(offset - inSector, sector);
      }
      sector.putLong(inSector, change.getValue());
    }
    return changed;
  }

  /** The file has the changes now. */
  void changesAreInFile() {
    Arrays.fill(pages, null);
    changes.clear();
    sectors.clear();
  }

  private long entryInFile(long index) throws IOException {
    return pageOf(index).get((int) (index % ENTRIES_PER_PAGE));
  }

  private LongBuffer pageOf(long index) throws IOException {
    long number = index / ENTRIES_PER_PAGE;
    int slot = (int) (number % PAGES);
    LongBuffer page = pages[slot];
    if (page == null || numbers[slot] != number) {
      long first = number * ENTRIES_PER_PAGE;
      int length = (int) Math.min(ENTRIES_PER_PAGE, entries - first) * Geometry.ENTRY_LENGTH;
      ByteBuffer bytes = file.read(offsetOf(first), length);
      page = bytes.asLongBuffer();
      pages[slot] = page;
      numbers[slot] = number;
    }
    return page;
  }

  /** Where an entry is in the file, in bytes. */
  long offsetOf(long index) {
    return region.offset() + index * Geometry.ENTRY_LENGTH;
  }

  /** How many entries are in use. */
  long entries() {
    return entries;
  }
}
