package org.nixwsl.storage.core.platform;

import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.mount.StorageLayout;

/**
 * How the file system of a layout is made on a blank disk, and mounted: in the same words on Linux
 * and, through WSL, in an instance. Immutable.
 *
 * @param type its type, as the mount table gives it
 * @param program the program that makes it
 * @param debianPackage the package of Debian that has the program
 * @param options of the program, besides UUID and label
 * @param extended what {@code -E} gets; empty for a program that has no such option
 * @param extendedBefore the same for releases that do not know all of the former
 * @param mountOptions options of every mount of it; empty for none
 * @param ownMountOptions more of them, for a mount that the SDK makes itself and no boot relies on
 */
public record DiskFormat(
    String type,
    String program,
    String debianPackage,
    List<String> options,
    String extended,
    String extendedBefore,
    String mountOptions,
    String ownMountOptions) {
  private static final String LABEL = "nixstorage";

  /**
   * What was never written reads as zeros on a VHDX. So neither mkfs nor the kernel has to write
   * zeros to inode tables and journal, here or in WSL: that would make the file grow by 16 GiB for
   * each TiB of the disk.
   */
  private static final String LAZY = "nodiscard,lazy_itable_init=1,lazy_journal_init=1";

  /**
   * A store holds neither devices nor programs that change the user; times of reading help nobody.
   */
  private static final String OWN = "rw,nosuid,nodev,noatime";

  /** Copies the list. */
  public DiskFormat {
    options = List.copyOf(options);
  }

  /**
   * The format of a layout.
   *
   * @throws EnvironmentException {@code UNSUPPORTED_PLATFORM} if the SDK makes and mounts no such
   *     file system
   */
  public static DiskFormat of(StorageLayout layout) {
    if (layout instanceof StorageLayout.BtrfsSubvolumes btrfs) {
      return btrfs(btrfs);
    }
    if (layout instanceof StorageLayout.ZfsDatasets) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.UNSUPPORTED_PLATFORM,
              "The SDK makes and mounts no ZFS.",
              "Use the layout ext4 or btrfs."));
    }
    return new DiskFormat(
        "ext4",
        "mkfs.ext4",
        "e2fsprogs",
        // One big group of metadata: a dynamic disk then grows by what is written and little else.
        List.of("-q", "-e", "remount-ro", "-G", "4096"),
        LAZY + ",assume_storage_prezeroed=1",
        LAZY, // e2fsprogs before 1.47 cannot be told so
        "",
        OWN + ",errors=remount-ro");
  }

  /**
   * Small files outside of the metadata, where what is cached can be dropped and read back from the
   * device; see docs/performance.md.
   */
  private static DiskFormat btrfs(StorageLayout.BtrfsSubvolumes layout) {
    String compression =
        layout.compressionLevel() == 0 ? "" : "compress=zstd:" + layout.compressionLevel() + ",";
    String options = compression + "max_inline=0";
    return new DiskFormat(
        "btrfs",
        "mkfs.btrfs",
        "btrfs-progs",
        List.of("-q", "-K"),
        "",
        "",
        options,
        OWN + "," + options);
  }

  /** What the program gets before the name of the device, and before {@code -E}. */
  public List<String> arguments(UUID uuid) {
    List<String> arguments = new ArrayList<>(options);
    arguments.addAll(List.of("-U", uuid.toString(), "-L", LABEL));
    return arguments;
  }
}
