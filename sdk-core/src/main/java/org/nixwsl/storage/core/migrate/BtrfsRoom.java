package org.nixwsl.storage.core.migrate;

import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.disk.ByteSize;

/**
 * How much fits on a btrfs of a given size, as {@code mkfs.btrfs} makes it on one device when
 * nothing is said: metadata is kept twice and gets chunks of 256 MiB, or of 1 GiB from 50 GiB on
 * (mkfs.btrfs(8)). Inodes are made as they are needed. Nothing is counted on what compression
 * saves.
 */
final class BtrfsRoom implements DiskRoom {
  private static final long MIB = 1L << 20;
  private static final long GIB = 1L << 30;

  /** mkfs.btrfs makes none that is smaller; measured with btrfs-progs 6.2. */
  private static final long SMALLEST = 109 * MIB;

  /** What comes in before it is known how much of it stays. */
  private static final long SLACK = 64 * MIB;

  @Override
  public boolean holds(long size, StoreHost.Measure measure) {
    return measure.bytesWithInodes() <= usableBytes(size);
  }

  @Override
  public String words(long size) {
    return "about " + ByteSize.ofBytes(usableBytes(size)) + ", metadata of files included";
  }

  @Override
  public long written(StoreHost.Measure measure) {
    return measure.bytesWithInodes() + SLACK;
  }

  /** Bytes that files and their metadata can take on a disk of that many bytes. */
  static long usableBytes(long size) {
    return size < SMALLEST ? 0 : Math.max(0, size - reserved(size));
  }

  private static long reserved(long size) {
    if (size < GIB) {
      return 88 * MIB + size / 24;
    }
    return size < 50 * GIB ? Math.min(size / 7, 600 * MIB) : 2 * GIB + 256 * MIB;
  }
}
