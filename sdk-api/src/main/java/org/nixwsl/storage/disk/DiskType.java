package org.nixwsl.storage.disk;

/** How a VHDX keeps its blocks. */
public enum DiskType {
  /** The file grows as blocks are written. */
  DYNAMIC,
  /** All blocks are in the file from the start. */
  FIXED,
  /** The file holds what differs from a parent. */
  DIFFERENCING
}
