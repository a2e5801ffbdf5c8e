package org.nixwsl.storage.event;

import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Stops an operation from another thread. After {@link #cancel} no new change starts, running
 * programs are ended with their children, and the call throws {@link
 * org.nixwsl.storage.error.OperationCancelledException}. Interrupting the calling thread means the
 * same. Thread-safe; one token may serve several operations.
 */
public final class CancellationToken {
  private final AtomicBoolean cancelled = new AtomicBoolean();

  /** A token that was not cancelled yet. */
  public CancellationToken() {}

  /** Asks the operation to stop. Returns at once; a second call changes nothing. */
  public void cancel() {
    cancelled.set(true);
  }

  /** Whether {@link #cancel} was called. */
  public boolean cancelled() {
    return cancelled.get();
  }
}
