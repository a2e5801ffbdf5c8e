package org.nixwsl.storage.windows;

import java.time.Duration;
import java.time.Instant;
import org.nixwsl.storage.core.run.Ticker;

/** The machine's clocks, on which pauses take no time. */
final class SkippingTicker implements Ticker {
  private long skipped;

  /** How long was paused so far. */
  Duration paused() {
    return Duration.ofNanos(skipped);
  }

  @Override
  public Instant now() {
    return Instant.now();
  }

  @Override
  public long nanos() {
    return System.nanoTime() + skipped;
  }

  @Override
  public void pause(Duration time) {
    skipped += time.toNanos();
  }
}
