package org.nixwsl.storage.core.migrate.journal;

import java.time.Instant;
import java.util.Map;
import org.nixwsl.storage.migrate.Stage;

/**
 * One line of a journal after the first.
 *
 * @param at when it was written, by the wall clock; for people, nothing is decided on it
 * @param kind what it says
 * @param stage the stage that it is about
 * @param facts what has to be known later, names and values; texts of any characters
 */
public record JournalEntry(Instant at, Kind kind, Stage stage, Map<String, String> facts) {
  /** Copies the facts. */
  public JournalEntry {
    facts = Map.copyOf(facts);
  }

  /** What an entry says. */
  public enum Kind {
    /** The stage is about to change something. */
    INTENT,
    /** The stage did what it is for, and that was confirmed. */
    FACT,
    /** The stage is about to be taken back. */
    UNDO_INTENT,
    /** The stage was taken back: it is as if it had not been. */
    UNDONE,
    /** A call ended with an error in that stage; tells people why, and changes nothing. */
    FAILED
  }
}
