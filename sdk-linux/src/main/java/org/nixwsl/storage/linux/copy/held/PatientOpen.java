package org.nixwsl.storage.linux.copy.held;

import java.io.Closeable;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Opens what may turn out to be a FIFO. Java has no {@code O_NONBLOCK}, and the opening of a FIFO
 * waits for a writer, deaf to interrupts. So a thread of its own opens, and nobody waits for it
 * longer than for a busy disk.
 */
final class PatientOpen {
  private static final Logger LOG = LoggerFactory.getLogger(PatientOpen.class);

  /** Two seconds: who finds a disk asleep that long finds it awake when called again. */
  private static final int LOOKS = 40;

  private static final int LOOK_MILLIS = 50;

  private PatientOpen() {}

  /** Opens something. */
  @FunctionalInterface
  interface Opening<T> {
    /** Opens it; may take for ever. */
    T open() throws IOException;
  }

  /**
   * Opens in another thread. A thread that does not come back is left: it holds nothing but its
   * stack, does not keep the program from ending, and closes at once what it gets after all.
   *
   * @param stuck whether it waits for something that nobody should wait for; asked now and then
   * @return what was opened; null when it was given up
   */
  static <T extends Closeable> @Nullable T open(
      Opening<T> opening, Opening<Boolean> stuck, Checkpoint checkpoint) throws IOException {
    CompletableFuture<T> result = new CompletableFuture<>();
    Thread thread =
        new Thread(
            () -> {
              try {
                T opened = opening.open();
                if (!result.complete(opened)) {
                  opened.close();
                }
              } catch (Throwable e) {
                if (!result.completeExceptionally(e)) {
                  LOG.debug("an opening that was given up ended", e);
                }
              }
            },
            "nixwsl-open");
    thread.setDaemon(true);
    thread.start();
    try {
      for (int look = 0; look < LOOKS; look++) {
        try {
          return result.get(LOOK_MILLIS, TimeUnit.MILLISECONDS);
        } catch (TimeoutException notYet) {
          checkpoint.pass();
          if (stuck.open()) {
            return null;
          }
        }
      }
      return null;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      checkpoint.pass();
      throw new IOException("interrupted while a file was opened", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException io) {
        throw io;
      }
      throw new IOException(e.getCause());
    } finally {
      abandon(result);
    }
  }

  /** Nobody waits any more: what comes now is closed by the thread that opened it. */
  private static <T extends Closeable> void abandon(CompletableFuture<T> result) {
    result.cancel(false);
  }
}
