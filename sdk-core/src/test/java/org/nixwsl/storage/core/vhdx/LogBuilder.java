package org.nixwsl.storage.core.vhdx;

import static org.nixwsl.storage.core.vhdx.TestImage.HEADER_1;
import static org.nixwsl.storage.core.vhdx.TestImage.HEADER_2;
import static org.nixwsl.storage.core.vhdx.TestImage.LOG;
import static org.nixwsl.storage.core.vhdx.TestImage.MIB;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;

/** Writes log entries into an image, as MS-VHDX section 2.3 lays them out. */
final class LogBuilder {
  static final String GUID = "12345678-9abc-def0-1122-334455667788";

  private final TestImage image;
  private String guid = GUID;
  private int place;
  private long sequence = 100;

  LogBuilder(TestImage image) {
    this.image = image;
    for (int header : new int[] {HEADER_1, HEADER_2}) {
      image.putGuid(header + 48, GUID);
    }
    image.seal();
  }

  LogBuilder at(int newPlace) {
    place = newPlace;
    return this;
  }

  LogBuilder sequence(long next) {
    sequence = next;
    return this;
  }

  LogBuilder guid(String other) {
    guid = other;
    return this;
  }

  int place() {
    return place;
  }

  Entry entry() {
    return new Entry();
  }

  /** An entry in the making; {@link #write} puts it into the ring. */
  final class Entry {
    private final List<long[]> descriptors = new ArrayList<>();
    private final List<byte[]> sectors = new ArrayList<>();
    private long tail = place;
    private long flushed = image.size();
    private long last = image.size();

    Entry tail(long offset) {
      tail = offset;
      return this;
    }

    Entry flushed(long bytes) {
      flushed = bytes;
      return this;
    }

    Entry last(long bytes) {
      last = bytes;
      return this;
    }

    Entry data(long target, byte[] sector) {
      ByteBuffer b = ByteBuffer.wrap(sector).order(ByteOrder.LITTLE_ENDIAN);
      long trailing = b.getInt(4092) & 0xFFFF_FFFFL;
      descriptors.add(new long[] {0x63736564L | trailing << 32, b.getLong(0), target});
      sectors.add(sector);
      return this;
    }

    Entry zero(long target, long length) {
      descriptors.add(new long[] {0x6F72657AL, length, target});
      return this;
    }

    /** Returns where it began in the ring. */
    int write() {
      int descriptorSectors = (descriptors.size() + 2 + 127) / 128;
      int length = (descriptorSectors + sectors.size()) * 4096;
      ByteBuffer b = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
      b.putInt(0, 0x65676F6C).putInt(8, length).putInt(12, (int) tail).putLong(16, sequence);
      b.putInt(24, descriptors.size());
      int[] order = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
      String hex = guid.replace("-", "");
      for (int i = 0; i < 16; i++) {
        int from = order[i] * 2;
        b.put(32 + i, (byte) Integer.parseInt(hex.substring(from, from + 2), 16));
      }
      b.putLong(48, flushed).putLong(56, last);
      int at = 64;
      for (long[] d : descriptors) {
        b.putLong(at, d[0]).putLong(at + 8, d[1]).putLong(at + 16, d[2]).putLong(at + 24, sequence);
        at += 32;
      }
      at = descriptorSectors * 4096;
      for (byte[] sector : sectors) {
        b.put(at, sector);
        b.putInt(at, 0x61746164).putInt(at + 4, (int) (sequence >>> 32));
        b.putInt(at + 4092, (int) sequence);
        at += 4096;
      }
      CRC32C crc = new CRC32C();
      crc.update(b.array());
      b.putInt(4, (int) crc.getValue());
      int began = place;
      for (int i = 0; i < length; i++) {
        image.put8(LOG + (began + i) % MIB, b.get(i));
      }
      place = (began + length) % MIB;
      sequence++;
      return began;
    }
  }
}
