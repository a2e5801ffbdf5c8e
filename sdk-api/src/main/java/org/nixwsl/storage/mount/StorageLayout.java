package org.nixwsl.storage.mount;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How the instances lie on a shared storage. Every layout keeps an instance in the directory of its
 * name, {@code /mnt/wsl/NAME/INSTANCE}; what that directory is, and which file system carries it,
 * is the layout's own. New members may come in a minor release: decide with {@code instanceof} and
 * keep a branch for the rest.
 */
public sealed interface StorageLayout
    permits StorageLayout.Ext4Subdirectories,
        StorageLayout.BtrfsSubvolumes,
        StorageLayout.DedicatedPartitions,
        StorageLayout.ZfsDatasets {
  /**
   * The type that the mount of the storage must have, as the mount table gives it. A {@link
   * StorageLocation.MountedDirectory} with the layout {@link Ext4Subdirectories} may lie on any
   * file system that keeps a store, as plain directories are the same on all of them.
   */
  String fileSystemType();

  /** The layout as one word, such as {@code ext4} or {@code btrfs:3}; {@link #parse} reads it. */
  String text();

  /** One ext4 file system, each instance a directory of it. */
  static StorageLayout ofDefaults() {
    return new Ext4Subdirectories();
  }

  /**
   * Reads {@link #text}: {@code ext4}, {@code btrfs}, {@code btrfs:LEVEL}, {@code partitions} or
   * {@code zfs}.
   *
   * @throws IllegalArgumentException if it is none of these
   */
  static StorageLayout parse(String text) {
    Matcher btrfs = BtrfsSubvolumes.TEXT.matcher(text);
    if (btrfs.matches()) {
      return btrfs.group(1) == null
          ? new BtrfsSubvolumes()
          : new BtrfsSubvolumes(Integer.parseInt(btrfs.group(1)));
    }
    return switch (text) {
      case Ext4Subdirectories.WORD -> new Ext4Subdirectories();
      case DedicatedPartitions.WORD -> new DedicatedPartitions();
      case ZfsDatasets.WORD -> new ZfsDatasets();
      default ->
          throw new IllegalArgumentException(
              "Not a layout: '" + text + "'. Use ext4, btrfs, btrfs:LEVEL, partitions or zfs.");
    };
  }

  /** One ext4 file system, each instance a directory of it. The default. */
  record Ext4Subdirectories() implements StorageLayout {
    private static final String WORD = "ext4";

    @Override
    public String fileSystemType() {
      return "ext4";
    }

    @Override
    public String text() {
      return WORD;
    }
  }

  /**
   * One btrfs file system, each instance a subvolume of it. Files are compressed with zstd, and a
   * read-only snapshot is taken before a finished copy is changed and before it is committed;
   * {@link org.nixwsl.storage.StoreMigrator#reclaim} deletes these. Instances share no files: a
   * hard link cannot leave its subvolume. The place where the files are needs the programs {@code
   * btrfs} and, to format a disk, {@code mkfs.btrfs}.
   *
   * @param compressionLevel zstd's level for files that are written, from 1 to 15; 0 compresses
   *     nothing. It is an option of the mount and not kept on the disk
   */
  record BtrfsSubvolumes(int compressionLevel) implements StorageLayout {
    private static final String WORD = "btrfs";
    private static final int DEFAULT_LEVEL = 1;
    private static final int GREATEST_LEVEL = 15;
    private static final Pattern TEXT = Pattern.compile(WORD + "(?::([0-9]{1,2}))?");

    /** Refuses a level that the kernel does not have. */
    public BtrfsSubvolumes {
      if (compressionLevel < 0 || compressionLevel > GREATEST_LEVEL) {
        throw new IllegalArgumentException(
            "compressionLevel must be from 0 to 15, not " + compressionLevel);
      }
    }

    /** With the fastest level, 1. */
    public BtrfsSubvolumes() {
      this(DEFAULT_LEVEL);
    }

    @Override
    public String fileSystemType() {
      return "btrfs";
    }

    @Override
    public String text() {
      return compressionLevel == DEFAULT_LEVEL ? WORD : WORD + ":" + compressionLevel;
    }
  }

  /**
   * Each instance has a partition of a {@link StorageLocation.PhysicalDisk} to itself, with ext4 on
   * it and a mount name of its own. Partition and file system have to be there: the SDK divides and
   * formats no disk of a user.
   */
  record DedicatedPartitions() implements StorageLayout {
    private static final String WORD = "partitions";

    @Override
    public String fileSystemType() {
      return "ext4";
    }

    @Override
    public String text() {
      return WORD;
    }
  }

  /**
   * Each instance is a dataset of a ZFS pool. WSL's own kernel has no ZFS, and the SDK has no code
   * for it yet: every plan refuses this layout and says which of the two is in the way.
   */
  record ZfsDatasets() implements StorageLayout {
    private static final String WORD = "zfs";

    @Override
    public String fileSystemType() {
      return "zfs";
    }

    @Override
    public String text() {
      return WORD;
    }
  }
}
