package org.nixwsl.storage.core.vhdx.format;

/**
 * A range of the file that something owns.
 *
 * @param name what owns it, for people
 * @param offset bytes, 0 or more
 * @param length bytes, more than 0; the end does not overflow
 */
public record Region(String name, long offset, long length) {
  /** The first byte after it. */
  public long end() {
    return offset + length;
  }

  /** Whether the two share a byte. */
  boolean overlaps(Region other) {
    return offset < other.end() && other.offset < end();
  }
}
