package org.nixwsl.storage.testkit.wsl.model;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.core.vhdx.VhdxEngine;
import org.nixwsl.storage.disk.DiskChannel;

/**
 * What is on a VHDX, told by its signatures as {@code blkid} does, and written so that {@code
 * blkid} finds it. Enough for disks that nobody really mounts: a file system made here has no
 * contents.
 *
 * @param bytes the size of the disk
 * @param volumes first the whole disk, then its partitions
 */
public record DiskContents(long bytes, List<Volume> volumes) {
  private static final int SECTOR = 512;

  /** Master boot record: four entries of 16 bytes, and the signature at the end of the sector. */
  private static final int TABLE = 446;

  /** Superblock of ext4 (Documentation/filesystems/ext4): magic and UUID in it. */
  private static final int SUPERBLOCK = 1024;

  private static final int MAGIC_AT = 0x38;
  private static final short MAGIC = (short) 0xEF53;
  private static final int UUID_AT = 0x68;

  /** BTRFS_SUPER_INFO_OFFSET, and offsets in struct btrfs_super_block of the kernel. */
  private static final int BTRFS_SUPERBLOCK = 0x10000;

  private static final int BTRFS_UUID_AT = 0x20;
  private static final int BTRFS_MAGIC_AT = 0x40;
  private static final byte[] BTRFS_MAGIC = "_BHRfS_M".getBytes(StandardCharsets.US_ASCII);

  /** Where FAT32 has its name (Microsoft FAT specification, BS_FilSysType). */
  private static final int FAT_NAME = 82;

  /** Copies the list. */
  public DiskContents {
    volumes = List.copyOf(volumes);
  }

  /**
   * A disk or a partition.
   *
   * @param number 0 for the disk
   * @param start its first byte
   * @param length its size in bytes
   * @param type {@code ext4}, {@code vfat}, or empty if no file system is found
   * @param uuid of the file system; empty if it has none
   */
  public record Volume(int number, long start, long length, String type, String uuid) {}

  /** Reads a disk. */
  public static DiskContents of(Path vhdx) throws IOException {
    try (SeekableByteChannel disk = new VhdxEngine().openForReading(vhdx)) {
      List<Volume> volumes = new ArrayList<>();
      volumes.add(volume(disk, 0, 0, disk.size()));
      ByteBuffer sector = read(disk, 0, SECTOR);
      boolean table = sector.getShort(SECTOR - 2) == (short) 0xAA55;
      for (int i = 0; table && i < 4; i++) {
        int entry = TABLE + 16 * i;
        long start = Integer.toUnsignedLong(sector.getInt(entry + 8)) * SECTOR;
        long length = Integer.toUnsignedLong(sector.getInt(entry + 12)) * SECTOR;
        if (sector.get(entry + 4) != 0 && start + length <= disk.size()) {
          volumes.add(volume(disk, i + 1, start, length));
        }
      }
      return new DiskContents(disk.size(), volumes);
    }
  }

  /** A disk or partition; empty if there is none of that number. */
  public Optional<Volume> volume(int number) {
    return volumes.stream().filter(v -> v.number() == number).findFirst();
  }

  /** Whether it has partitions. */
  public boolean divided() {
    return volumes.size() > 1;
  }

  /** Gives a disk two partitions of the same size. */
  public static void divide(Path vhdx) throws IOException {
    try (DiskChannel disk = new VhdxEngine().openForWriting(vhdx)) {
      ByteBuffer sector = ByteBuffer.allocate(SECTOR).order(ByteOrder.LITTLE_ENDIAN);
      int first = 2048; // 1 MiB, as all tools align
      int sectors = (int) (disk.size() / SECTOR - first) / 2;
      for (int i = 0; i < 2; i++) {
        int entry = TABLE + 16 * i;
        sector.put(entry + 4, (byte) 0x83);
        sector.putInt(entry + 8, first + i * sectors);
        sector.putInt(entry + 12, sectors);
      }
      sector.putShort(SECTOR - 2, (short) 0xAA55);
      write(disk, 0, sector);
    }
  }

  /**
   * Puts the signature of a file system on a disk or partition.
   *
   * @param type {@code ext4} or {@code vfat}
   */
  public static void format(Path vhdx, int number, String type, UUID uuid) throws IOException {
    Volume volume = of(vhdx).volume(number).orElseThrow();
    try (DiskChannel disk = new VhdxEngine().openForWriting(vhdx)) {
      ByteBuffer block = ByteBuffer.allocate(SUPERBLOCK).order(ByteOrder.LITTLE_ENDIAN);
      if (type.equals("ext4")) {
        block.putShort(MAGIC_AT, MAGIC);
        block.order(ByteOrder.BIG_ENDIAN).putLong(UUID_AT, uuid.getMostSignificantBits());
        block.putLong(UUID_AT + 8, uuid.getLeastSignificantBits());
        write(disk, volume.start() + SUPERBLOCK, block);
      } else if (type.equals("btrfs")) {
        block.order(ByteOrder.BIG_ENDIAN).putLong(BTRFS_UUID_AT, uuid.getMostSignificantBits());
        block.putLong(BTRFS_UUID_AT + 8, uuid.getLeastSignificantBits());
        block.put(BTRFS_MAGIC_AT, BTRFS_MAGIC);
        write(disk, volume.start() + BTRFS_SUPERBLOCK, block);
      } else {
        block.put(FAT_NAME, "FAT32   ".getBytes(StandardCharsets.US_ASCII));
        // No 0xAA55: it would be read as a table of partitions.
        write(disk, volume.start(), block);
      }
      disk.force();
    }
  }

  /** The first bytes of a disk. */
  static byte[] head(Path vhdx, int length) throws IOException {
    try (SeekableByteChannel disk = new VhdxEngine().openForReading(vhdx)) {
      byte[] head = new byte[length];
      read(disk, 0, length).get(head);
      return head;
    }
  }

  private static Volume volume(SeekableByteChannel disk, int number, long start, long length)
      throws IOException {
    ByteBuffer bytes = read(disk, start, 2 * SUPERBLOCK);
    if (bytes.getShort(SUPERBLOCK + MAGIC_AT) == MAGIC) {
      bytes.order(ByteOrder.BIG_ENDIAN);
      UUID uuid =
          new UUID(bytes.getLong(SUPERBLOCK + UUID_AT), bytes.getLong(SUPERBLOCK + UUID_AT + 8));
      return new Volume(number, start, length, "ext4", uuid.toString());
    }
    if (length >= BTRFS_SUPERBLOCK + SUPERBLOCK) {
      ByteBuffer btrfs = read(disk, start + BTRFS_SUPERBLOCK, SUPERBLOCK);
      byte[] magic = new byte[BTRFS_MAGIC.length];
      btrfs.get(BTRFS_MAGIC_AT, magic);
      if (Arrays.equals(magic, BTRFS_MAGIC)) {
        btrfs.order(ByteOrder.BIG_ENDIAN);
        UUID uuid = new UUID(btrfs.getLong(BTRFS_UUID_AT), btrfs.getLong(BTRFS_UUID_AT + 8));
        return new Volume(number, start, length, "btrfs", uuid.toString());
      }
    }
    byte[] name = new byte[5];
    bytes.get(FAT_NAME, name);
    boolean fat = new String(name, StandardCharsets.US_ASCII).equals("FAT32");
    return new Volume(number, start, length, fat ? "vfat" : "", "");
  }

  private static ByteBuffer read(SeekableByteChannel disk, long at, int length) throws IOException {
    ByteBuffer buffer = ByteBuffer.wrap(new byte[length]).order(ByteOrder.LITTLE_ENDIAN);
    disk.position(at);
    while (buffer.hasRemaining() && disk.read(buffer) >= 0) {
      // until it is full, or the disk ends
    }
    return buffer.clear();
  }

  private static void write(DiskChannel disk, long at, ByteBuffer bytes) throws IOException {
    disk.position(at);
    bytes.clear();
    while (bytes.hasRemaining()) {
      disk.write(bytes);
    }
  }
}
