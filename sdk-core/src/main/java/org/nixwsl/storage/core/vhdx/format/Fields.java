package org.nixwsl.storage.core.vhdx.format;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import java.util.zip.CRC32C;

/** Units and the field kinds of a VHDX that are not plain numbers. Buffers are little-endian. */
public final class Fields {
  /** The unit of the file map: everything but the header section starts on such a boundary. */
  public static final int MIB = 1 << 20;

  /** The unit of headers and of the log (MS-VHDX sections 2.2.2 and 2.3). */
  public static final int SECTOR = 4096;

  /**
   * No file of more than 128 TiB is read: that is twice the largest virtual disk (64 TiB, MS-VHDX
   * section 2.6.2.2), and it bounds the memory that the map of used space may take.
   */
  public static final long LARGEST_FILE = 1L << 47;

  /** The GUID of all zeros, which stands for "none". */
  public static final UUID NO_GUID = new UUID(0, 0);

  /** Where each checked structure keeps its CRC-32C; these bytes count as zero in it. */
  private static final int CHECKSUM_OFFSET = 4;

  private static final char REPLACEMENT = '\uFFFD';

  private static final byte[] ZEROS = new byte[64 << 10];

  private Fields() {}

  /** Reads a GUID: three little-endian numbers, then eight bytes in order. */
  public static UUID guid(ByteBuffer buffer, int at) {
    long high =
        (buffer.getInt(at) & 0xFFFF_FFFFL) << 32
            | (buffer.getShort(at + 4) & 0xFFFFL) << 16
            | (buffer.getShort(at + 6) & 0xFFFFL);
    return new UUID(high, Long.reverseBytes(buffer.getLong(at + 8)));
  }

  /** Writes a GUID as {@link #guid} reads it. */
  public static void putGuid(ByteBuffer buffer, int at, UUID guid) {
    long high = guid.getMostSignificantBits();
    buffer.putInt(at, (int) (high >>> 32));
    buffer.putShort(at + 4, (short) (high >>> 16));
    buffer.putShort(at + 6, (short) high);
    buffer.putLong(at + 8, Long.reverseBytes(guid.getLeastSignificantBits()));
  }

  /** A GUID in the form that Windows shows. */
  public static String show(UUID guid) {
    return "{" + guid + "}";
  }

  /**
   * Reads UTF-16LE text up to its first NUL, for people: control characters and broken pairs, which
   * could steer a terminal, come back as U+FFFD.
   *
   * @param length bytes, even
   */
  static String text(ByteBuffer buffer, int at, int length) {
    String all = rawText(buffer, at, length);
    int end = all.indexOf('\0');
    return printable(end < 0 ? all : all.substring(0, end));
  }

  /** Reads UTF-16LE text as it is, for programs; not for a terminal. */
  static String rawText(ByteBuffer buffer, int at, int length) {
    byte[] bytes = new byte[length];
    buffer.get(at, bytes);
    return new String(bytes, StandardCharsets.UTF_16LE);
  }

  /** Text for people: what could steer a terminal is replaced by U+FFFD. */
  public static String printable(String text) {
    StringBuilder clean = new StringBuilder();
    text.codePoints().map(c -> unprintable(c) ? REPLACEMENT : c).forEach(clean::appendCodePoint);
    return clean.toString();
  }

  private static boolean unprintable(int codePoint) {
    int type = Character.getType(codePoint);
    return type == Character.CONTROL
        || type == Character.FORMAT
        || type == Character.SURROGATE
        || type == Character.LINE_SEPARATOR
        || type == Character.PARAGRAPH_SEPARATOR;
  }

  /** Whether the CRC-32C in a structure is that of the structure. */
  static boolean checksumMatches(ByteBuffer structure) {
    return structure.getInt(CHECKSUM_OFFSET) == checksum(structure);
  }

  /** Sets the CRC-32C of a structure that is otherwise complete. */
  public static void putChecksum(ByteBuffer structure) {
    structure.putInt(CHECKSUM_OFFSET, checksum(structure));
  }

  /** The CRC-32C over all bytes of the buffer up to its limit, its own four counted as zero. */
  private static int checksum(ByteBuffer structure) {
    CRC32C crc = new CRC32C();
    crc.update(structure.duplicate().position(0).limit(CHECKSUM_OFFSET));
    crc.update(new byte[Integer.BYTES]);
    crc.update(structure.duplicate().position(CHECKSUM_OFFSET + Integer.BYTES));
    return (int) crc.getValue();
  }

  /** Fills the rest of a buffer with zeros. */
  public static void putZeros(ByteBuffer target) {
    while (target.hasRemaining()) {
      target.put(ZEROS, 0, Math.min(ZEROS.length, target.remaining()));
    }
  }

  /** A little-endian buffer of zeros, to be written into. */
  public static ByteBuffer zeros(int length) {
    return ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Rounds up to a multiple of 1 MiB; the value is at most {@link #LARGEST_FILE}. */
  public static long roundUpToMib(long bytes) {
    return Math.addExact(bytes, MIB - 1L) & -MIB;
  }

  /** Whether the value is a multiple of 1 MiB, seen as an unsigned number. */
  static boolean isMibMultiple(long bytes) {
    return (bytes & (MIB - 1)) == 0;
  }
}
