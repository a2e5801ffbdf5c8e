package org.nixwsl.storage.core.nar;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;

/**
 * The hash of the NAR of a tree, made while the tree goes by. Framing and small files are gathered
 * in one buffer, because a digest is fast only on long inputs. One object serves one tree after
 * another: {@link #reset} begins anew.
 */
public final class NarDigest implements NarStream {
  /** Longest name of a file, as in the file systems that hold stores. */
  private static final int MAX_NAME = 255;

  /** Longest target of a symlink on Linux. */
  private static final int MAX_TARGET = 4095;

  private static final int BATCH_BYTES = 64 << 10;

  /**
   * After about 1 MiB the JVM has replaced its own SHA-256 by the processor's, ten times as fast
   * (seen on JDK 17 and 25); the rest is for chance and costs 3 ms.
   */
  private static final int WARM_UP_BATCHES = 64;

  private static final byte[] NO_NAME = new byte[0];

  private static final byte[] MAGIC = run("nix-archive-1");
  private static final byte[] DIRECTORY = run("(", "type", "directory");
  private static final byte[] ENTRY = run("entry", "(", "name");
  private static final byte[] NODE = run("node");
  private static final byte[] REGULAR = run("(", "type", "regular", "contents");
  private static final byte[] EXECUTABLE =
      run("(", "type", "regular", "executable", "", "contents");
  private static final byte[] SYMLINK = run("(", "type", "symlink", "target");
  private static final byte[] CLOSE = run(")");

  private enum Expecting {
    NODE,
    ENTRY,
    CONTENT,
    END_OF_ENTRY,
    END,
    RESET
  }

  private final MessageDigest sha256;
  private final byte[] batch = new byte[BATCH_BYTES];
  private final Deque<byte[]> lastNames = new ArrayDeque<>();
  private Expecting expecting = Expecting.NODE;
  private int batched;
  private long size;
  private long contentLeft;
  private int contentPadding;

  /** At the beginning of a NAR. */
  public NarDigest() {
    try {
      sha256 = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
    put(MAGIC);
  }

  /**
   * Brings the JVM to use the processor's SHA-256, on a thread of its own that ends by itself.
   * Called while a store's database is read, when the compiler has nothing to do yet: once many
   * threads are at work it has a queue, and all of them hash slowly until it is done.
   */
  public static void warmUp() {
    Thread thread =
        new Thread(
            () -> {
              NarDigest digest = new NarDigest();
              for (int i = 0; i < WARM_UP_BATCHES; i++) {
                digest.sha256.update(digest.batch);
              }
            },
            "nixwsl-digest-warm-up");
    thread.setDaemon(true);
    thread.start();
  }

  @Override
  public boolean wantsContents() {
    return true;
  }

  @Override
  public void directory() {
    expect(Expecting.NODE);
    put(DIRECTORY);
    lastNames.push(NO_NAME);
    expecting = Expecting.ENTRY;
  }

  @Override
  public void entry(byte[] name) {
    expect(Expecting.ENTRY);
    check(name);
    byte[] last = lastNames.pop();
    if (Arrays.compareUnsigned(last, name) >= 0) {
      throw new IllegalArgumentException("Names of a directory are not sorted and distinct");
    }
    lastNames.push(name.clone());
    put(ENTRY);
    putString(name);
    put(NODE);
    expecting = Expecting.NODE;
  }

  @Override
  public void endEntry() {
    expect(Expecting.END_OF_ENTRY);
    put(CLOSE);
    expecting = Expecting.ENTRY;
  }

  @Override
  public void endDirectory() {
    expect(Expecting.ENTRY);
    put(CLOSE);
    lastNames.pop();
    nodeEnded();
  }

  @Override
  public void regular(boolean executable, long length) {
    expect(Expecting.NODE);
    if (length < 0) {
      throw new IllegalArgumentException("A file of " + length + " bytes");
    }
    put(executable ? EXECUTABLE : REGULAR);
    putLong(length);
    contentLeft = length;
    contentPadding = (int) (-length & 7);
    expecting = Expecting.CONTENT;
  }

  /** {@link #content(ByteBuffer)} from a part of an array. */
  public void content(byte[] bytes, int offset, int length) {
    content(ByteBuffer.wrap(bytes, offset, length));
  }

  @Override
  public void content(ByteBuffer bytes) {
    expect(Expecting.CONTENT);
    if (bytes.remaining() > contentLeft) {
      throw new IllegalStateException("More content than the file was said to have");
    }
    contentLeft -= bytes.remaining();
    size += bytes.remaining();
    while (bytes.hasRemaining()) {
      int part = Math.min(bytes.remaining(), BATCH_BYTES - batched);
      bytes.get(batch, batched, part);
      batched += part;
      if (batched == BATCH_BYTES) {
        flush();
      }
    }
  }

  @Override
  public void endRegular() {
    expect(Expecting.CONTENT);
    if (contentLeft != 0) {
      throw new IllegalStateException(contentLeft + " bytes of content are missing");
    }
    put(new byte[contentPadding]);
    put(CLOSE);
    nodeEnded();
  }

  @Override
  public void symlink(byte[] target) {
    expect(Expecting.NODE);
    if (target.length < 1 || target.length > MAX_TARGET) {
      throw new IllegalArgumentException("A symlink target of " + target.length + " bytes");
    }
    put(SYMLINK);
    putString(target);
    put(CLOSE);
    nodeEnded();
  }

  @Override
  public long size() {
    return size;
  }

  /** The hash of the whole NAR. After that only {@link #size} and {@link #reset} make sense. */
  public NarHash finish() {
    expect(Expecting.END);
    flush();
    expecting = Expecting.RESET;
    return NarHash.of(sha256.digest());
  }

  /** Throws away what was taken so far and is at the beginning of another NAR. */
  public void reset() {
    sha256.reset();
    lastNames.clear();
    expecting = Expecting.NODE;
    batched = 0;
    size = 0;
    put(MAGIC);
  }

  private void expect(Expecting now) {
    if (expecting != now) {
      throw new IllegalStateException("Expecting " + expecting + ", not " + now);
    }
  }

  private void nodeEnded() {
    expecting = lastNames.isEmpty() ? Expecting.END : Expecting.END_OF_ENTRY;
  }

  private static void check(byte[] name) {
    boolean dots = name.length <= 2;
    for (byte b : name) {
      if (b == '/' || b == 0) {
        throw new IllegalArgumentException("A name with a slash or a zero byte");
      }
      dots &= b == '.';
    }
    if (dots || name.length > MAX_NAME) {
      throw new IllegalArgumentException("Not the name of a file: " + name.length + " bytes");
    }
  }

  private void putString(byte[] bytes) {
    putLong(bytes.length);
    put(bytes);
    put(new byte[-bytes.length & 7]);
  }

  private void putLong(long value) {
    byte[] bytes = new byte[8];
    for (int i = 0; i < 8; i++) {
      bytes[i] = (byte) (value >>> (8 * i));
    }
    put(bytes);
  }

  /** For the short runs of the framing only: none is longer than the buffer. */
  private void put(byte[] bytes) {
    if (bytes.length > BATCH_BYTES - batched) {
      flush();
    }
    System.arraycopy(bytes, 0, batch, batched, bytes.length);
    batched += bytes.length;
    size += bytes.length;
  }

  private void flush() {
    sha256.update(batch, 0, batched);
    batched = 0;
  }

  private static byte[] run(String... strings) {
    int length = 0;
    for (String s : strings) {
      length += 8 + (s.length() + 7) / 8 * 8;
    }
    ByteBuffer out = ByteBuffer.allocate(length).order(java.nio.ByteOrder.LITTLE_ENDIAN);
    for (String s : strings) {
      out.putLong(s.length());
      for (int i = 0; i < s.length(); i++) {
        out.put((byte) s.charAt(i));
      }
      out.position((out.position() + 7) / 8 * 8);
    }
    return out.array();
  }
}
