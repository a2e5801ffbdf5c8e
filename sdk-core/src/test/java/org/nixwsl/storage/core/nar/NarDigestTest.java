package org.nixwsl.storage.core.nar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** The expected hashes were printed by {@code nix-hash --type sha256} of Nix 2.8. */
class NarDigestTest {
  private final NarDigest nar = new NarDigest();

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void noTreeHasMoreNodesThanItsSizeHasRoomFor() {
    for (int children : new int[] {0, 1, 2, 50}) {
      NarSize directories = new NarSize();
      directories.directory();
      for (int i = 0; i < children; i++) {
        directories.entry(new byte[] {(byte) (i + 'A')});
        directories.directory();
        directories.endDirectory();
        directories.endEntry();
      }
      directories.endDirectory();
      assertThat(NarSize.mostNodes(directories.size())).isEqualTo(1L + children);

      NarSize files = new NarSize();
      files.directory();
      for (int i = 0; i < children; i++) {
        files.entry(new byte[] {(byte) (i + 'A')});
        files.regular(false, 0);
        files.endRegular();
        files.endEntry();
      }
      files.endDirectory();
      assertThat(NarSize.mostNodes(files.size())).isGreaterThanOrEqualTo(1L + children);
    }
    assertThat(NarSize.mostNodes(NarSize.ofRegular(false, 0))).isEqualTo(1);
  }

  @Test
  void hashesAnEmptyFile() {
    nar.regular(false, 0);
    nar.endRegular();

    assertThat(nar.finish().toBase32())
        .isEqualTo("0ip26j2h11n1kgkz36rl4akv694yz65hr72q4kv4b3lxcbi65b3p");
    assertThat(nar.size()).isEqualTo(112);
  }

  @Test
  void hashesAnEmptyDirectory() {
    nar.directory();
    nar.endDirectory();

    assertThat(nar.finish().toBase32())
        .isEqualTo("0sjjj9z1dhilhpc8pq4154czrb79z9cm044jvn75kxcjv6v5l2m5");
    assertThat(nar.size()).isEqualTo(96);
  }

  @Test
  void hashesAnExecutableFileAndBeginsAnewAfterReset() {
    nar.directory();
    nar.reset();
    nar.regular(true, 2);
    nar.content(bytes("xa\nx"), 1, 2);
    nar.endRegular();

    assertThat(nar.finish().toHex())
        .isEqualTo("58ff6ac80df0b84b1fb9f31ee74989cdd2fef91aac9d2339fbd9fb9a60202e28");
  }

  @Test
  void givesTheSameHashHoweverTheContentsAreCut() {
    byte[] contents = new byte[300_001];
    for (int i = 0; i < contents.length; i++) {
      contents[i] = (byte) (i * 7);
    }
    nar.regular(false, contents.length);
    nar.content(ByteBuffer.wrap(contents));
    nar.endRegular();
    NarHash whole = nar.finish();

    NarDigest inPieces = new NarDigest();
    inPieces.regular(false, contents.length);
    for (int at = 0; at < contents.length; at += 9973) {
      inPieces.content(contents, at, Math.min(9973, contents.length - at));
    }
    inPieces.endRegular();

    assertThat(inPieces.finish()).isEqualTo(whole);
    assertThat(nar.size()).isEqualTo(NarSize.ofRegular(false, contents.length));
  }

  @Test
  void measuresWhatItWouldHash() {
    NarSize size = new NarSize();
    for (NarStream stream : new NarStream[] {nar, size}) {
      stream.directory();
      stream.entry(bytes("a"));
      stream.symlink(bytes("target-of-9"));
      stream.endEntry();
      stream.entry(bytes("name-of-eight"));
      stream.directory();
      stream.entry(bytes("x"));
      stream.regular(true, 5);
      stream.content(ByteBuffer.wrap(bytes("12345")));
      stream.endRegular();
      stream.endEntry();
      stream.endDirectory();
      stream.endEntry();
      stream.endDirectory();
    }
    assertThat(nar.finish().unknown()).isFalse();
    assertThat(size.size()).isEqualTo(nar.size());
  }

  @Test
  void refusesNamesThatAreNotSorted() {
    nar.directory();
    nar.entry(bytes("b"));
    nar.symlink(bytes("x"));
    nar.endEntry();

    assertThatIllegalArgumentException().isThrownBy(() -> nar.entry(bytes("b")));
  }

  @Test
  void sortsNamesByUnsignedBytes() {
    nar.directory();
    nar.entry(new byte[] {0x7f});
    nar.symlink(bytes("x"));
    nar.endEntry();
    nar.entry(new byte[] {(byte) 0x80});
    nar.symlink(bytes("x"));
    nar.endEntry();
    nar.endDirectory();

    assertThat(nar.finish().unknown()).isFalse();
  }

  @Test
  void refusesNamesThatNoFileHas() {
    for (String name : new String[] {"", ".", "..", "a/b", "a\0b", "n".repeat(256)}) {
      NarDigest fresh = new NarDigest();
      fresh.directory();
      assertThatIllegalArgumentException().as(name).isThrownBy(() -> fresh.entry(bytes(name)));
    }
  }

  @Test
  void refusesMoreOrLessContentThanWasSaid() {
    nar.regular(false, 3);
    assertThatIllegalStateException().isThrownBy(() -> nar.content(bytes("1234"), 0, 4));
    nar.content(bytes("12"), 0, 2);
    assertThatIllegalStateException().isThrownBy(nar::endRegular);
  }

  @Test
  void refusesAHalfTree() {
    nar.directory();
    assertThatIllegalStateException().isThrownBy(nar::finish);
  }
}
