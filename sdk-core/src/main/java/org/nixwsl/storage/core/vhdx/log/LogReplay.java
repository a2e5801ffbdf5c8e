package org.nixwsl.storage.core.vhdx.log;

import java.io.IOException;
import java.util.Optional;
import org.nixwsl.storage.core.vhdx.findings.FindingCode;
import org.nixwsl.storage.core.vhdx.findings.Findings;
import org.nixwsl.storage.core.vhdx.format.DiskBytes;
import org.nixwsl.storage.core.vhdx.format.Fields;
import org.nixwsl.storage.core.vhdx.format.Header;
import org.nixwsl.storage.core.vhdx.format.RegionTable;
import org.nixwsl.storage.core.vhdx.format.WritableBytes;
import org.nixwsl.storage.disk.LogState;

/**
 * What the log of a file makes of it (MS-VHDX section 2.3.3), without changing it.
 *
 * @param state whether there is something to replay
 * @param entries how many entries are replayed, those without changes included
 * @param bytes the file with its log replayed; the file as it is if there is nothing to replay, or
 *     if the log is corrupt
 */
public record LogReplay(LogState state, int entries, DiskBytes bytes) {
  /**
   * More changes are not held in memory: about 20 MiB. The usual log of 1 MiB has room for 253
   * sectors.
   */
  public static final int MAX_PIECES = 1 << 17;

  /** Changes that a log lists at most before it is refused, which bounds the time. */
  private static final long MAX_CHANGES = 1L << 22;

  /**
   * A run of entries, each with the sequence number after that of the one before.
   *
   * @param bytes the length of all of them together
   */
  private record Chain(LogEntry first, LogEntry head, long bytes) {
    /** Whether the oldest entry that the newest one needs is in the chain. */
    boolean usable(LogRing ring) throws IOException {
      return ring.distance(first.place(), head.tail()) < bytes
          && LogEntry.startsAt(ring, head.tail());
    }

    boolean newerThan(Chain other) {
      return Long.compareUnsigned(head.sequence(), other.head.sequence()) > 0;
    }
  }

  /**
   * Finds what has to be replayed and lays it over the file.
   *
   * @param header the current header; its log lies inside the file
   */
  public static LogReplay of(DiskBytes file, Header header, Findings findings) throws IOException {
    if (!header.announcesLog()) {
      return new LogReplay(LogState.CLEAN, 0, file);
    }
    LogReplay corrupt = new LogReplay(LogState.CORRUPT, 0, file);
    LogRing ring = LogRing.of(file, header);
    Optional<Chain> active = findActive(ring);
    if (active.isEmpty()) {
      findings.report(
          FindingCode.LOG_EMPTY,
          header.logOffset(),
          "a log is announced, and no entries that could be replayed are in it");
      return corrupt;
    }
    LogEntry head = active.get().head();
    if (!fileReachesFarEnough(ring, head, findings)) {
      return corrupt;
    }
    Overlay overlay = new Overlay(ring, head, findings);
    int entries = replay(ring, head, overlay);
    if (overlay.refused) {
      return corrupt;
    }
    findings.report(
        FindingCode.LOG_DIRTY,
        header.logOffset(),
        "the log has " + entries + " entries that were not written to their places");
    return new LogReplay(LogState.DIRTY, entries, overlay.bytes);
  }

  /** How many ranges of changes are held in memory; at most {@link #MAX_PIECES}. */
  public int pieces() {
    return bytes instanceof ReplayedBytes replayed ? replayed.pieces() : 0;
  }

  /**
   * Writes what was replayed to its places and forces it. The log stays announced: until the caller
   * retires it, the same replay is due again, and does the same.
   *
   * @param target the file that this was read from
   */
  public void writeTo(WritableBytes target) throws IOException {
    if (bytes instanceof ReplayedBytes replayed) {
      replayed.writeTo(target);
      target.force();
    }
  }

  /**
   * The usable chain with the greatest sequence number. A chain that is left out because its tail
   * is not in it is left out whole: every later start in it has the same head and the same lack.
   */
  private static Optional<Chain> findActive(LogRing ring) throws IOException {
    Optional<Chain> best = Optional.empty();
    long place = 0;
    while (place < ring.length()) {
      Optional<Chain> chain = chainAt(ring, place);
      if (chain.isPresent()
          && chain.get().usable(ring)
          && (best.isEmpty() || chain.get().newerThan(best.get()))) {
        best = chain;
      }
      place += chain.map(Chain::bytes).orElse((long) Fields.SECTOR);
    }
    return best;
  }

  private static Optional<Chain> chainAt(LogRing ring, long place) throws IOException {
    Optional<LogEntry> entry = LogEntry.read(ring, place);
    if (entry.isEmpty()) {
      return Optional.empty();
    }
    LogEntry first = entry.get();
    LogEntry head = first;
    long bytes = first.length();
    // Numbers only go up, so a chain cannot run into itself.
    while (bytes < ring.length()) {
      Optional<LogEntry> next = LogEntry.read(ring, head.next(ring));
      if (next.isEmpty() || next.get().sequence() != head.sequence() + 1) {
        break;
      }
      head = next.get();
      bytes += head.length();
    }
    return Optional.of(new Chain(first, head, bytes));
  }

  private static boolean fileReachesFarEnough(LogRing ring, LogEntry head, Findings findings) {
    long size = ring.file().size();
    if (Long.compareUnsigned(head.flushedFileOffset(), size) > 0) {
      findings.report(
          FindingCode.LOG_FILE_TRUNCATED,
          ring.inFile(head.place()),
          "the file has "
              + size
              + " bytes, and had "
              + Long.toUnsignedString(head.flushedFileOffset())
              + " when its log was written");
      return false;
    }
    if (Long.compareUnsigned(head.lastFileOffset(), Fields.LARGEST_FILE) > 0) {
      findings.report(
          FindingCode.LOG_FILE_END,
          ring.inFile(head.place()),
          "the log says that the file has "
              + Long.toUnsignedString(head.lastFileOffset())
              + " bytes");
      return false;
    }
    return true;
  }

  /** Replays from the tail of the head up to the head; tells how many entries that were. */
  private static int replay(LogRing ring, LogEntry head, Overlay overlay) throws IOException {
    long place = head.tail();
    int entries = 0;
    while (!overlay.refused) {
      LogEntry entry = LogEntry.read(ring, place).orElseThrow(LogReplay::changedMeanwhile);
      if (Long.compareUnsigned(entry.sequence(), head.sequence()) > 0) {
        throw changedMeanwhile();
      }
      entry.forEach(ring, overlay);
      entries++;
      if (entry.sequence() == head.sequence()) {
        break;
      }
      place = entry.next(ring);
    }
    return entries;
  }

  /** Programs that ignore locks exist; a loop must not depend on them. */
  private static IOException changedMeanwhile() {
    return new IOException("The log changed while it was read");
  }

  /** Checks each change before it is laid over the file; after a bad one nothing counts. */
  private static final class Overlay implements LogEntry.Changes {
    private final LogRing ring;
    private final Findings findings;
    private final ReplayedBytes bytes;
    private final long end;
    private long changes;
    private boolean refused;

    Overlay(LogRing ring, LogEntry head, Findings findings) {
      this.ring = ring;
      this.findings = findings;
      long size = Math.max(ring.file().size(), head.lastFileOffset());
      this.end = Fields.roundUpToMib(size);
      this.bytes = new ReplayedBytes(ring.file(), size);
    }

    @Override
    public void data(long target, long leading, int trailing, long place) {
      if (acceptable(target, Fields.SECTOR)) {
        bytes.data(target, leading, trailing, ring.inFile(place));
      }
    }

    @Override
    public void zero(long target, long length) {
      if (acceptable(target, length) && length > 0) {
        bytes.zero(target, length);
      }
    }

    /** The identifier and the headers are never changed through the log, nor is the log itself. */
    private boolean acceptable(long target, long length) {
      boolean inside = target >= 0 && length >= 0 && target <= end && length <= end - target;
      if (!inside || target < RegionTable.offsetOf(0) || ring.overlaps(target, length)) {
        refuse(
            FindingCode.LOG_TARGET,
            target,
            "the log would change "
                + Long.toUnsignedString(length)
                + " bytes at offset "
                + Long.toUnsignedString(target));
      }
      changes++;
      if (bytes.pieces() >= MAX_PIECES || changes > MAX_CHANGES) {
        refuse(
            FindingCode.LOG_TOO_LARGE, ring.start(), "the log has more changes than are handled");
      }
      return !refused;
    }

    private void refuse(FindingCode code, long offset, String message) {
      if (!refused) {
        refused = true;
        findings.report(code, offset, message);
      }
    }
  }
}
