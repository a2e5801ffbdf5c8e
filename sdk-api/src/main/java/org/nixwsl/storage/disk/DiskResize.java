package org.nixwsl.storage.disk;

import org.immutables.value.Value;

/** The size that a VHDX is to get. */
@Value.Immutable
@ValueStyle
public interface DiskResize {
  /** How large the disk is to look from inside. A multiple of 1 MiB from 3 MiB to 64 TiB. */
  ByteSize virtualSize();

  /**
   * Whether what lies past a smaller size may be thrown away, whatever it is. When not said, a disk
   * is made smaller only if nothing but zeros is there. A file system has to be made smaller before
   * its disk.
   */
  @Value.Default
  default boolean allowDataLoss() {
    return false;
  }

  /** That size, without losing data. */
  static DiskResize to(ByteSize virtualSize) {
    return builder().virtualSize(virtualSize).build();
  }

  /** Starts with the defaults; the size has to be given. */
  static Builder builder() {
    return new Builder();
  }

  /** Builds a {@link DiskResize}. Not thread-safe; each part is set once. */
  final class Builder extends ImmutableDiskResize.Builder {
    Builder() {}
  }
}
