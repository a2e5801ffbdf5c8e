package org.nixwsl.storage.disk;

import org.immutables.value.Value;

/** How a disk is copied. */
@Value.Immutable
@ValueStyle
public interface DiskCopyOptions {
  /**
   * Whether the copy is a disk of its own: it gets a new virtual disk id and a new DataWriteGuid,
   * as two disks with one id must not be attached to one machine. No when not said: the copy is
   * then the same disk once more, as a backup is, and stays a valid parent for the children of its
   * source.
   *
   * <p>The file system inside is the same in any case, and so is its UUID.
   */
  @Value.Default
  default boolean newIdentity() {
    return false;
  }

  /** Which parents of a differencing disk are read; those in its folder when not said. */
  @Value.Default
  default ParentAccess parents() {
    return ParentAccess.CHILD_FOLDER;
  }

  /** The same disk once more. */
  static DiskCopyOptions ofDefaults() {
    return builder().build();
  }

  /** Starts with the defaults. */
  static Builder builder() {
    return new Builder();
  }

  /** Builds {@link DiskCopyOptions}. Not thread-safe; each part is set once. */
  final class Builder extends ImmutableDiskCopyOptions.Builder {
    Builder() {}
  }
}
