package org.nixwsl.storage.core.vhdx.log;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.UUID;
import java.util.zip.CRC32C;
import org.nixwsl.storage.core.vhdx.format.Fields;

/**
 * A valid entry of the log (MS-VHDX section 2.3.1). All its numbers have been checked against its
 * bytes, descriptors and data sectors included; the targets of its changes have not.
 *
 * @param place where it begins in the ring
 * @param length bytes, a multiple of 4096, at most the ring
 * @param tail where the oldest entry begins that this one still needs
 * @param sequence more than 0, unsigned
 * @param descriptors how many changes
 * @param flushedFileOffset the file was at least this long when the entry was written, unsigned
 * @param lastFileOffset the file has to be at least this long after the replay, unsigned
 */
record LogEntry(
    long place,
    long length,
    long tail,
    long sequence,
    long descriptors,
    long flushedFileOffset,
    long lastFileOffset) {
  // The signatures "loge", "desc", "zero" and "data", little-endian.
  private static final int ENTRY_SIGNATURE = 0x65676F6C;
  private static final int DATA_DESCRIPTOR = 0x63736564;
  private static final int ZERO_DESCRIPTOR = 0x6F72657A;
  private static final int DATA_SECTOR = 0x61746164;

  private static final int DESCRIPTOR_LENGTH = 32;

  /** The header of an entry takes the room of two descriptors. */
  private static final int HEADER_DESCRIPTORS = 2;

  private static final int DESCRIPTORS_PER_SECTOR = Fields.SECTOR / DESCRIPTOR_LENGTH;

  /** Gets the changes of an entry, in order. */
  interface Changes {
    /**
     * 4 KiB of the file become these bytes: the first 8 are {@code leading}, the last 4 {@code
     * trailing}, those between are in the log.
     *
     * @param target where in the file; a multiple of 4096, otherwise anything
     * @param place where the data sector is in the ring
     */
    void data(long target, long leading, int trailing, long place);

    /**
     * A range of the file becomes zeros.
     *
     * @param target where in the file; a multiple of 4096, otherwise anything
     * @param bytes a multiple of 4096, otherwise anything
     */
    void zero(long target, long bytes);
  }

  /** Whether a sector looks like the first of an entry; cheap, and not enough. */
  static boolean startsAt(LogRing ring, long place) throws IOException {
    return ring.sector(place).getInt(0) == ENTRY_SIGNATURE;
  }

  /**
   * Reads the entry that begins at a place, if a valid one does.
   *
   * <p>An entry is left at the first sector that does not fit, before its checksum is looked at.
   * The kinds of sectors have different signatures, so no sector can belong to two entries, and
   * trying all places of a ring reads each sector twice at most, however hostile the ring.
   *
   * @param place smaller than the length of the ring
   */
  static Optional<LogEntry> read(LogRing ring, long place) throws IOException {
    ByteBuffer first = ring.sector(place);
    LogEntry entry =
        new LogEntry(
            place,
            first.getInt(8) & 0xFFFF_FFFFL,
            first.getInt(12) & 0xFFFF_FFFFL,
            first.getLong(16),
            first.getInt(24) & 0xFFFF_FFFFL,
            first.getLong(48),
            first.getLong(56));
    boolean plausible =
        first.getInt(0) == ENTRY_SIGNATURE
            && entry.length >= Fields.SECTOR
            && entry.length <= ring.length()
            && entry.length % Fields.SECTOR == 0
            && entry.tail % Fields.SECTOR == 0
            && entry.tail < ring.length()
            && entry.sequence != 0
            && entry.descriptorSectors() <= entry.length / Fields.SECTOR
            && Fields.guid(first, 32).equals(ring.guid());
    return plausible && entry.bodyMatches(ring, first) ? Optional.of(entry) : Optional.empty();
  }

  /** How many bytes an entry takes in the ring that changes so many sectors. */
  static long encodedLength(int sectors) {
    return (descriptorSectors(sectors) + sectors) * Fields.SECTOR;
  }

  /**
   * The bytes of an entry that needs none before it.
   *
   * @param place where it begins in the ring
   * @param fileSize bytes, all of them on the device
   * @param sectors by their places in the file
   */
  static ByteBuffer encode(
      UUID guid, long place, long sequence, long fileSize, SortedMap<Long, ByteBuffer> sectors) {
    ByteBuffer entry = Fields.zeros((int) encodedLength(sectors.size()));
    entry.putInt(0, ENTRY_SIGNATURE);
    entry.putInt(8, entry.capacity());
    entry.putInt(12, (int) place);
    entry.putLong(16, sequence);
    entry.putInt(24, sectors.size());
    Fields.putGuid(entry, 32, guid);
    // Both are multiples of 1 MiB: not more than there is, and not less.
    entry.putLong(48, fileSize / Fields.MIB * Fields.MIB);
    entry.putLong(56, Fields.roundUpToMib(fileSize));
    int descriptor = HEADER_DESCRIPTORS * DESCRIPTOR_LENGTH;
    int data = (int) descriptorSectors(sectors.size()) * Fields.SECTOR;
    for (Map.Entry<Long, ByteBuffer> change : sectors.entrySet()) {
      ByteBuffer sector = change.getValue();
      entry.putInt(descriptor, DATA_DESCRIPTOR);
      entry.putInt(descriptor + 4, sector.getInt(Fields.SECTOR - Integer.BYTES));
      entry.putLong(descriptor + 8, sector.getLong(0));
      entry.putLong(descriptor + 16, change.getKey());
      entry.putLong(descriptor + 24, sequence);
      entry.put(data, sector, 0, Fields.SECTOR);
      entry.putInt(data, DATA_SECTOR);
      entry.putInt(data + 4, (int) (sequence >>> 32));
      entry.putInt(data + Fields.SECTOR - Integer.BYTES, (int) sequence);
      descriptor += DESCRIPTOR_LENGTH;
      data += Fields.SECTOR;
    }
    Fields.putChecksum(entry);
    return entry;
  }

  /** Where the entry after this one begins. */
  long next(LogRing ring) {
    return (place + length) % ring.length();
  }

  /** Tells all changes. Reads the ring again: bounds hold, other numbers may have changed. */
  void forEach(LogRing ring, Changes changes) throws IOException {
    ByteBuffer sector = ring.sector(place);
    long data = descriptorSectors();
    for (long i = 0; i < descriptors; i++) {
      int at = at(i);
      if (at == 0) {
        sector = ring.sector(placeOfDescriptor(i));
      }
      if (sector.getInt(at) == ZERO_DESCRIPTOR) {
        changes.zero(sector.getLong(at + 16), sector.getLong(at + 8));
      } else {
        changes.data(
            sector.getLong(at + 16),
            sector.getLong(at + 8),
            sector.getInt(at + 4),
            place + data * Fields.SECTOR);
        data++;
      }
    }
  }

  private long descriptorSectors() {
    return descriptorSectors(descriptors);
  }

  private static long descriptorSectors(long descriptors) {
    return (descriptors + HEADER_DESCRIPTORS + DESCRIPTORS_PER_SECTOR - 1) / DESCRIPTORS_PER_SECTOR;
  }

  private static int at(long descriptor) {
    return (int) ((descriptor + HEADER_DESCRIPTORS) % DESCRIPTORS_PER_SECTOR) * DESCRIPTOR_LENGTH;
  }

  private long placeOfDescriptor(long descriptor) {
    return place + (descriptor + HEADER_DESCRIPTORS) / DESCRIPTORS_PER_SECTOR * Fields.SECTOR;
  }

  /** Checks descriptors, then data sectors, then the checksum over all of it, in one pass. */
  private boolean bodyMatches(LogRing ring, ByteBuffer first) throws IOException {
    CRC32C crc = new CRC32C();
    ByteBuffer sector = first;
    int expected = first.getInt(4);
    crc.update(first.duplicate().putInt(4, 0));
    long dataSectors = 0;
    for (long i = 0; i < descriptors; i++) {
      int at = at(i);
      if (at == 0) {
        sector = ring.sector(placeOfDescriptor(i));
        crc.update(sector.duplicate());
      }
      int signature = sector.getInt(at);
      boolean zero = signature == ZERO_DESCRIPTOR;
      boolean sane =
          (zero || signature == DATA_DESCRIPTOR)
              && sector.getLong(at + 16) % Fields.SECTOR == 0
              && (!zero || sector.getLong(at + 8) % Fields.SECTOR == 0)
              && sector.getLong(at + 24) == sequence;
      if (!sane) {
        return false;
      }
      dataSectors += zero ? 0 : 1;
    }
    if (length != (descriptorSectors() + dataSectors) * Fields.SECTOR) {
      return false;
    }
    for (long i = descriptorSectors(); i < length / Fields.SECTOR; i++) {
      sector = ring.sector(place + i * Fields.SECTOR);
      boolean sane =
          sector.getInt(0) == DATA_SECTOR
              && sector.getInt(4) == (int) (sequence >>> 32)
              && sector.getInt(Fields.SECTOR - 4) == (int) sequence;
      if (!sane) {
        return false;
      }
      crc.update(sector.duplicate());
    }
    return (int) crc.getValue() == expected;
  }
}
