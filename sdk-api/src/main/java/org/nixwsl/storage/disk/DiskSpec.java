package org.nixwsl.storage.disk;

import org.immutables.value.Value;

/**
 * The VHDX to create. Everything but the size has the value that suits a shared store: a dynamic
 * disk with 1 MiB blocks, 512 byte logical and 4096 byte physical sectors.
 */
@Value.Immutable
@ValueStyle
public interface DiskSpec {
  /** How large the disk looks from inside. A multiple of 1 MiB from 3 MiB to 64 TiB. */
  ByteSize virtualSize();

  /**
   * The unit in which the file grows. A power of two from 1 MiB to 256 MiB; 1 MiB when not said,
   * for disks of every size, because the journal and the tables of ext4 are spread over the disk
   * and take a whole block wherever they are. The file begins with a table of 8 bytes for each
   * block, all of it in its length from the start: 8 MiB for each TiB of the disk at 1 MiB (a disk
   * of 64 TiB begins with 516 MiB), in the same proportion less for larger blocks. The table is
   * never held in memory as a whole.
   */
  @Value.Default
  default ByteSize blockSize() {
    return ByteSize.mebibytes(1);
  }

  /** Bytes of a logical sector: 512 or 4096. */
  @Value.Default
  default int logicalSectorSize() {
    return 512;
  }

  /** Bytes of a physical sector: 512 or 4096. */
  @Value.Default
  default int physicalSectorSize() {
    return 4096;
  }

  /**
   * Whether all blocks are in the file from the start. Creating such a disk writes all of it, as
   * zeros.
   */
  @Value.Default
  default boolean fixed() {
    return false;
  }

  /** A dynamic disk of the given size. */
  static DiskSpec ofSize(ByteSize virtualSize) {
    return builder().virtualSize(virtualSize).build();
  }

  /** Starts with the defaults; the size has to be given. */
  static Builder builder() {
    return new Builder();
  }

  /** Builds a {@link DiskSpec}. Not thread-safe; each part is set once. */
  final class Builder extends ImmutableDiskSpec.Builder {
    Builder() {}
  }
}
