package org.nixwsl.storage.core.nar;

import java.nio.ByteBuffer;

/**
 * The length of the NAR of a tree, from names, types and lengths alone: no file is read. It differs
 * when a file was cut or grown past a multiple of 8 bytes, added or taken away, when an executable
 * bit changed, and mostly when something was renamed; not when bytes changed.
 */
public final class NarSize implements NarStream {
  /** {@code nix-archive-1}. */
  private static final long MAGIC = string(13);

  /** {@code ( type ... )}. */
  private static final long NODE = string(1) + string(4) + string(1);

  /** {@code regular contents}. */
  private static final long REGULAR = string(7) + string(8);

  /** {@code executable} and an empty string. */
  private static final long EXECUTABLE = string(10) + string(0);

  /** {@code symlink target}. */
  private static final long SYMLINK = string(7) + string(6);

  /** {@code directory}. */
  private static final long DIRECTORY = string(9);

  /** {@code entry ( name ... node ... )}. */
  private static final long ENTRY = string(5) + string(1) + string(4) + string(4) + string(1);

  private long size = MAGIC;

  /** For one tree. */
  public NarSize() {}

  /** The length of the NAR of a store path that is one regular file. */
  public static long ofRegular(boolean executable, long length) {
    NarSize size = new NarSize();
    size.regular(executable, length);
    return size.size();
  }

  /**
   * How many files, directories and symlinks a NAR of that length can stand for at most: as many as
   * empty directories with names of one letter fit into it.
   */
  public static long mostNodes(long narSize) {
    return 1 + narSize / (ENTRY + string(1) + NODE + DIRECTORY);
  }

  @Override
  public boolean wantsContents() {
    return false;
  }

  @Override
  public void directory() {
    size += NODE + DIRECTORY;
  }

  @Override
  public void entry(byte[] name) {
    size += ENTRY + string(name.length);
  }

  @Override
  public void endEntry() {}

  @Override
  public void endDirectory() {}

  @Override
  public void regular(boolean executable, long length) {
    size += NODE + REGULAR + (executable ? EXECUTABLE : 0) + string(length);
  }

  @Override
  public void content(ByteBuffer bytes) {
    bytes.position(bytes.limit());
  }

  @Override
  public void endRegular() {}

  @Override
  public void symlink(byte[] target) {
    size += NODE + SYMLINK + string(target.length);
  }

  @Override
  public long size() {
    return size;
  }

  /** A length of 8 bytes, and the bytes, padded to a multiple of 8. */
  private static long string(long length) {
    return 8 + (length + 7) / 8 * 8;
  }
}
