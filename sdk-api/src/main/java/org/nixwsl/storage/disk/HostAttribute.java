package org.nixwsl.storage.disk;

/**
 * What Windows keeps of a file beside its bytes and what matters for attaching it as a disk. The
 * bits are those of the Windows API (winnt.h, {@code FILE_ATTRIBUTE_*}).
 */
public enum HostAttribute {
  /** {@code FILE_ATTRIBUTE_SPARSE_FILE}, 0x200. */
  SPARSE(
      "Older versions of WSL and Mount-VHD refuse a sparse file (0xC03A001A); newer ones attach it,"
          + " and WSL makes none any more because of damaged data. Clear it with"
          + " fsutil sparse setflag FILE 0."),
  /** {@code FILE_ATTRIBUTE_COMPRESSED}, 0x800; a file inherits it from its folder. */
  COMPRESSED(
      "Older versions of WSL and Mount-VHD refuse a compressed file (0xC03A001A); newer ones attach"
          + " it, and every write is slower. Clear it with compact /u FILE."),
  /** {@code FILE_ATTRIBUTE_ENCRYPTED}, 0x4000; a file inherits it from its folder. */
  ENCRYPTED(
      "Older versions of WSL and Mount-VHD refuse an encrypted file (0xC03A001A); newer ones attach"
          + " it for the account that holds the key only. Clear it with cipher /d FILE."),
  /**
   * {@code FILE_ATTRIBUTE_OFFLINE}, 0x1000, {@code RECALL_ON_OPEN}, 0x40000, or {@code
   * RECALL_ON_DATA_ACCESS}, 0x400000.
   */
  CLOUD_PLACEHOLDER(
      "The contents may be elsewhere, at a cloud service or on slow storage, and are fetched on"
          + " access: attaching can fail or hang, and a synchronising service can replace the file"
          + " under a running system. Move it to a folder that is not synchronised.");

  private final String meaning;

  HostAttribute(String meaning) {
    this.meaning = meaning;
  }

  /** What it means for attaching the disk to WSL, and how to clear it, for people. */
  public String meaning() {
    return meaning;
  }
}
