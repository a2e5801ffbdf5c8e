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
 * first entry is written before the log is announced, and the newest one is never written over:
 * where a further one finds no room beside it, the log is retired and begun anew. Not thread-safe;
 * useless after an {@link IOException}.
 */
public final class LogWriter {
  /**
   * The most sectors of one change: with them and two sectors of descriptors a log of 1 MiB, the
   * smallest there is, is full but for the sector that stays free, because QEMU takes a full ring
   * for an empty one.
   */
  public static final int MOST_SECTORS = 253;

  private final WritableBytes file;
  private final HeaderWriter headers;
  private LogRing ring;
  private long place;
  private long newestLength;
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
    if (newestLength + length > ring.length() - Fields.SECTOR) {
      retire();
    }
    boolean first = newestLength == 0;
    if (first) {
      ring = ring.withGuid(UUID.randomUUID());
      place = 0;
      sequence = 1;
    } else {
      place = (place + newestLength) % ring.length();
      sequence++;
    }
    put(LogEntry.encode(ring.guid(), place, sequence, file.size(), sectors));
    newestLength = length;
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
    newestLength = 0;
  }

  private void put(ByteBuffer entry) throws IOException {
    int untilEnd = (int) Math.min(entry.remaining(), ring.length() - place);
    file.write(ring.inFile(place), entry.slice(0, untilEnd));
    file.write(ring.start(), entry.slice(untilEnd, entry.remaining() - untilEnd));
  }
}
