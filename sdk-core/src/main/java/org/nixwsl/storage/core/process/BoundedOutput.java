package org.nixwsl.storage.core.process;

import java.io.ByteArrayOutputStream;
import java.io.OutputStream;

/** Keeps the first so many bytes and drops the rest. Thread-safe. */
final class BoundedOutput extends OutputStream {
  private final int bound;
  private final ByteArrayOutputStream kept = new ByteArrayOutputStream();

  BoundedOutput(int bound) {
    this.bound = bound;
  }

  @Override
  public synchronized void write(int b) {
    if (kept.size() < bound) {
      kept.write(b);
    }
  }

  @Override
  public synchronized void write(byte[] bytes, int offset, int length) {
    kept.write(bytes, offset, Math.min(length, bound - kept.size()));
  }

  synchronized byte[] bytes() {
    return kept.toByteArray();
  }
}
