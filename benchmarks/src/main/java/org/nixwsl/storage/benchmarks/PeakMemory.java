package org.nixwsl.storage.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;

/**
 * Watches the processes that this one starts, until it is closed, and keeps the most memory that
 * one of them had in use: {@code VmHWM} of proc_pid_status(5), which only grows. What a process
 * took in its last hundredth of a second is not seen.
 */
final class PeakMemory implements AutoCloseable {
  private static final int INTERVAL_MILLIS = 10;
  private static final String FIELD = "VmHWM:";

  private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor();
  private final Future<?> looking;
  private final AtomicLong most = new AtomicLong();

  PeakMemory() {
    looking = clock.scheduleWithFixedDelay(this::look, 0, INTERVAL_MILLIS, TimeUnit.MILLISECONDS);
  }

  /** The most so far, in bytes. */
  long bytes() {
    return most.get();
  }

  private void look() {
    ProcessHandle.current()
        .descendants()
        .forEach(process -> most.accumulateAndGet(peakOf(process.pid()), Math::max));
  }

  private static long peakOf(long pid) {
    Path status = Path.of("/proc", Long.toString(pid), "status");
    try (Stream<String> lines = Files.lines(status, StandardCharsets.ISO_8859_1)) {
      return lines
          .filter(line -> line.startsWith(FIELD))
          .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) << 10)
          .findFirst()
          .orElse(0);
    } catch (IOException | UncheckedIOException ended) {
      return 0;
    }
  }

  @Override
  public void close() {
    looking.cancel(false);
    clock.shutdownNow();
  }
}
