package org.nixwsl.storage.core.process;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A program that runs beside us. Whoever started it closes it. What it prints has to be read, or it
 * stands still when the pipe is full. Not thread-safe, save for {@link #close}.
 */
public final class RunningProcess implements AutoCloseable {
  private final Process process;
  private final BoundedOutput complaints;
  private final List<Thread> readers;

  /**
   * A program that was started.
   *
   * @param readers those that pass on what it prints
   */
  RunningProcess(Process process, BoundedOutput complaints, List<Thread> readers) {
    this.process = process;
    this.complaints = complaints;
    this.readers = readers;
  }

  /**
   * The beginning of what it printed on standard error so far, malformed UTF-8 as U+FFFD; empty for
   * one that was started without it.
   */
  public String complaints() {
    return new String(complaints.bytes(), StandardCharsets.UTF_8);
  }

  /** What it prints. */
  public InputStream output() {
    return process.getInputStream();
  }

  /** What it reads. */
  public OutputStream input() {
    return process.getOutputStream();
  }

  /** Whether it has not ended yet. */
  public boolean alive() {
    return process.isAlive();
  }

  /** Its exit status; only when it has ended. */
  public int exitCode() {
    return process.exitValue();
  }

  /**
   * Waits for its end, and for what it printed to be passed on; where a child that lives on keeps
   * the pipe open, that is a few seconds.
   *
   * @return its exit status
   */
  public int await() throws InterruptedException {
    int exit = process.waitFor();
    long end = System.nanoTime() + ProcessRunner.OUTPUT_AFTER_END.toNanos();
    for (Thread reader : readers) {
      reader.join(Math.max(1, TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime())));
    }
    return exit;
  }

  /** Closes its standard input, gives it a moment to end by itself, then kills it. Idempotent. */
  @Override
  public void close() {
    // Not on this thread: closing waits for a writer, and that one for a program that does not
    // read.
    Thread closer = new Thread(this::closeInput, "nixwsl-stdin");
    closer.setDaemon(true);
    closer.start();
    boolean interrupted = false;
    try {
      process.waitFor(2, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      interrupted = true;
    }
    ProcessRunner.killTree(process);
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void closeInput() {
    try {
      process.getOutputStream().close();
    } catch (IOException e) {
      // The program is gone or going: there is nobody left to tell.
      process.destroy();
    }
  }
}
