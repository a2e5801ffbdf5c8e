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
  private final Image image;
  private int failingFrom = Integer.MAX_VALUE;

  private enum Kind {
    WRITE,
    EXTEND,
    CUT,
    FORCE
  }

  /** Something done; the offset of a change of length is the new length. */
  private record Act(Kind kind, long offset, ByteBuffer bytes) {
    int length() {
      return bytes.capacity();
    }
  }

  /** Bytes that grow and shrink. */
  private static final class Image {
    private byte[] bytes;
    private int length;

    Image(byte[] bytes) {
      this.bytes = bytes.clone();
      this.length = bytes.length;
    }

    void apply(Act act) {
      int offset = (int) act.offset;
      switch (act.kind) {
        case WRITE -> {
          grow(offset + act.length());
          act.bytes.get(0, bytes, offset, act.length());
        }
        case EXTEND -> grow(offset);
        case CUT -> {
          if (offset < length) {
            Arrays.fill(bytes, offset, length, (byte) 0);
            length = offset;
          }
        }
        case FORCE -> {}
      }
    }

    private void grow(int end) {
      if (end > bytes.length) {
        bytes = Arrays.copyOf(bytes, end + end / 2);
      }
      length = Math.max(length, end);
    }

    byte[] toArray() {
      return Arrays.copyOf(bytes, length);
    }
  }

  /** The bytes are not copied, and not changed. */
  RecordedFile(byte[] bytes) {
    this.first = bytes;
    this.image = new Image(bytes);
  }

  /** Lets every act from a number on fail. */
  void failFrom(int act) {
    failingFrom = act;
  }

  int acts() {
    return acts.size();
  }

  byte[] array() {
    return image.toArray();
  }

  /** What the device has after the first acts, if it lost nothing. */
  byte[] after(int count) {
    return imageAfter(count).toArray();
  }

  private Image imageAfter(int count) {
    Image after = new Image(first);
    acts.subList(0, count).forEach(after::apply);
    return after;
  }

  /** The same, but acts since the last force came in any order, in part, or not at all. */
  byte[] afterLosing(int count, Random random) {
    int forced = count;
    while (forced > 0 && acts.get(forced - 1).kind != Kind.FORCE) {
      forced--;
    }
    Image left = imageAfter(forced);
    List<Act> loose = new ArrayList<>(acts.subList(forced, count));
    Collections.shuffle(loose, random);
    for (Act act : loose) {
      switch (random.nextInt(3)) {
        case 0 -> left.apply(act);
        case 1 -> applyTorn(left, act, random);
        default -> {}
      }
    }
    return left.toArray();
  }

  private static void applyTorn(Image image, Act act, Random random) {
    for (int at = 0; at < act.length(); at += SECTOR) {
      if (random.nextBoolean()) {
        ByteBuffer part = act.bytes.slice(at, Math.min(SECTOR, act.length() - at));
        image.apply(new Act(Kind.WRITE, act.offset + at, part));
      }
    }
  }

  private void act(Kind kind, long offset, ByteBuffer bytes) throws IOException {
    if (acts.size() >= failingFrom) {
      throw new IOException("the device is gone");
    }
    Act act = new Act(kind, offset, bytes);
    acts.add(act);
    image.apply(act);
  }

  @Override
  public long size() {
    return image.length;
  }

  @Override
  public void read(long offset, ByteBuffer target) throws IOException {
    if (!contains(offset, target.remaining())) {
      throw new EOFException("Offset " + offset);
    }
    target.put(image.bytes, (int) offset, target.remaining());
  }

  @Override
  public void write(long offset, ByteBuffer source) throws IOException {
    byte[] written = new byte[source.remaining()];
    source.get(written);
    if (written.length > 0) {
      act(Kind.WRITE, offset, ByteBuffer.wrap(written));
    }
  }

  @Override
  public void extend(long size) throws IOException {
    if (size > image.length) {
      act(Kind.EXTEND, size, ByteBuffer.allocate(0));
    }
  }

  @Override
  public void truncate(long size) throws IOException {
    if (size < image.length) {
      act(Kind.CUT, size, ByteBuffer.allocate(0));
    }
  }

  @Override
  public void force() throws IOException {
    act(Kind.FORCE, 0, ByteBuffer.allocate(0));
  }
}
