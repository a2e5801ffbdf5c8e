package org.nixwsl.storage.core.vhdx.format;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.core.vhdx.findings.FindingCode;
import org.nixwsl.storage.core.vhdx.findings.Findings;

/**
 * The header of a VHDX (MS-VHDX section 2.2.2): two copies, of which the valid one with the greater
 * sequence number counts.
 *
 * @param sequence unsigned
 * @param fileWriteGuid changes when the file is opened and written
 * @param dataWriteGuid changes when what a guest sees changes
 * @param logGuid the id of the entries to replay, or all zeros
 * @param logVersion 0
 * @param version 1
 * @param logLength bytes
 * @param logOffset bytes
 */
public record Header(
    long sequence,
    UUID fileWriteGuid,
    UUID dataWriteGuid,
    UUID logGuid,
    int logVersion,
    int version,
    long logLength,
    long logOffset) {
  /** Where the two copies are. */
  static final long[] OFFSETS = {64 << 10, 128 << 10};

  /** The signature "head", little-endian. */
  private static final int SIGNATURE = 0x64616568;

  /** The format version of MS-VHDX, called version 2 of the VHD family. */
  private static final int VERSION = 1;

  /**
   * Where changing stops, 2^32 before the numbers begin at 0 again and the oldest is the newest.
   */
  private static final long LAST_SEQUENCE = -1L << 32;

  /** A header of this format version with nothing to replay. */
  public static Header of(
      long sequence, UUID fileWriteGuid, UUID dataWriteGuid, long logOffset, long logLength) {
    return new Header(
        sequence, fileWriteGuid, dataWriteGuid, Fields.NO_GUID, 0, VERSION, logLength, logOffset);
  }

  /** The same with another number. */
  public Header withSequence(long other) {
    return new Header(
        other, fileWriteGuid, dataWriteGuid, logGuid, logVersion, version, logLength, logOffset);
  }

  /** The same with another id of what the file holds. */
  public Header withFileWriteGuid(UUID other) {
    return new Header(
        sequence, other, dataWriteGuid, logGuid, logVersion, version, logLength, logOffset);
  }

  /** The same with another id of what a guest sees. */
  public Header withDataWriteGuid(UUID other) {
    return new Header(
        sequence, fileWriteGuid, other, logGuid, logVersion, version, logLength, logOffset);
  }

  /** The same with another log, of the version that is written here, or with none. */
  public Header withLogGuid(UUID other) {
    return new Header(
        sequence, fileWriteGuid, dataWriteGuid, other, 0, version, logLength, logOffset);
  }

  /** Whether the header can be changed more often than anybody will. */
  public boolean hasSequenceNumbersLeft() {
    return Long.compareUnsigned(sequence, LAST_SEQUENCE) < 0;
  }

  /** Where a copy is in the file, in bytes. */
  public static long offsetOf(int copy) {
    return OFFSETS[copy];
  }

  /** The 4096 bytes of a copy, checksum included. */
  public ByteBuffer encode() {
    ByteBuffer b = Fields.zeros(Fields.SECTOR);
    b.putInt(0, SIGNATURE);
    b.putLong(8, sequence);
    Fields.putGuid(b, 16, fileWriteGuid);
    Fields.putGuid(b, 32, dataWriteGuid);
    Fields.putGuid(b, 48, logGuid);
    b.putShort(64, (short) logVersion);
    b.putShort(66, (short) version);
    b.putInt(68, (int) logLength);
    b.putLong(72, logOffset);
    Fields.putChecksum(b);
    return b;
  }

  /** Whether there is a log to replay. */
  public boolean announcesLog() {
    return !logGuid.equals(Fields.NO_GUID);
  }

  /**
   * Reads both copies and picks the one that counts.
   *
   * @return empty if there is none, or none that can be used; told in the findings
   */
  public static Optional<Header> readCurrent(DiskBytes file, Findings findings) throws IOException {
    ByteBuffer first = file.read(OFFSETS[0], Fields.SECTOR);
    ByteBuffer second = file.read(OFFSETS[1], Fields.SECTOR);
    boolean firstValid = valid(first, OFFSETS[0], findings);
    boolean secondValid = valid(second, OFFSETS[1], findings);
    if (!firstValid && !secondValid) {
      findings.report(FindingCode.NO_VALID_HEADER, OFFSETS[0], "neither header is valid");
      return Optional.empty();
    }
    int current = secondValid ? 1 : 0;
    if (firstValid && secondValid) {
      current = newer(first, second, findings);
    }
    Header header = decode(current == 0 ? first : second);
    return header.usable(OFFSETS[current], file.size(), findings)
        ? Optional.of(header)
        : Optional.empty();
  }

  /** Which copy carries the header that counts; either one if both do. */
  public static int copyThatHolds(DiskBytes file, Header current) throws IOException {
    ByteBuffer first = file.read(OFFSETS[0], Fields.SECTOR);
    return first.getInt(0) == SIGNATURE
            && Fields.checksumMatches(first)
            && decode(first).equals(current)
        ? 0
        : 1;
  }

  private static boolean valid(ByteBuffer copy, long at, Findings findings) {
    if (copy.getInt(0) != SIGNATURE) {
      findings.report(FindingCode.HEADER_INVALID, at, "a header has no signature");
      return false;
    }
    if (!Fields.checksumMatches(copy)) {
      findings.report(FindingCode.HEADER_INVALID, at, "the checksum of a header is wrong");
      return false;
    }
    return true;
  }

  private static int newer(ByteBuffer first, ByteBuffer second, Findings findings) {
    Header a = decode(first);
    Header b = decode(second);
    int order = Long.compareUnsigned(a.sequence, b.sequence);
    if (order != 0) {
      if (!a.fileWriteGuid.equals(b.fileWriteGuid)
          || !a.dataWriteGuid.equals(b.dataWriteGuid)
          || !a.logGuid.equals(b.logGuid)) {
        findings.report(
            FindingCode.HEADERS_DIFFER,
            OFFSETS[order > 0 ? 1 : 0],
            "the older header carries other ids than the current one");
      }
    } else if (first.equals(second)) {
      findings.report(
          FindingCode.HEADERS_EQUAL, OFFSETS[1], "both headers have the same sequence number");
    } else {
      findings.report(
          FindingCode.HEADERS_AMBIGUOUS,
          OFFSETS[1],
          "the headers differ and have the same sequence number");
    }
    return order < 0 ? 1 : 0;
  }

  private static Header decode(ByteBuffer b) {
    return new Header(
        b.getLong(8),
        Fields.guid(b, 16),
        Fields.guid(b, 32),
        Fields.guid(b, 48),
        b.getShort(64) & 0xFFFF,
        b.getShort(66) & 0xFFFF,
        b.getInt(68) & 0xFFFF_FFFFL,
        b.getLong(72));
  }

  /** Whether what follows the header can be read at all; the log's place is checked here too. */
  private boolean usable(long at, long fileSize, Findings findings) {
    if (version != VERSION) {
      findings.report(
          FindingCode.FORMAT_VERSION, at + 66, "the format version is " + version + ", not 1");
      return false;
    }
    if (logVersion != 0) {
      findings.report(
          announcesLog() ? FindingCode.LOG_VERSION : FindingCode.LOG_VERSION_UNUSED,
          at + 64,
          "the log version is " + logVersion + ", not 0");
    }
    if (!logFits(fileSize)) {
      findings.report(
          FindingCode.LOG_EXTENT,
          at + 68,
          "the log cannot be "
              + logLength
              + " bytes long at offset "
              + Long.toUnsignedString(logOffset));
      return !announcesLog();
    }
    return logVersion == 0 || !announcesLog();
  }

  /** Whether the place of the log is allowed and inside the file. */
  boolean logFits(long fileSize) {
    return Fields.isMibMultiple(logLength)
        && logLength > 0
        && Fields.isMibMultiple(logOffset)
        && logOffset >= Fields.MIB
        && logOffset <= fileSize
        && logLength <= fileSize - logOffset;
  }
}
