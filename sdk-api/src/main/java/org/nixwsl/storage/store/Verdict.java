package org.nixwsl.storage.store;

/** What is the matter with a store path. */
public enum Verdict {
  /** The contents differ from what the database says. */
  MODIFIED(true),
  /** The database has it, the disk has not. */
  MISSING(true),
  /** It could not be read: an input error, a file of a type that no store path has, too deep. */
  UNREADABLE(true),
  /**
   * It is in the store directory and not in the database: mostly what a build that was killed left.
   * No valid path needs it, and a garbage collection deletes it: not damage.
   */
  UNREGISTERED(false),
  /** It went away, with its row, while the verification ran: not damage. */
  COLLECTED(false),
  /** Mode, time or owner are not the ones Nix gives. Not covered by the hash; not damage. */
  METADATA(false),
  /** The row itself is wrong: a hash that cannot be read, or a size that does not fit. */
  DB(true),
  /** An entry of {@code .links} whose contents differ from its name. */
  LINK(true);

  private final boolean damage;

  Verdict(boolean damage) {
    this.damage = damage;
  }

  /** Whether a store with such a finding counts as damaged. */
  public boolean damage() {
    return damage;
  }
}
