package org.nixwsl.storage.core.run;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.nixwsl.storage.migrate.Stage;

/** How far a stage has come. Thread-safe; cheap enough to be called for every file. */
public final class StageProgress {
  /** Ten events a second at most. */
  private static final long INTERVAL_NANOS = 100_000_000L;

  private final Operation operation;
  private final Stage stage;
  private final Ticker ticker;
  private final LongAdder bytesDone = new LongAdder();
  private final LongAdder itemsDone = new LongAdder();
  private final AtomicLong nextEvent;
  private volatile Runnable check = () -> {};
  private volatile long bytesTotal;
  private volatile long itemsTotal;

  StageProgress(Operation operation, Stage stage, Ticker ticker) {
    this.operation = operation;
    this.stage = stage;
    this.ticker = ticker;
    this.nextEvent = new AtomicLong(ticker.nanos() + INTERVAL_NANOS);
  }

  record Snapshot(Stage stage, long bytesDone, long bytesTotal, long itemsDone, long itemsTotal) {
    double fraction() {
      if (bytesTotal > 0) {
        return Math.min(1.0, (double) bytesDone / bytesTotal);
      }
      return itemsTotal > 0 ? Math.min(1.0, (double) itemsDone / itemsTotal) : 0;
    }
  }

  /** Says how much there is to do. */
  public void expect(long bytes, long items) {
    bytesTotal = bytes;
    itemsTotal = items;
  }

  /**
   * Has something looked at while the work goes on, ten times a second at most.
   *
   * @param look throws what the work is to end with; may be called by any of its threads
   */
  public void watching(Runnable look) {
    check = look;
  }

  /** Says what was done since the last call. Throws what {@link #watching} does. */
  public void advance(long bytes, long items) {
    bytesDone.add(bytes);
    itemsDone.add(items);
    long due = nextEvent.get();
    long now = ticker.nanos();
    if (now - due >= 0 && nextEvent.compareAndSet(due, now + INTERVAL_NANOS)) {
      operation.tellProgress(snapshot());
      check.run();
    }
  }

  void finish() {
    if (bytesTotal > 0 || itemsTotal > 0) {
      operation.tellProgress(new Snapshot(stage, bytesTotal, bytesTotal, itemsTotal, itemsTotal));
    }
  }

  private Snapshot snapshot() {
    return new Snapshot(stage, bytesDone.sum(), bytesTotal, itemsDone.sum(), itemsTotal);
  }
}
