package org.nixwsl.storage.core.nar;

import java.nio.ByteBuffer;

/**
 * Takes one tree, node by node, in the order of a NAR:
 *
 * <pre>
 * node      = directory() { entry(name) node endEntry() } endDirectory()
 *           | regular(executable, size) content(...)* endRegular()
 *           | symlink(target)
 * </pre>
 *
 * Not thread-safe. A call out of this order is an {@link IllegalStateException}, a name that no NAR
 * can hold an {@link IllegalArgumentException}.
 */
public sealed interface NarStream permits NarDigest, NarSize {
  /** Whether {@link #content} has to be called, so that files have to be read. */
  boolean wantsContents();

  /** Begins a directory. */
  void directory();

  /**
   * Begins an entry of the directory.
   *
   * @param name 1 to 255 bytes; greater, byte by byte and unsigned, than the name before it
   */
  void entry(byte[] name);

  /** Ends an entry. */
  void endEntry();

  /** Ends the directory. */
  void endDirectory();

  /**
   * Begins a regular file.
   *
   * @param executable whether its owner may execute it
   * @param size its length in bytes
   */
  void regular(boolean executable, long size);

  /** Takes the next bytes of the file, and all of them: the buffer is empty after that. */
  void content(ByteBuffer bytes);

  /** Ends the file. */
  void endRegular();

  /** A symlink, with the 1 to 4095 bytes it points to. */
  void symlink(byte[] target);

  /** The length of the NAR so far, in bytes. */
  long size();
}
