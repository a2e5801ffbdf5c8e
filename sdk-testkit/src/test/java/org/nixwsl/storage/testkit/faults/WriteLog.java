package org.nixwsl.storage.testkit.faults;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * All that a disk was told to write, in the order in which it was told, recorded by QEMU's driver
 * {@code blklogwrites} (BlockdevOptionsBlklogwrites in its QMP reference). The format is that of
 * Linux's dm-log-writes: Documentation/admin-guide/device-mapper/log-writes.rst, and the structures
 * in drivers/md/dm-log-writes.c. Not thread-safe. Whoever opened it closes it.
 */
final class WriteLog implements AutoCloseable {
  /**
   * A disk promises to write that much as a whole or not at all: a physical sector of our disks.
   */
  static final int PHYSICAL_SECTOR = 4096;

  private static final long MAGIC = 0x6a736677736872L;
  private static final int SECTOR = 512;
  private static final int HEAD = 32;
  private static final long FLUSH = 1;
  private static final long FUA = 1 << 1;
  private static final long DISCARD = 1 << 2;

  private final FileChannel file;
  private final List<Entry> entries = new ArrayList<>();
  private long end = SECTOR;

  private WriteLog(FileChannel file) {
    this.file = file;
  }

  /**
   * One order to the disk.
   *
   * @param start the first byte on the disk
   * @param length how many bytes; 0 for one that only makes durable
   * @param durable whether all of before is on the device when it is answered, and itself
   * @param data where its bytes are in the log
   */
  private record Entry(long start, long length, boolean durable, boolean discards, long data) {}

  /** Opens the log of a disk that is written to meanwhile, or was. */
  static WriteLog open(Path file) throws IOException {
    return new WriteLog(FileChannel.open(file, StandardOpenOption.READ));
  }

  /** How many orders there are by now. */
  int count() throws IOException {
    for (Entry next = read(end); next != null; next = read(end)) {
      entries.add(next);
      end = next.data() + (next.discards() ? 0 : next.length());
    }
    return entries.size();
  }

  private @org.jspecify.annotations.Nullable Entry read(long at) throws IOException {
    ByteBuffer head = bytes(at, HEAD);
    long flags = head.getLong(16);
    long sectors = head.getLong(8);
    if (flags == 0 && sectors == 0) {
      return null; // nothing is written there yet
    }
    if (entries.isEmpty()) {
      requireFormat();
    }
    return new Entry(
        head.getLong(0) * SECTOR,
        sectors * SECTOR,
        (flags & (FLUSH | FUA)) != 0,
        (flags & DISCARD) != 0,
        at + SECTOR);
  }

  private void requireFormat() throws IOException {
    ByteBuffer superblock = bytes(0, HEAD);
    if (superblock.getLong(0) != MAGIC
        || superblock.getLong(8) != 1
        || superblock.getInt(24) != SECTOR) {
      throw new IOException("This is no log of writes, or one of another version");
    }
  }

  private ByteBuffer bytes(long at, int length) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    while (bytes.hasRemaining() && file.read(bytes, at + bytes.position()) > 0) {
      // until it is full, or the log ends
    }
    return bytes;
  }

  /** Whether the order makes durable what came before it. */
  boolean durable(int index) {
    return entries.get(index).durable();
  }

  /** Whether the order writes anything. */
  boolean writes(int index) {
    return entries.get(index).length() > 0;
  }

  /** Into how many pieces the order can be torn. */
  int pieces(int index) {
    Entry entry = entries.get(index);
    if (entry.length() == 0) {
      return 0;
    }
    long first = entry.start() / PHYSICAL_SECTOR;
    return Math.toIntExact((entry.start() + entry.length() - 1) / PHYSICAL_SECTOR - first + 1);
  }

  /** Does to a disk what one piece of an order says. */
  void replay(int index, int piece, FileChannel disk) throws IOException {
    Entry entry = entries.get(index);
    long sector = (entry.start() / PHYSICAL_SECTOR + piece) * PHYSICAL_SECTOR;
    long from = Math.max(entry.start(), sector);
    long to = Math.min(entry.start() + entry.length(), sector + PHYSICAL_SECTOR);
    int length = Math.toIntExact(to - from);
    ByteBuffer bytes =
        entry.discards()
            ? ByteBuffer.allocate(length)
            : bytes(entry.data() + from - entry.start(), length).position(0);
    while (bytes.hasRemaining()) {
      disk.write(bytes, from + bytes.position());
    }
  }

  /** Does to a disk what an order says. */
  void replay(int index, FileChannel disk) throws IOException {
    for (int piece = 0; piece < pieces(index); piece++) {
      replay(index, piece, disk);
    }
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
