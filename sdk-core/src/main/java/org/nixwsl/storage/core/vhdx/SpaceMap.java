package org.nixwsl.storage.core.vhdx;

import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import org.nixwsl.storage.core.vhdx.format.Fields;

/**
 * Which MiB of a file are taken. Takes a bit for each MiB of the parts of the file that are in use:
 * 8 MiB of memory for 64 TiB, 16 MiB at most. Not thread-safe.
 */
final class SpaceMap {
  /** 64 GiB of file in a page of 8 KiB. */
  private static final int UNITS_PER_PAGE = 1 << 16;

  private final Map<Long, BitSet> pages = new HashMap<>();
  private long taken;
  private long highestPage = -1;

  /**
   * Takes a range.
   *
   * @param offset bytes, a multiple of 1 MiB
   * @param length bytes, a multiple of 1 MiB; the end is at most {@link Fields#LARGEST_FILE}
   * @return whether all of it was free
   */
  boolean take(long offset, long length) {
    long unit = offset / Fields.MIB;
    long end = unit + length / Fields.MIB;
    boolean free = true;
    while (unit < end) {
      BitSet page = pages.computeIfAbsent(unit / UNITS_PER_PAGE, n -> new BitSet(UNITS_PER_PAGE));
      highestPage = Math.max(highestPage, unit / UNITS_PER_PAGE);
      int from = (int) (unit % UNITS_PER_PAGE);
      int to = (int) Math.min(UNITS_PER_PAGE, from + (end - unit));
      int firstTaken = page.nextSetBit(from);
      if (firstTaken >= 0 && firstTaken < to) {
        free = false;
        taken -= page.get(from, to).cardinality();
      }
      page.set(from, to);
      taken += to - from;
      unit += to - from;
    }
    return free;
  }

  /**
   * The lowest free range.
   *
   * @param offset where the search begins; bytes, a multiple of 1 MiB
   * @param length bytes, a multiple of 1 MiB, more than 0
   * @return its offset; past all that is taken there is always room
   */
  long findFree(long offset, long length) {
    long units = length / Fields.MIB;
    long start = firstFree(offset / Fields.MIB);
    long end = firstTaken(start, start + units);
    while (end < start + units) {
      start = firstFree(end);
      end = firstTaken(start, start + units);
    }
    return start * Fields.MIB;
  }

  /** The highest offset of a MiB that is taken below an offset; negative if there is none. */
  long lastTakenBelow(long offset) {
    long unit = offset / Fields.MIB - 1;
    // Past the highest page there is nothing; a file may be said to be far longer.
    unit = Math.min(unit, (highestPage + 1) * UNITS_PER_PAGE - 1);
    while (unit >= 0) {
      BitSet page = pages.get(unit / UNITS_PER_PAGE);
      long first = unit / UNITS_PER_PAGE * UNITS_PER_PAGE;
      int found = page == null ? -1 : page.previousSetBit((int) (unit - first));
      if (found >= 0) {
        return (first + found) * Fields.MIB;
      }
      unit = first - 1;
    }
    return -1;
  }

  private long firstFree(long from) {
    long unit = from;
    while (true) {
      BitSet page = pages.get(unit / UNITS_PER_PAGE);
      if (page == null) {
        return unit;
      }
      long first = unit / UNITS_PER_PAGE * UNITS_PER_PAGE;
      int free = page.nextClearBit((int) (unit - first));
      if (free < UNITS_PER_PAGE) {
        return first + free;
      }
      unit = first + UNITS_PER_PAGE;
    }
  }

  /** The first taken unit of a range, or the end of the range. */
  private long firstTaken(long from, long end) {
    long unit = from;
    while (unit < end) {
      BitSet page = pages.get(unit / UNITS_PER_PAGE);
      long first = unit / UNITS_PER_PAGE * UNITS_PER_PAGE;
      int taken = page == null ? -1 : page.nextSetBit((int) (unit - first));
      if (taken >= 0) {
        return Math.min(first + taken, end);
      }
      unit = first + UNITS_PER_PAGE;
    }
    return end;
  }

  /** Bytes that are taken, each counted once. */
  long takenBytes() {
    return taken * Fields.MIB;
  }
}
