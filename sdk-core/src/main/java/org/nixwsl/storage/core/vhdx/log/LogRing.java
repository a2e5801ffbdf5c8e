package org.nixwsl.storage.core.vhdx.log;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.UUID;
import org.nixwsl.storage.core.vhdx.format.DiskBytes;
import org.nixwsl.storage.core.vhdx.format.Fields;
import org.nixwsl.storage.core.vhdx.format.Header;

/**
 * The log as a ring of 4 KiB sectors. Places in it are bytes from its start, multiples of 4096, and
 * may run on past its end to its beginning.
 *
 * @param file the file, not replayed
 * @param start where the log is in the file
 * @param length bytes, a multiple of 1 MiB, less than 4 GiB
 * @param guid which entries count
 */
record LogRing(DiskBytes file, long start, long length, UUID guid) {
  static LogRing of(DiskBytes file, Header header) {
    return new LogRing(file, header.logOffset(), header.logLength(), header.logGuid());
  }

  /** The same ring for other entries. */
  LogRing withGuid(UUID other) {
    return new LogRing(file, start, length, other);
  }

  /** The place in the file. */
  long inFile(long place) {
    return start + place % length;
  }

  /** The sector at a place. */
  ByteBuffer sector(long place) throws IOException {
    return file.read(inFile(place), Fields.SECTOR);
  }

  /** How far one goes forward from one place to another, both smaller than the length. */
  long distance(long from, long to) {
    return to >= from ? to - from : to - from + length;
  }

  /** Whether a range of the file shares a byte with the log. */
  boolean overlaps(long offset, long bytes) {
    return offset < start + length && start < offset + bytes;
  }
}
