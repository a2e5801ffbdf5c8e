package org.nixwsl.storage.disk;

/**
 * What a repair has done to a VHDX file. All zero and false if there was nothing to do; the file is
 * unchanged then.
 *
 * @param replayedLogEntries how many entries of the log were written to their places, those without
 *     changes included
 * @param headerRewritten whether a damaged copy of the header was replaced
 * @param regionTableRewritten whether a damaged copy of the region table was replaced by the good
 *     one
 */
public record DiskRepair(
    int replayedLogEntries, boolean headerRewritten, boolean regionTableRewritten) {
  /** Whether anything was done. */
  public boolean changed() {
    return replayedLogEntries > 0 || headerRewritten || regionTableRewritten;
  }
}
