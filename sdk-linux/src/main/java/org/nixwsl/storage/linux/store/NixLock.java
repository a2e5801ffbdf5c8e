package org.nixwsl.storage.linux.store;

import java.util.Optional;
import org.nixwsl.storage.core.process.RunningProcess;

/**
 * The result of an attempt to lock. Whoever asked closes it, whatever the outcome. Closing is
 * idempotent.
 */
public final class NixLock implements AutoCloseable {
  private final NixLocks.Outcome outcome;
  private final String note;
  private final Optional<RunningProcess> holder;
  private volatile boolean closed;

  private NixLock(NixLocks.Outcome outcome, String note, Optional<RunningProcess> holder) {
    this.outcome = outcome;
    this.note = note;
    this.holder = holder;
  }

  static NixLock held(RunningProcess holder) {
    return new NixLock(NixLocks.Outcome.HELD, "", Optional.of(holder));
  }

  static NixLock none(NixLocks.Outcome outcome, String note) {
    return new NixLock(outcome, note, Optional.empty());
  }

  /** How the attempt ended. */
  public NixLocks.Outcome outcome() {
    return outcome;
  }

  /** Whether the lock is held at this moment: the child that holds it may have been killed. */
  public boolean held() {
    return holder.map(RunningProcess::alive).orElse(false);
  }

  /** Whether it was taken and is not held any more, though nobody closed it. */
  public boolean wasLost() {
    return outcome == NixLocks.Outcome.HELD && !closed && !held();
  }

  /** Why it is not held, in a few words; empty when it was taken. */
  public String note() {
    return note;
  }

  /** Lets go of the lock, if it is held. */
  @Override
  public void close() {
    closed = true;
    holder.ifPresent(RunningProcess::close);
  }
}
