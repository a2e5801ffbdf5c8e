package org.nixwsl.storage.core.vhdx.log;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.SortedMap;
import java.util.UUID;
import org.nixwsl.storage.core.vhdx.format.Fields;
import org.nixwsl.storage.core.vhdx.format.WritableBytes;

/**
 * Changes structures of a file so that a crash leaves all of a change or nothing of it (MS-VHDX
 * section 2.3). Each change is one entry of the log, written and forced before its sectors are
 * written to their places and forced. So only the newest entry is ever needed, and its tail is
 * itself.
 *
 * <p>A log that is announced must hold a whole entry at any time, or nobody opens the file. So the
 * first entry is written before the log is announced, and none is written over: where a further one
 * finds no room before the end of the ring, the log is retired and begun anew with another id. That
 * it never turns around its ring is for QEMU (7.2 seen), which otherwise may replay without end.
 * Not thread-safe; useless after an {@link IOException}.
 */
public final class LogWriter {
  /**
   * The most sectors of one change: their descriptors fill one sector of the entry. MS-VHDX allows
   * more, QEMU (7.2 seen) refuses such a log.
   */
  public static final int MOST_SECTORS = 126;

  private final WritableBytes file;
  private final HeaderWriter headers;
  private LogRing ring;

  /** Where the next entry goes; 0 while the log is not announced. */
  private long place;

  private long sequence;

  /**
   * Writes nothing yet.
   *
   * @param headers the file's; its log is inside the file, and has nothing to replay
   */
  public LogWriter(WritableBytes file, HeaderWriter headers) {
    this.file = file;
    this.headers = headers;
    this.ring = LogRing.of(file, headers.current());
  }

  /**
   * Makes a change. All that was written to the file before is on the device before the change is.
   *
   * @param sectors 4096 bytes for each place in the file, a multiple of 4096 outside of headers and
   *     log; at most {@link #MOST_SECTORS}
   */
  public void commit(SortedMap<Long, ByteBuffer> sectors) throws IOException {
    if (sectors.size() > MOST_SECTORS) {
      throw new IllegalArgumentException(sectors.size() + " sectors are too many for one entry");
    }
    file.force();
    long length = LogEntry.encodedLength(sectors.size());
    if (place + length > ring.length() - Fields.SECTOR) {
      retire();
    }
    boolean first = place == 0;
    if (first) {
      ring = ring.withGuid(UUID.randomUUID());
      sequence = 0;
    }
    sequence++;
    file.write(
        ring.inFile(place), LogEntry.encode(ring.guid(), place, sequence, file.size(), sectors));
    place += length;
    file.force();
    if (first) {
      headers.announceLog(ring.guid());
    }
    for (Map.Entry<Long, ByteBuffer> sector : sectors.entrySet()) {
      file.write(sector.getKey(), sector.getValue().duplicate());
    }
    file.force();
  }

  /** Leaves a log with nothing to replay; a further change begins it anew. */
  public void retire() throws IOException {
    headers.retireLog();
    place = 0;
  }
}
