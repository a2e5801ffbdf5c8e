package org.nixwsl.storage.core.guest;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One JSON object a line, in UTF-8, over two streams. Writing is thread-safe; reading belongs to
 * one thread.
 */
final class GuestLines {
  /**
   * The longest message is one finding: a path of 4096 bytes, each escaped as three characters,
   * named twice or three times.
   */
  private static final int LONGEST_LINE = 1 << 20;

  private final InputStream in;
  private final OutputStream out;

  GuestLines(InputStream in, OutputStream out) {
    this.in = new BufferedInputStream(in);
    this.out = out;
  }

  /** Writes one object; returns when the pipe has it. */
  void send(Map<String, Object> message) throws IOException {
    byte[] text = (JSON.std.asString(message) + "\n").getBytes(StandardCharsets.UTF_8);
    synchronized (out) {
      out.write(text);
      out.flush();
    }
  }

  /**
   * The next line as it stands; null at the end of input. A line that the end cuts off is no line.
   *
   * @throws IOException if it is longer than any message
   */
  @Nullable String line() throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (int b = in.read(); b >= 0; b = in.read()) {
      if (b == '\n') {
        return line.toString(StandardCharsets.UTF_8);
      }
      if (line.size() == LONGEST_LINE) {
        throw new IOException("A line of more than " + LONGEST_LINE + " bytes");
      }
      line.write(b);
    }
    return null;
  }

  /**
   * A line as an object.
   *
   * @throws IOException if it is none
   */
  static Map<String, Object> parse(String line) throws IOException {
    return JSON.std.mapFrom(line);
  }
}
