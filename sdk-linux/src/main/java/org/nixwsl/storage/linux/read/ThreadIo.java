package org.nixwsl.storage.linux.read;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** What the kernel counts for the calling thread, see proc_pid_io(5). */
final class ThreadIo {
  private static final Path COUNTERS = Path.of("/proc/thread-self/io");
  private static final String READ = "read_bytes: ";

  private ThreadIo() {}

  /**
   * How many bytes reads of this thread have had devices fetch, read-ahead included; always the
   * same where the kernel does not count or does not tell.
   */
  static long bytesFromDevices() {
    try {
      String counters = new String(Files.readAllBytes(COUNTERS), StandardCharsets.US_ASCII);
      int at = counters.indexOf(READ);
      int end = counters.indexOf('\n', at + READ.length());
      return at < 0 || end < 0 ? 0 : Long.parseLong(counters, at + READ.length(), end, 10);
    } catch (IOException | NumberFormatException notTold) {
      return 0;
    }
  }
}
