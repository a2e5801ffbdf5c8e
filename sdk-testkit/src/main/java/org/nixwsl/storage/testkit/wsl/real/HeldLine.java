package org.nixwsl.storage.testkit.wsl.real;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Passes on what is written, unless it begins with certain words: these and what follows are held
 * until it is known what they mean. Thread-safe.
 */
final class HeldLine extends OutputStream {
  private final byte[] words;
  private final OutputStream to;
  private final ByteArrayOutputStream held = new ByteArrayOutputStream();
  private boolean holding = true;

  HeldLine(String words, OutputStream to) {
    this.words = words.getBytes(StandardCharsets.UTF_8);
    this.to = to;
  }

  @Override
  public synchronized void write(int b) throws IOException {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public synchronized void write(byte[] bytes, int offset, int length) throws IOException {
    if (!holding) {
      to.write(bytes, offset, length);
      return;
    }
    held.write(bytes, offset, length);
    byte[] all = held.toByteArray();
    int compared = Math.min(all.length, words.length);
    if (!Arrays.equals(all, 0, compared, words, 0, compared)) {
      release();
    }
  }

  @Override
  public synchronized void flush() throws IOException {
    to.flush();
  }

  /** Whether it holds all of the words. */
  synchronized boolean holds() {
    return holding && held.size() >= words.length;
  }

  /** Passes on what it holds, and all that comes. */
  synchronized void release() throws IOException {
    holding = false;
    held.writeTo(to);
    held.reset();
  }

  /** Drops what it holds for a text. */
  synchronized void replace(String text) throws IOException {
    held.reset();
    held.writeBytes(text.getBytes(StandardCharsets.UTF_8));
    release();
  }
}
