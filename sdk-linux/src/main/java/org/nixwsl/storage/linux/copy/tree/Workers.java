package org.nixwsl.storage.linux.copy.tree;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/**
 * Does the same with each item of a list, on several threads. The first failure stops the others
 * and comes out as it was thrown; when the call returns or throws, no thread of it runs any more.
 */
public final class Workers {
  private Workers() {}

  /** What is done with an item, with tools that belong to the thread. */
  @FunctionalInterface
  public interface Task<T, U> {
    /** Does it. An interrupt of the thread must end it soon. */
    void run(T item, U tools) throws IOException, InterruptedException;
  }

  /**
   * Runs a task for each item; the first items are begun first.
   *
   * @param tools makes what each thread needs for itself
   */
  public static <T, U> void each(List<T> items, int threads, Supplier<U> tools, Task<T, U> task)
      throws IOException, InterruptedException {
    int count = Math.min(threads, items.size());
    if (count == 0) {
      return;
    }
    ExecutorService executor = Executors.newFixedThreadPool(count);
    try {
      ExecutorCompletionService<Void> completions = new ExecutorCompletionService<>(executor);
      AtomicInteger next = new AtomicInteger();
      for (int i = 0; i < count; i++) {
        completions.submit(
            () -> {
              U own = tools.get();
              for (int n = next.getAndIncrement(); n < items.size(); n = next.getAndIncrement()) {
                task.run(items.get(n), own);
              }
              return null;
            });
      }
      for (int i = 0; i < count; i++) {
        completions.take().get();
      }
    } catch (ExecutionException e) {
      throw rethrown(e);
    } finally {
      end(executor);
    }
  }

  private static IOException rethrown(ExecutionException e) throws InterruptedException {
    Throwable cause = e.getCause();
    if (cause instanceof RuntimeException unchecked) {
      throw unchecked;
    }
    if (cause instanceof Error error) {
      throw error;
    }
    if (cause instanceof InterruptedException interrupted) {
      throw interrupted;
    }
    return cause instanceof IOException io ? io : new IOException(cause);
  }

  private static void end(ExecutorService executor) {
    executor.shutdownNow();
    boolean interrupted = false;
    boolean ended = false;
    while (!ended) {
      try {
        ended = executor.awaitTermination(1, TimeUnit.MINUTES);
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
