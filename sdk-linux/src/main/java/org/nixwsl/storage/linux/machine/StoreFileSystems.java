package org.nixwsl.storage.linux.machine;

import java.util.List;
import java.util.Set;

/** The types of file systems that can hold a store. */
public final class StoreFileSystems {
  /**
   * What keeps, on a device, owners, modes, times, hard links among many names, any byte in a name,
   * and as many directories as a store has paths. Others, such as tmpfs, overlay, 9p, drvfs,
   * virtiofs or NFS, lose the store or part of it; ext3 ends at 31998 directories in one.
   */
  private static final Set<String> SUITABLE =
      Set.of("ext4", "xfs", "btrfs", "f2fs", "zfs", "bcachefs");

  private StoreFileSystems() {}

  /**
   * Whether a file system can hold a store.
   *
   * @param type its type as {@code mountinfo} gives it
   */
  public static boolean suits(String type) {
    return SUITABLE.contains(type);
  }

  /** The types that suit, sorted, for messages. */
  public static List<String> suitable() {
    return SUITABLE.stream().sorted().toList();
  }
}
