package org.nixwsl.storage.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A journal under crashes and hostile bytes. */
class LineJournalTest {
  private static final List<String> LINES = List.of("head 1", "one a", "two b", "three c");

  @TempDir Path directory;

  @Test
  void readsBackWhatWasWritten() throws Exception {
    assertThat(LineJournal.read(written())).isEqualTo(LINES);
  }

  @Test
  void isAPrefixWhereverItWasCutAndCanBeContinued() throws Exception {
    byte[] whole = Files.readAllBytes(written());
    for (int length = 0; length < whole.length; length++) {
      Path cut = directory.resolve("cut" + length);
      Files.write(cut, Arrays.copyOf(whole, length));
      List<String> known = new ArrayList<>();
      try (LineJournal journal = LineJournal.open(cut, known)) {
        assertThat(known).isEqualTo(LINES.subList(0, known.size()));
        journal.append(List.of("after"));
      }
      List<String> all = new ArrayList<>(known);
      all.add("after");
      assertThat(LineJournal.read(cut)).as("cut at %s", length).isEqualTo(all);
    }
  }

  @Test
  void endsBeforeALineInWhichAnyByteDiffers() throws Exception {
    byte[] whole = Files.readAllBytes(written());
    for (int at = 0; at < whole.length; at++) {
      byte[] bytes = whole.clone();
      bytes[at] ^= 0x10;
      Path damaged = directory.resolve("damaged");
      Files.write(damaged, bytes);
      List<String> lines = LineJournal.read(damaged);
      assertThat(lines).as("byte %s", at).hasSizeLessThan(LINES.size());
      assertThat(lines).isEqualTo(LINES.subList(0, lines.size()));
    }
  }

  @Test
  void tellsATornEndFromDamageInTheMiddle() throws Exception {
    Path file = written();
    byte[] whole = Files.readAllBytes(file);
    assertThat(LineJournal.inspect(file, whole.length))
        .contains(new LineJournal.Contents(LINES, LineJournal.Tail.NONE));
    assertThat(LineJournal.inspect(file, whole.length - 1)).isEmpty();
    int lastLine = whole.length - "three c 01234567\n".length();
    for (int at = 0; at < whole.length; at++) {
      byte[] bytes = whole.clone();
      bytes[at] ^= 0x10;
      Files.write(file, bytes);
      // Without its line feed a line takes the next one with it.
      LineJournal.Tail expected =
          at < lastLine - 1 ? LineJournal.Tail.MORE_LINES : LineJournal.Tail.TORN;
      assertThat(LineJournal.inspect(file, whole.length).orElseThrow().tail())
          .as("byte %s", at)
          .isEqualTo(expected);
      if (at > 0) {
        Files.write(file, Arrays.copyOf(whole, at));
        assertThat(LineJournal.inspect(file, whole.length).orElseThrow().tail())
            .as("cut at %s", at)
            .isEqualTo(whole[at - 1] == '\n' ? LineJournal.Tail.NONE : LineJournal.Tail.TORN);
      }
    }
  }

  @Test
  void isReplacedAsAWhole() throws Exception {
    Path file = written();
    LineJournal.replace(file, List.of("other", "lines"));
    assertThat(LineJournal.read(file)).containsExactly("other", "lines");
  }

  @Test
  void stopsAtALineWithoutEnd() throws IOException {
    Path endless = directory.resolve("endless");
    Files.write(endless, new byte[1 << 20]);
    assertThat(LineJournal.read(endless)).isEmpty();
  }

  @Test
  void refusesLinesThatWouldNotComeBack() throws Exception {
    Path file = written();
    try (LineJournal journal = LineJournal.open(file, new ArrayList<>())) {
      for (String bad : List.of("a\nb", "ä", "x".repeat(70_000))) {
        assertThatThrownBy(() -> journal.append(List.of(bad)))
            .isInstanceOf(IllegalArgumentException.class);
      }
    }
    assertThat(LineJournal.read(file)).isEqualTo(LINES);
  }

  /** What comes after a torn line would not be read back, whatever append said. */
  @Test
  void takesNothingMoreAfterALineThatCouldNotBeWritten() throws Exception {
    Path full = Path.of("/dev/full");
    assumeTrue(Files.isWritable(full), "skipped: /dev/full is missing");
    try (LineJournal journal = LineJournal.open(full, new ArrayList<>())) {
      assertThatThrownBy(() -> journal.append(List.of("one")))
          .isInstanceOf(IOException.class)
          .isNotInstanceOf(ClosedChannelException.class);
      assertThatThrownBy(() -> journal.append(List.of("two")))
          .isInstanceOf(ClosedChannelException.class);
    }
  }

  @Test
  void followsNoSymlink() throws Exception {
    Path link = Files.createSymbolicLink(directory.resolve("link"), written());
    assertThatThrownBy(() -> LineJournal.open(link, new ArrayList<>()))
        .isInstanceOf(IOException.class);
    assertThatThrownBy(() -> LineJournal.read(link)).isInstanceOf(IOException.class);
  }

  private Path written() throws IOException, InterruptedException {
    Path file = directory.resolve("journal");
    LineJournal.create(file, LINES.get(0));
    try (LineJournal journal = LineJournal.open(file, new ArrayList<>())) {
      journal.append(LINES.subList(1, 3));
      journal.append(LINES.subList(3, 4));
    }
    return file;
  }
}
