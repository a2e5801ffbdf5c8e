package org.nixwsl.storage.core.vhdx.format;

import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.core.vhdx.findings.FindingCode;

/** The state of a payload block (MS-VHDX section 2.5.1.1), and how an entry packs it. */
public enum BlockState {
  /** Never written. */
  NOT_PRESENT(0),
  /** Of no defined contents. */
  UNDEFINED(1),
  /** Reads as zeros, also where a parent has something else. */
  ZERO(2),
  /** Trimmed. */
  UNMAPPED(3),
  /** No state; 4 was never one. */
  INVALID_4(4),
  /** No state; a draft of 2012 called it unmapped. */
  INVALID_5(5),
  /** All of it is in the file. */
  FULLY_PRESENT(6),
  /** The sectors that its sector bitmap names are in the file, the others in the parent. */
  PARTIALLY_PRESENT(7);

  /** How many numbers there are; an entry has three bits for them. */
  public static final int NUMBERS = 8;

  private static final List<BlockState> BY_NUMBER = List.of(values());

  /** The offset is in the upper 44 bits, in MiB, so that these bits are the offset in bytes. */
  private static final long OFFSET_BITS = -Fields.MIB;

  private static final int STATE_BITS = NUMBERS - 1;

  private final int number;

  BlockState(int number) {
    this.number = number;
  }

  /** How an entry says it, from 0 to 7. */
  public int number() {
    return number;
  }

  /** The state that an entry of the block table carries. */
  public static BlockState of(long entry) {
    return BY_NUMBER.get((int) (entry & STATE_BITS));
  }

  /**
   * The entry of the block table for a block in this state.
   *
   * @param offset its place in the file, a multiple of 1 MiB; 0 for a state without one
   */
  public long entry(long offset) {
    return offset | number;
  }

  /** The place in the file that an entry carries, in bytes; negative if that is past 8 EiB. */
  public static long offset(long entry) {
    return entry & OFFSET_BITS;
  }

  /** Whether bits of an entry are set that have no meaning. */
  public static boolean hasReservedBits(long entry) {
    return (entry & ~OFFSET_BITS & ~STATE_BITS) != 0;
  }

  /** Whether the block has a place in the file that is in use. */
  public boolean inFile() {
    return this == FULLY_PRESENT || this == PARTIALLY_PRESENT;
  }

  /**
   * The rule that an entry in use breaks on its own, seen without the other blocks.
   *
   * @param length bytes of the block
   */
  public static Optional<FindingCode> misplaced(long entry, long length, DiskBytes file) {
    long offset = offset(entry);
    if (offset >= 0 && offset < Fields.MIB) {
      return Optional.of(FindingCode.BAT_OFFSET);
    }
    return file.contains(offset, length) ? Optional.empty() : Optional.of(FindingCode.BAT_PAST_END);
  }
}
