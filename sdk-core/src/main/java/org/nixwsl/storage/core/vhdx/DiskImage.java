package org.nixwsl.storage.core.vhdx;

import java.io.IOException;
import java.util.Optional;
import org.nixwsl.storage.core.vhdx.findings.FindingCode;
import org.nixwsl.storage.core.vhdx.findings.Findings;
import org.nixwsl.storage.core.vhdx.format.BlockState;
import org.nixwsl.storage.core.vhdx.format.DiskBytes;
import org.nixwsl.storage.core.vhdx.format.DiskMetadata;
import org.nixwsl.storage.core.vhdx.format.FileIdentifier;
import org.nixwsl.storage.core.vhdx.format.Geometry;
import org.nixwsl.storage.core.vhdx.format.Header;
import org.nixwsl.storage.core.vhdx.format.RegionTable;
import org.nixwsl.storage.core.vhdx.log.LogReplay;

/**
 * A VHDX whose structures have been read, the log replayed in memory before all that it may change.
 * The entries of its block table have not been looked at; {@link BlockScan} does that.
 *
 * @param creator the program that made the file, as it calls itself
 * @param header the current header
 * @param log what the log made of the file
 * @param regions what is where, inside the file and not overlapping if the reader was strict
 * @param metadata what the disk is
 */
record DiskImage(
    String creator, Header header, LogReplay log, RegionTable regions, DiskMetadata metadata) {
  /**
   * Reads the structures, in the order in which each leads to the next.
   *
   * @param logFindings where the log's own faults are told, so that a caller can live with them
   * @return empty if the way ended before all were read; told in the findings, never with strict
   *     ones
   * @throws org.nixwsl.storage.error.DiskException {@code NOT_A_VHDX} in any case; other codes if
   *     the findings are strict
   */
  static Optional<DiskImage> read(DiskBytes file, Findings findings, Findings logFindings)
      throws IOException {
    if (!FileIdentifier.check(file, findings)) {
      return Optional.empty();
    }
    String creator = FileIdentifier.creator(file);
    Optional<Header> header = Header.readCurrent(file, findings);
    if (header.isEmpty()) {
      return Optional.empty();
    }
    LogReplay log = LogReplay.of(file, header.get(), logFindings);
    Optional<RegionTable> regions = RegionTable.read(log.bytes(), header.get(), findings);
    if (regions.isEmpty()) {
      return Optional.empty();
    }
    Optional<DiskMetadata> metadata =
        DiskMetadata.read(log.bytes(), regions.get().metadata(), findings);
    if (metadata.isEmpty() || !tableFits(regions.get(), metadata.get().geometry(), findings)) {
      return Optional.empty();
    }
    return Optional.of(new DiskImage(creator, header.get(), log, regions.get(), metadata.get()));
  }

  /**
   * Reads the structures and refuses a disk with an error in them.
   *
   * @param name the file's name for messages
   * @param logFindings as in {@link #read}
   */
  static DiskImage readStrictly(DiskBytes file, String name, Findings logFindings)
      throws IOException {
    return read(file, Findings.refusing(name), logFindings)
        .orElseThrow(() -> new IllegalStateException("A strict reader went on after an error"));
  }

  private static boolean tableFits(RegionTable regions, Geometry geometry, Findings findings) {
    long needed = geometry.entries() * Geometry.ENTRY_LENGTH;
    if (needed <= regions.blockTable().length()) {
      return true;
    }
    findings.report(
        FindingCode.BAT_TOO_SMALL,
        regions.blockTable().offset(),
        "the block table has room for "
            + regions.blockTable().length()
            + " bytes, and the disk needs "
            + needed);
    return false;
  }

  /** The sizes of the disk. */
  Geometry geometry() {
    return metadata.geometry();
  }

  /** The file with its log replayed. */
  DiskBytes bytes() {
    return log.bytes();
  }

  /** The block table, read as it is asked for. */
  BlockTable blockTable() {
    return new BlockTable(bytes(), regions.blockTable(), geometry());
  }

  /** What is wrong with an entry that {@link BlockState#misplaced} does not accept, for people. */
  static String misplacedMessage(long entry) {
    return "a block cannot be at offset " + Long.toUnsignedString(BlockState.offset(entry));
  }
}
