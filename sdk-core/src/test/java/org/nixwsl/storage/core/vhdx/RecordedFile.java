package org.nixwsl.storage.core.vhdx;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.nixwsl.storage.core.vhdx.format.WritableBytes;

/** A file in memory that keeps what was done to it, to show what a crash could have left. */
final class RecordedFile implements WritableBytes {
  /** Devices write sectors of 512 bytes whole or not at all. */
  private static final int SECTOR = 512;

  private final byte[] first;
  private final List<Act> acts = new ArrayList<>();
  private byte[] bytes;
  private int failingFrom = Integer.MAX_VALUE;

  /** A write, or the growth of the file to an offset if there are no bytes, or else a force. */
  private record Act(long offset, ByteBuffer bytes, boolean force) {
    int length() {
      return bytes.capacity();
    }
  }

  /** The bytes are not copied, and not changed. */
  RecordedFile(byte[] bytes) {
    this.first = bytes;
    this.bytes = bytes;
  }

  /** Lets every act from a number on fail. */
  void failFrom(int act) {
    failingFrom = act;
  }

  int acts() {
    return acts.size();
  }

  byte[] array() {
    return bytes.clone();
  }

  /** What the device has after the first acts, if it lost nothing. */
  byte[] after(int count) {
    int length = first.length;
    for (Act act : acts.subList(0, count)) {
      length = Math.max(length, (int) act.offset + act.length());
    }
    byte[] image = Arrays.copyOf(first, length);
    for (Act act : acts.subList(0, count)) {
      image = apply(image, act);
    }
    return image;
  }

  /** The same, but acts since the last force came in any order, in part, or not at all. */
  byte[] afterLosing(int count, Random random) {
    int forced = count;
    while (forced > 0 && !acts.get(forced - 1).force) {
      forced--;
    }
    byte[] image = after(forced);
    List<Act> loose = new ArrayList<>(acts.subList(forced, count));
    Collections.shuffle(loose, random);
    for (Act act : loose) {
      switch (random.nextInt(3)) {
        case 0 -> image = apply(image, act);
        case 1 -> image = applyTorn(image, act, random);
        default -> {}
      }
    }
    return image;
  }

  private static byte[] apply(byte[] image, Act act) {
    if (act.force) {
      return image;
    }
    int end = (int) act.offset + act.length();
    byte[] grown = end > image.length ? Arrays.copyOf(image, end) : image;
    act.bytes.get(0, grown, (int) act.offset, act.length());
    return grown;
  }

  private static byte[] applyTorn(byte[] image, Act act, Random random) {
    byte[] torn = image;
    for (int at = 0; at < act.length(); at += SECTOR) {
      if (random.nextBoolean()) {
        ByteBuffer part = act.bytes.slice(at, Math.min(SECTOR, act.length() - at));
        torn = apply(torn, new Act(act.offset + at, part, false));
      }
    }
    return torn;
  }

  @SuppressWarnings("ReferenceEquality") // whether the first image is still in use, not equal to it
  private void act(Act act) throws IOException {
    if (acts.size() >= failingFrom) {
      throw new IOException("the device is gone");
    }
    acts.add(act);
    bytes = apply(bytes == first ? first.clone() : bytes, act);
  }

  @Override
  public long size() {
    return bytes.length;
  }

  @Override
  public void read(long offset, ByteBuffer target) throws IOException {
    if (!contains(offset, target.remaining())) {
      throw new EOFException("Offset " + offset);
    }
    target.put(bytes, (int) offset, target.remaining());
  }

  @Override
  public void write(long offset, ByteBuffer source) throws IOException {
    byte[] written = new byte[source.remaining()];
    source.get(written);
    if (written.length > 0) {
      act(new Act(offset, ByteBuffer.wrap(written), false));
    }
  }

  @Override
  public void extend(long size) throws IOException {
    if (size > bytes.length) {
      act(new Act(size, ByteBuffer.allocate(0), false));
    }
  }

  @Override
  public void force() throws IOException {
    act(new Act(0, ByteBuffer.allocate(0), true));
  }
}
