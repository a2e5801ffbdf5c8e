package org.nixwsl.storage.core.run;

import java.time.Instant;

/** Where time comes from, so that tests can bring their own. */
public interface Ticker {
  /** The wall clock, for people. */
  Instant now();

  /** A clock that only goes forward, in nanoseconds from any start, for measuring. */
  long nanos();

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
    };
  }
}
