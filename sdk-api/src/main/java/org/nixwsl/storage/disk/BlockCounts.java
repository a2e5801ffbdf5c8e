package org.nixwsl.storage.disk;

/**
 * How many payload blocks are in each state of the block allocation table (MS-VHDX section 2.5.1).
 *
 * @param fullyPresent in the file
 * @param partiallyPresent in the file for some sectors, in the parent for the others
 * @param zero read as zeros
 * @param unmapped trimmed
 * @param notPresent never written
 * @param undefined of no defined contents
 */
public record BlockCounts(
    long fullyPresent,
    long partiallyPresent,
    long zero,
    long unmapped,
    long notPresent,
    long undefined) {
  /** All payload blocks of the disk. */
  public long total() {
    return fullyPresent + partiallyPresent + zero + unmapped + notPresent + undefined;
  }
}
