package org.nixwsl.storage.core.vhdx;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.vhdx.findings.FindingCode;
import org.nixwsl.storage.core.vhdx.findings.Findings;
import org.nixwsl.storage.core.vhdx.format.Fields;
import org.nixwsl.storage.core.vhdx.format.RegionTable;
import org.nixwsl.storage.core.vhdx.format.WritableBytes;
import org.nixwsl.storage.core.vhdx.log.HeaderWriter;
import org.nixwsl.storage.core.vhdx.log.LogWriter;
import org.nixwsl.storage.disk.DiskCheck.Finding;
import org.nixwsl.storage.disk.DiskRepair;
import org.nixwsl.storage.disk.LogState;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;

/**
 * What can be put right in a file without guessing: its log is replayed, and a damaged copy of
 * header or region table is made from the good one. A crash at any point leaves a file that the
 * same call puts right. Guests see what they saw before, so the DataWriteGuid stays.
 */
final class Repair {
  private final WritableBytes file;
  private final HeaderWriter headers;

  private Repair(WritableBytes file, DiskImage image) throws IOException {
    this.file = file;
    this.headers = new HeaderWriter(file, image.header());
  }

  /**
   * Repairs a disk of any type. All of it is looked at before the first byte is written.
   *
   * @param name the file's name for messages
   * @throws DiskException as {@link #requireSound}, and nothing is changed
   */
  static DiskRepair run(WritableBytes file, String name, Operation operation) throws IOException {
    DiskImage image = requireSound(file, name, operation);
    boolean dirty = image.log().state() == LogState.DIRTY;
    boolean badHeader = !damaged(file, FindingCode.HEADER_INVALID).isEmpty();
    operation.checkCancelled();
    Repair repair = new Repair(file, image);
    if (dirty) {
      repair.replay(image);
    } else if (badHeader) {
      // Writes both copies, the bad one first.
      repair.headers.beforeWriting();
    }
    List<Finding> badTables = damaged(file, FindingCode.REGION_TABLE_INVALID);
    for (Finding bad : badTables) {
      repair.rewriteRegionTable(bad.offset());
    }
    int entries = dirty ? image.log().entries() : 0;
    return new DiskRepair(entries, badHeader, !badTables.isEmpty());
  }

  /**
   * Writes the log of a disk to its places.
   *
   * @param image the disk, read from the file, without errors, and with a log to replay
   */
  static void replayLog(WritableBytes file, DiskImage image) throws IOException {
    new Repair(file, image).replay(image);
  }

  /**
   * A disk of any type in which nothing is wrong, as it is with its log replayed.
   *
   * @throws DiskException {@code NOT_A_VHDX}, {@code VHDX_UNSUPPORTED}, {@code VHDX_CORRUPT}
   */
  static DiskImage requireSound(WritableBytes file, String name, Operation operation)
      throws IOException {
    Findings strict = Findings.refusing(name);
    DiskImage image = DiskImage.readStrictly(file, name, strict);
    requireChangeable(image, name);
    BlockScan.run(image, strict, operation);
    return image;
  }

  /**
   * Refuses a disk whose headers cannot be written any more. Nobody comes there by writing.
   *
   * @param name the file's name for messages
   * @throws DiskException {@code VHDX_UNSUPPORTED}
   */
  static void requireChangeable(DiskImage image, String name) {
    if (!image.header().hasSequenceNumbersLeft()) {
      throw new DiskException(
          Problem.of(
              ErrorCode.VHDX_UNSUPPORTED,
              "Cannot change " + name + ": the sequence numbers of its headers are used up.",
              "Copy what the disk holds to a new disk."));
    }
  }

  private void replay(DiskImage image) throws IOException {
    headers.beforeWriting();
    image.log().writeTo(file);
    headers.retireLog();
  }

  /** Region tables are changed through the log only, the bad copy of one as well. */
  private void rewriteRegionTable(long bad) throws IOException {
    long good = bad == RegionTable.offsetOf(0) ? RegionTable.offsetOf(1) : RegionTable.offsetOf(0);
    SortedMap<Long, ByteBuffer> sectors = new TreeMap<>();
    for (int at = 0; at < RegionTable.length(); at += Fields.SECTOR) {
      sectors.put(bad + at, file.read(good + at, Fields.SECTOR));
    }
    headers.beforeWriting();
    LogWriter log = new LogWriter(file, headers);
    log.commit(sectors);
    log.retire();
  }

  /** The copies of a structure that are not valid in the file as it is. */
  private static List<Finding> damaged(WritableBytes file, FindingCode code) throws IOException {
    Findings findings = Findings.collecting("");
    DiskImage.read(file, findings, findings);
    return findings.toList().stream().filter(f -> f.code().equals(code.name())).toList();
  }
}
