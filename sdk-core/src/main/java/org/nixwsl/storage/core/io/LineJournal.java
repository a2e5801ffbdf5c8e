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
import java.util.zip.CRC32C;

/**
 * A file that only grows, line by line, and of which a crash can take nothing but the end. Each
 * line carries the CRC32C of itself; what is read back is the longest run of whole and right lines
 * from the start, and the rest is cut off before the next line is added.
 *
 * <p>Not thread-safe. Whoever opened it closes it, and sees to it that nobody else has it open.
 */
public final class LineJournal implements Closeable {
  /** A line is a few names; longer ones were not written by us. */
  private static final int LONGEST_LINE = 16 << 10;

  /** A space and eight hexadecimal digits. */
  private static final int CHECK_LENGTH = 9;

  private final FileChannel channel;

  private LineJournal(FileChannel channel) {
    this.channel = channel;
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

  /** Makes a journal that must not be there yet, with its first line, durably. */
  public static void create(Path file, String firstLine) throws IOException, InterruptedException {
    DurableFiles.create(
        file, channel -> DurableFiles.writeFully(channel, encode(List.of(firstLine))));
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
      int cut = text.length() - CHECK_LENGTH;
      if (cut < 0 || !text.substring(cut).equals(" " + check(text.substring(0, cut)))) {
        return end;
      }
      lines.add(text.substring(0, cut));
      end += line.size() + 1L;
      line.reset();
    }
    return end;
  }
}
