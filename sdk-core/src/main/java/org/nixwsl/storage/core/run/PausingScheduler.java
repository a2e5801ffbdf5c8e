package org.nixwsl.storage.core.run;

import dev.failsafe.Failsafe;
import dev.failsafe.FailsafeException;
import dev.failsafe.RetryPolicy;
import dev.failsafe.spi.Scheduler;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Delayed;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * Has Failsafe decide when something is tried again, and does the waiting itself: on the calling
 * thread, on the clock of the operation, and no longer than until a cancellation. For one call; not
 * thread-safe.
 */
final class PausingScheduler implements Scheduler {
  /** How late a cancellation is noticed at most, with {@link Operation#checkCancelled} in mind. */
  private static final Duration SLICE = Duration.ofMillis(100);

  private final Ticker ticker;
  private final BooleanSupplier cancelled;
  private final Deque<Task<?>> tasks = new ArrayDeque<>();

  PausingScheduler(Ticker ticker, BooleanSupplier cancelled) {
    this.ticker = ticker;
    this.cancelled = cancelled;
  }

  @Override
  public ScheduledFuture<?> schedule(Callable<?> callable, long delay, TimeUnit unit) {
    Task<?> task = new Task<>(callable, unit.toNanos(delay));
    tasks.add(task);
    return task;
  }

  /** Does the work as often as the policy says. The work has to end by itself when cancelled. */
  <T> T run(RetryPolicy<T> policy, Operation.Work<T> work)
      throws IOException, InterruptedException {
    CompletableFuture<T> outcome = Failsafe.with(policy).with(this).getAsync(work::run);
    while (!outcome.isDone()) {
      Task<?> next = tasks.remove();
      pause(next.delayNanos);
      next.run();
    }
    try {
      return outcome.get();
    } catch (ExecutionException e) {
      Throwable cause =
          e.getCause() instanceof FailsafeException wrapped && wrapped.getCause() != null
              ? wrapped.getCause()
              : e.getCause();
      if (cause instanceof IOException io) {
        throw io;
      }
      if (cause instanceof InterruptedException interrupted) {
        throw interrupted;
      }
      if (cause instanceof Error error) {
        throw error;
      }
      throw cause instanceof RuntimeException failure ? failure : new IllegalStateException(cause);
    }
  }

  private void pause(long nanos) throws InterruptedException {
    long end = ticker.nanos() + nanos;
    long left = nanos;
    while (left > 0 && !cancelled.getAsBoolean()) {
      ticker.pause(Duration.ofNanos(Math.min(left, SLICE.toNanos())));
      left = end - ticker.nanos();
    }
  }

  /** What Failsafe wants to have run. */
  private static final class Task<V> extends FutureTask<V> implements ScheduledFuture<V> {
    private final long delayNanos;

    private Task(Callable<V> callable, long delayNanos) {
      super(callable);
      this.delayNanos = delayNanos;
    }

    @Override
    public long getDelay(TimeUnit unit) {
      return unit.convert(delayNanos, TimeUnit.NANOSECONDS);
    }

    @Override
    public int compareTo(Delayed other) {
      return Long.compare(delayNanos, other.getDelay(TimeUnit.NANOSECONDS));
    }
  }
}
