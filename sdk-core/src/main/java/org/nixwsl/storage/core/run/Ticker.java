package org.nixwsl.storage.core.run;

import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Where time comes from, so that tests can bring their own. */
public interface Ticker {
  /** The wall clock, for people. */
  Instant now();

  /** A clock that only goes forward, in nanoseconds from any start, for measuring. */
  long nanos();

  /** Lets that much time go by. */
  void pause(Duration time) throws InterruptedException;

  /** The machine's clocks. */
  static Ticker system() {
    return new Ticker() {
      @Override
      public Instant now() {
        return Instant.now();
      }

      @Override
      public long nanos() {
        return System.nanoTime();
      }

      @Override
      public void pause(Duration time) throws InterruptedException {
        boolean never = new CountDownLatch(1).await(time.toNanos(), TimeUnit.NANOSECONDS);
        if (never) {
          throw new IllegalStateException("A latch that nobody counts down came to zero");
        }
      }
    };
  }
}
