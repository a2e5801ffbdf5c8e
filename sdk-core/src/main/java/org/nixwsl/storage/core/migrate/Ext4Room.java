package org.nixwsl.storage.core.migrate;

import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.disk.ByteSize;

/**
 * How much fits on an ext4 of a given size, as {@code mkfs.ext4} makes it when nothing is said: an
 * inode for each 16 KiB, or 4 KiB below 512 MiB, 256 bytes an inode, and a journal by size
 * (mke2fs.conf(5), and ext2fs_default_journal_size in e2fsprogs 1.47).
 */
final class Ext4Room implements DiskRoom {
  private static final long MIB = 1L << 20;
  private static final long GIB = 1L << 30;
  private static final long INODE_BYTES = 256;

  /** Bitmaps, group descriptors with room to grow, copies of the superblock: at most this part. */
  private static final long OTHER_PART = 128;

  @Override
  public boolean holds(long size, StoreHost.Measure measure) {
    return measure.diskBytes() <= usableBytes(size) && measure.inodes() <= usableInodes(size);
  }

  @Override
  public String words(long size) {
    return "about " + ByteSize.ofBytes(usableBytes(size)) + " in " + usableInodes(size) + " inodes";
  }

  /** Bytes that files can take on a disk of that many bytes, what is reserved for root included. */
  static long usableBytes(long size) {
    long tables = usableInodes(size) * INODE_BYTES;
    return Math.max(0, size - tables - journal(size) - size / OTHER_PART - 4 * MIB);
  }

  /** Files, symlinks and directories that a disk of that many bytes can hold. */
  static long usableInodes(long size) {
    return size / (size < 512 * MIB ? 4 << 10 : 16 << 10);
  }

  @Override
  public long written(StoreHost.Measure measure) {
    return measure.diskBytes()
        + measure.inodes() * INODE_BYTES
        + measure.diskBytes() / 64
        + 64 * MIB;
  }

  private static long journal(long size) {
    if (size < GIB) {
      return 16 * MIB;
    }
    if (size < 2 * GIB) {
      return 32 * MIB;
    }
    if (size < 16 * GIB) {
      return 64 * MIB;
    }
    if (size < 32 * GIB) {
      return 128 * MIB;
    }
    if (size < 64 * GIB) {
      return 256 * MIB;
    }
    return size < 128 * GIB ? 512 * MIB : GIB;
  }
}
