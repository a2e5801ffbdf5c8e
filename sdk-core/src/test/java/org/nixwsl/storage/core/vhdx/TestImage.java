package org.nixwsl.storage.core.vhdx;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.UUID;
import java.util.zip.CRC32C;
import org.nixwsl.storage.core.vhdx.format.DiskBytes;
import org.nixwsl.storage.core.vhdx.format.Geometry;
import org.nixwsl.storage.disk.DiskType;

/**
 * A small VHDX in memory that tests change at will. Offsets and checksums are written down here a
 * second time, on purpose: a test must not take them from the code that it judges.
 */
final class TestImage implements DiskBytes {
  static final int MIB = 1 << 20;
  static final int HEADER_1 = 64 << 10;
  static final int HEADER_2 = 128 << 10;
  static final int REGIONS_1 = 192 << 10;
  static final int REGIONS_2 = 256 << 10;
  static final int LOG = MIB;
  static final int METADATA = 2 * MIB;
  static final int ITEMS = METADATA + (64 << 10);
  static final int BAT = 3 * MIB;
  static final int PAYLOAD = 4 * MIB;

  private byte[] bytes;

  private TestImage(byte[] bytes) {
    this.bytes = bytes;
  }

  /** A dynamic disk of 16 MiB with blocks of 1 MiB and nothing in it: 4 MiB. */
  static TestImage empty() throws IOException {
    return of(16L * MIB, MIB, 512);
  }

  /** A dynamic disk with nothing in it. */
  static TestImage of(long virtualSize, int blockSize, int sector) throws IOException {
    Path file = Files.createTempFile("nixwsl-test", ".vhdx");
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      DiskCreation.write(
          channel, new Geometry(DiskType.DYNAMIC, virtualSize, blockSize, sector, 4096));
      return new TestImage(Files.readAllBytes(file));
    } finally {
      Files.delete(file);
    }
  }

  /** The same with block 0 full of 0xA0, block 3 of 0xA3; blocks 1 and 2 are zero and trimmed. */
  static TestImage withBlocks() throws IOException {
    TestImage image = empty();
    image.resize(6 * MIB);
    Arrays.fill(image.bytes, PAYLOAD, PAYLOAD + MIB, (byte) 0xA0);
    Arrays.fill(image.bytes, PAYLOAD + MIB, PAYLOAD + 2 * MIB, (byte) 0xA3);
    image.bat(0, 6, 4);
    image.bat(1, 2, 0);
    image.bat(2, 3, 0);
    image.bat(3, 6, 5);
    return image;
  }

  /** {@link #withBlocks} as a child of another disk; block 4 is in the file in part. */
  static TestImage differencing() throws IOException {
    TestImage image = withBlocks();
    image.resize(8 * MIB);
    image.bat(4, 7, 6);
    image.bat(4096, 6, 7);
    image.put32(ITEMS + 4, 2);
    image.locator("parent_linkage", "{83ed0ec3-24c8-49a6-a959-5e4bd1288015}", "relative_path", "x");
    return image;
  }

  TestImage copy() {
    return new TestImage(bytes.clone());
  }

  byte[] array() {
    return bytes;
  }

  ByteBuffer buffer() {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  void resize(int length) {
    bytes = Arrays.copyOf(bytes, length);
  }

  TestImage put8(int at, int value) {
    bytes[at] = (byte) value;
    return this;
  }

  /** Changes a byte whatever it holds: ids and checksums are others in each image. */
  TestImage flip(int at) {
    return put8(at, ~bytes[at]);
  }

  TestImage put16(int at, int value) {
    buffer().putShort(at, (short) value);
    return this;
  }

  TestImage put32(int at, long value) {
    buffer().putInt(at, (int) value);
    return this;
  }

  TestImage put64(int at, long value) {
    buffer().putLong(at, value);
    return this;
  }

  TestImage bat(int index, int state, long offsetMib) {
    return put64(BAT + 8 * index, offsetMib << 20 | state);
  }

  /** Copies a range over another place. */
  TestImage move(int from, int to, int length) {
    System.arraycopy(bytes, from, bytes, to, length);
    return this;
  }

  /** Makes it a child of the disk with this DataWriteGuid. */
  TestImage child(UUID parent, String key, String path) {
    return asChild("parent_linkage", "{" + parent + "}", key, path);
  }

  /** Makes it a differencing disk that says this of its parent. */
  TestImage asChild(String... pairs) {
    return put32(ITEMS + 4, 2).locator(pairs);
  }

  /** Gives both headers this DataWriteGuid. */
  TestImage dataId(UUID id) {
    return putGuid(HEADER_1 + 32, id.toString()).putGuid(HEADER_2 + 32, id.toString()).seal();
  }

  TestImage bytes(int at, byte[] source) {
    System.arraycopy(source, 0, bytes, at, source.length);
    return this;
  }

  /** Adds a parent locator item with these keys and values. */
  TestImage locator(String... pairs) {
    int item = ITEMS + 4096;
    int text = 1024;
    putGuid(METADATA + 6 * 32, "a8d35f2d-b30b-454d-abf7-d3d84834ab0c");
    put32(METADATA + 6 * 32 + 16, item - METADATA);
    put32(METADATA + 6 * 32 + 20, 4096);
    put32(METADATA + 6 * 32 + 24, 4);
    put16(METADATA + 10, 6);
    putGuid(item, "b04aefb7-d19e-4a81-b789-25b8e9445913");
    put16(item + 18, pairs.length / 2);
    for (int i = 0; i < pairs.length; i++) {
      int at = item + 20 + i / 2 * 12;
      put32(at + (i % 2) * 4, text);
      put16(at + 8 + (i % 2) * 2, pairs[i].length() * 2);
      for (char c : pairs[i].toCharArray()) {
        put16(item + text, c);
        text += 2;
      }
    }
    return this;
  }

  TestImage putGuid(int at, String guid) {
    String hex = guid.replace("-", "");
    int[] order = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    for (int i = 0; i < 16; i++) {
      bytes[at + i] = (byte) Integer.parseInt(hex.substring(order[i] * 2, order[i] * 2 + 2), 16);
    }
    return this;
  }

  /** Makes all four checksums right. */
  TestImage seal() {
    return seal(HEADER_1, 4096)
        .seal(HEADER_2, 4096)
        .seal(REGIONS_1, 64 << 10)
        .seal(REGIONS_2, 64 << 10);
  }

  TestImage seal(int at, int length) {
    put32(at + 4, 0);
    CRC32C crc = new CRC32C();
    crc.update(bytes, at, length);
    return put32(at + 4, crc.getValue());
  }

  Path writeTo(Path file) throws IOException {
    return Files.write(file, bytes);
  }

  @Override
  public long size() {
    return bytes.length;
  }

  @Override
  public void read(long offset, ByteBuffer target) throws IOException {
    if (!contains(offset, target.remaining())) {
      throw new EOFException("Offset " + offset);
    }
    target.put(bytes, (int) offset, target.remaining());
  }
}
