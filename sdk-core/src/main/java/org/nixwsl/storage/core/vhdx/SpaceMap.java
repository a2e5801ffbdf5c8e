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

  /** Bytes that are taken, each counted once. */
  long takenBytes() {
    return taken * Fields.MIB;
  }
}
