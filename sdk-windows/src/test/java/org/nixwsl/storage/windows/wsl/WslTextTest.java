package org.nixwsl.storage.windows.wsl;

import static java.nio.charset.StandardCharsets.UTF_16LE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.charset.Charset;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class WslTextTest {
  /** 上 and ਅ have a line feed in one of their bytes, 扡 is "ab", Ċ is a line feed and a 1. */
  private static final String[] LETTERS = {
    "a",
    "b",
    "x",
    "Z",
    "0",
    "9",
    " ",
    " ",
    "-",
    "/",
    "\\",
    ":",
    ".",
    "'",
    "\"",
    "(",
    "\t",
    "é",
    "ü",
    "ß",
    "Ċ",
    "я",
    "Ж",
    "上",
    "下",
    "の",
    "ディスク",
    "扡",
    "漢",
    "字",
    "파일",
    "中",
    "。",
    "ਅ",
    "…",
    "€",
    "\uD83D\uDE00"
  };

  @Test
  void readsWhatItWroteInEitherEncoding() {
    property((random, text) -> chunk(random, text, random.nextBoolean() ? UTF_16LE : UTF_8));
  }

  @Test
  void readsUtf16LinesBetweenUtf8Lines() {
    property(
        (random, text) -> {
          ByteArrayOutputStream all = new ByteArrayOutputStream();
          for (int parts = random.nextInt(6); parts >= 0; parts--) {
            all.writeBytes(chunk(random, text, random.nextBoolean() ? UTF_16LE : UTF_8));
          }
          return all.toByteArray();
        });
  }

  @Test
  void readsAnUnendedProgramLineAfterAWarning() {
    byte[] warning = "wsl: プロキシ設定\r\n".getBytes(UTF_16LE);
    assertThat(WslText.decode(joined(warning, "no newline".getBytes(UTF_8))))
        .isEqualTo("wsl: プロキシ設定\r\nno newline");
    assertThat(WslText.decode(joined("no newline\n".getBytes(UTF_8), warning)))
        .isEqualTo("no newline\nwsl: プロキシ設定\r\n");
  }

  @Test
  void takesAByteOrderMarkAway() {
    assertThat(WslText.decode("\uFEFFNAME\r\n".getBytes(UTF_16LE))).isEqualTo("NAME\r\n");
    assertThat(WslText.decode("\uFEFF名前".getBytes(UTF_16LE))).isEqualTo("名前");
    assertThat(WslText.decode("\uFEFFNAME\n".getBytes(UTF_8))).isEqualTo("NAME\n");
  }

  @Test
  void readsWhatAProgramPrintsByteForByte() {
    assertThat(WslText.decode("été\ttab\u001b[1m\n\n下\n".getBytes(UTF_8)))
        .isEqualTo("été\ttab\u001b[1m\n\n下\n");
    assertThat(WslText.decode(new byte[0])).isEmpty();
    assertThat(WslText.decode(new byte[] {'a', (byte) 0xff, '\n'})).isEqualTo("a\uFFFD\n");
  }

  @Test
  void readsOutputThatWasCutWithinALetter() {
    byte[] whole = "Die Datei\r\nfehlt".getBytes(UTF_16LE);
    byte[] cut = Arrays.copyOf(whole, whole.length - 1);
    assertThat(WslText.decode(cut)).isEqualTo("Die Datei\r\nfehl\uFFFD");
  }

  @Test
  void readsMegabytesOfAnything() {
    byte[] noise = new byte[5 << 20];
    new Random(1).nextBytes(noise);
    assertThat(WslText.decode(noise)).isNotEmpty();
    assertThat(WslText.decode(new byte[5 << 20])).hasSizeGreaterThan(2 << 20);
  }

  private interface Stream {
    byte[] bytes(Random random, StringBuilder text);
  }

  private static void property(Stream stream) {
    long seed = Long.getLong("nixwsl.seed", System.nanoTime());
    System.out.println("streams: -Dnixwsl.seed=" + seed);
    Random random = new Random(seed);
    for (int i = 0; i < 20_000; i++) {
      StringBuilder text = new StringBuilder();
      byte[] bytes = stream.bytes(random, text);
      assertThat(WslText.decode(bytes)).as("stream %d", i).isEqualTo(text.toString());
    }
  }

  /**
   * A few ended lines in one encoding; wsl.exe ends its lines with CR LF, Linux programs with LF.
   */
  private static byte[] chunk(Random random, StringBuilder text, Charset charset) {
    StringBuilder lines = new StringBuilder();
    for (int count = random.nextInt(3); count >= 0; count--) {
      for (int letters = random.nextInt(30); letters > 0; letters--) {
        String letter = LETTERS[random.nextInt(LETTERS.length)];
        // Read as UTF-8 it is an ended line of its own: no reader can tell.
        lines.append(letter.equals("ਅ") && charset.equals(UTF_16LE) ? "a" : letter);
      }
      lines.append(charset.equals(UTF_16LE) ? "\r\n" : "\n");
    }
    text.append(lines);
    return lines.toString().getBytes(charset);
  }

  private static byte[] joined(byte[]... parts) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      all.writeBytes(part);
    }
    return all.toByteArray();
  }
}
