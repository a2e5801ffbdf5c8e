package org.nixwsl.storage.linux.copy.held;

/**
 * Is asked between any two steps, as everything may have changed there; ends the work by throwing.
 */
@FunctionalInterface
public interface Checkpoint {
  /** Comes back when the work may go on. */
  void pass();
}
