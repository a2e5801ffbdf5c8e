package org.nixwsl.storage.core.io;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * A file that only grows, line by line, and of which a crash can take nothing but the end. Each
 * line carries the CRC32C of itself; what is read back is the longest run of whole and right lines
 * from the start, and the rest is cut off before the next line is added.
 *
 * <p>Not thread-safe. Whoever opened it closes it, and sees to it that nobody else has it open.
 */
public final class LineJournal implements Closeable {
  /** A line is a few names, each escaped; longer ones were not written by us. */
  private static final int LONGEST_LINE = 64 << 10;

  /** A space and eight hexadecimal digits. */
  private static final int CHECK_LENGTH = 9;

  private final FileChannel channel;

  private LineJournal(FileChannel channel) {
    this.channel = channel;
  }

  /** What comes after the last right line of a journal. */
  public enum Tail {
    /** Nothing. */
    NONE,
    /** What a crash leaves that came while a line was written. */
    TORN,
    /** Right lines, behind a wrong one: no crash leaves that. */
    MORE_LINES
  }

  /**
   * A journal as it was read.
   *
   * @param lines the right lines from the start
   * @param tail what comes after them
   */
  public record Contents(List<String> lines, Tail tail) {
    /** Copies the list. */
    public Contents {
      lines = List.copyOf(lines);
    }
  }

  /**
   * What the journal holds, without changing it.
   *
   * @throws java.nio.file.NoSuchFileException if it is not there
   */
  public static List<String> read(Path file) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS)) {
      List<String> lines = new ArrayList<>();
      readInto(channel, lines);
      return List.copyOf(lines);
    }
  }

  /**
   * {@link #read} that also tells what comes after the right lines. Takes as much memory as the
   * file is long.
   *
   * @param mostBytes a longer file is none of ours
   * @return empty if the file is longer
   * @throws java.nio.file.NoSuchFileException if it is not there
   */
  public static Optional<Contents> inspect(Path file, long mostBytes) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS)) {
      long size = channel.size();
      if (size > mostBytes) {
        return Optional.empty();
      }
      List<String> lines = new ArrayList<>();
      long end = readInto(channel, lines);
      Tail tail = end == size ? Tail.NONE : Tail.TORN;
      InputStream rest = new BufferedInputStream(Channels.newInputStream(channel.position(end)));
      String text = new String(rest.readAllBytes(), StandardCharsets.ISO_8859_1);
      for (int cut = text.lastIndexOf('\n'); cut >= 0 && tail == Tail.TORN; ) {
        int before = text.lastIndexOf('\n', cut - 1);
        if (unchecked(text.substring(before + 1, cut)).isPresent()) {
          tail = Tail.MORE_LINES;
        }
        cut = before;
      }
      return Optional.of(new Contents(lines, tail));
    }
  }

  /** Makes a journal that must not be there yet, with its first line, durably. */
  public static void create(Path file, String firstLine) throws IOException, InterruptedException {
    DurableFiles.create(
        file, channel -> DurableFiles.writeFully(channel, encode(List.of(firstLine))));
  }

  /** Puts a journal of these lines in the place of the one that is there, durably, in one step. */
  public static void replace(Path file, List<String> lines)
      throws IOException, InterruptedException {
    byte[] bytes = encode(lines);
    DurableFiles.replace(file, channel -> DurableFiles.writeFully(channel, bytes));
  }

  /**
   * Opens a journal to add to it; a torn end is cut off.
   *
   * @param known receives the lines that are there
   * @throws java.nio.file.NoSuchFileException if it is not there
   */
  public static LineJournal open(Path file, List<String> known) throws IOException {
    FileChannel channel =
        FileChannel.open(
            file, StandardOpenOption.READ, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
    try {
      long end = readInto(channel, known);
      if (end < channel.size()) {
        channel.truncate(end);
        channel.force(true);
      }
      channel.position(end);
      return new LineJournal(channel);
    } catch (Throwable e) {
      channel.close();
      throw e;
    }
  }

  /**
   * Adds lines of printable ASCII; returns when they are on the device. A failure closes the
   * journal: what came after a torn line would not be read back, and a device that failed once says
   * yes the next time without having the bytes.
   *
   * @throws IllegalArgumentException if a line is too long or holds another character; the journal
   *     stays open then
   */
  public void append(List<String> lines) throws IOException {
    byte[] bytes = encode(lines);
    try {
      DurableFiles.writeFully(channel, bytes);
      channel.force(false);
    } catch (Throwable e) {
      try {
        channel.close();
      } catch (IOException closing) {
        e.addSuppressed(closing);
      }
      throw e;
    }
  }

  /** Closes the file. Idempotent. */
  @Override
  public void close() throws IOException {
    channel.close();
  }

  private static byte[] encode(List<String> lines) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (String line : lines) {
      if (line.length() > LONGEST_LINE - CHECK_LENGTH
          || !line.chars().allMatch(c -> c >= 0x20 && c < 0x7f)) {
        throw new IllegalArgumentException("Not a line for a journal: " + line);
      }
      byte[] bytes = (line + " " + check(line) + "\n").getBytes(StandardCharsets.US_ASCII);
      out.write(bytes, 0, bytes.length);
    }
    return out.toByteArray();
  }

  private static String check(String line) {
    CRC32C crc = new CRC32C();
    crc.update(line.getBytes(StandardCharsets.ISO_8859_1));
    return String.format(Locale.ROOT, "%08x", crc.getValue());
  }

  /** A line without its check; empty if it is not the right one. */
  private static Optional<String> unchecked(String text) {
    int cut = text.length() - CHECK_LENGTH;
    return cut >= 0 && text.substring(cut).equals(" " + check(text.substring(0, cut)))
        ? Optional.of(text.substring(0, cut))
        : Optional.empty();
  }

  /** Returns where the last right line ends. */
  private static long readInto(FileChannel channel, List<String> lines) throws IOException {
    // Not closed: the channel belongs to the caller.
    InputStream in = new BufferedInputStream(Channels.newInputStream(channel.position(0)));
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    long end = 0;
    for (int b = in.read(); b >= 0; b = in.read()) {
      if (b != '\n') {
        line.write(b);
        if (line.size() > LONGEST_LINE) {
          return end;
        }
        continue;
      }
      String text = line.toString(StandardCharsets.ISO_8859_1);
      Optional<String> right = unchecked(text);
      if (right.isEmpty()) {
        return end;
      }
      lines.add(right.get());
      end += line.size() + 1L;
      line.reset();
    }
    return end;
  }
}
