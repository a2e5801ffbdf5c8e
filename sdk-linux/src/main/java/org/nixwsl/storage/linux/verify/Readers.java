package org.nixwsl.storage.linux.verify;

import java.io.IOException;
import java.util.Iterator;
import java.util.concurrent.CompletionService;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.store.TreeWalker;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Threads that work off one list, each with a walker of its own. */
final class Readers {
  /** After a failure: long enough for any read that is under way. */
  private static final long GOODBYE_SECONDS = 10;

  private static final Logger LOG = LoggerFactory.getLogger(Readers.class);

  private final int threads;
  private final Operation operation;

  Readers(int threads, Operation operation) {
    this.threads = threads;
    this.operation = operation;
  }

  /** What is done with one item. */
  interface Work<T> {
    void on(T item, TreeWalker walker) throws IOException;
  }

  /**
   * Returns when all items are done, or throws what the first thread that failed threw, after the
   * others stopped too.
   *
   * @param items asked by one thread at a time
   */
  <T> void forEach(Iterator<T> items, Work<T> work) throws IOException, InterruptedException {
    AtomicInteger number = new AtomicInteger();
    ExecutorService pool =
        Executors.newFixedThreadPool(
            threads,
            task -> {
              Thread thread = new Thread(task, "nixwsl-verify-" + number.incrementAndGet());
              thread.setDaemon(true);
              return thread;
            });
    boolean done = false;
    try {
      CompletionService<@Nullable Void> ends = new ExecutorCompletionService<>(pool);
      for (int i = 0; i < threads; i++) {
        ends.submit(
            () -> {
              drain(items, work);
              return null;
            });
      }
      pool.shutdown();
      for (int i = 0; i < threads; i++) {
        ends.take().get();
      }
      done = true;
    } catch (ExecutionException e) {
      throw unwrapped(e);
    } finally {
      if (!done) {
        pool.shutdownNow();
        awaitUninterruptibly(pool);
      }
    }
  }

  private <T> void drain(Iterator<T> items, Work<T> work) throws IOException {
    TreeWalker walker = new TreeWalker();
    while (true) {
      operation.checkCancelled();
      T item;
      synchronized (items) {
        if (!items.hasNext()) {
          return;
        }
        item = items.next();
      }
      work.on(item, walker);
    }
  }

  private static IOException unwrapped(ExecutionException e) {
    Throwable cause = e.getCause();
    if (cause instanceof RuntimeException unchecked) {
      throw unchecked;
    }
    if (cause instanceof Error error) {
      throw error;
    }
    return cause instanceof IOException io ? io : new IOException(cause);
  }

  private static void awaitUninterruptibly(ExecutorService pool) {
    boolean interrupted = Thread.interrupted();
    try {
      if (!pool.awaitTermination(GOODBYE_SECONDS, TimeUnit.SECONDS)) {
        LOG.warn("A reading thread does not end: the disk does not answer");
      }
    } catch (InterruptedException e) {
      interrupted = true;
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
