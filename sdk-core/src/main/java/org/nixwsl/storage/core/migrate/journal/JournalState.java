package org.nixwsl.storage.core.migrate.journal;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.nixwsl.storage.migrate.Stage;

/**
 * What a journal comes to: how far each stage is. What the machine shows goes before it. Immutable.
 */
public final class JournalState {
  private final JournalHeader header;
  private final List<JournalEntry> entries;
  private final Map<Stage, Progress> progress = new EnumMap<>(Stage.class);
  private final Map<Stage, Map<String, String>> facts = new EnumMap<>(Stage.class);
  private Optional<JournalEntry> failure = Optional.empty();

  /** The state after these entries. */
  JournalState(JournalHeader header, List<JournalEntry> entries) {
    this.header = header;
    this.entries = List.copyOf(entries);
    entries.forEach(this::take);
  }

  /** How far a stage is. */
  public enum Progress {
    /** Nothing was begun, or all of it was taken back. */
    UNTOUCHED,
    /** Begun: it may have changed something, or all. */
    BEGUN,
    /** Done and confirmed. */
    DONE,
    /** Its undoing was begun and may have changed something, or all. */
    UNDOING
  }

  /** The first line. */
  public JournalHeader header() {
    return header;
  }

  /** All lines after the first. */
  public List<JournalEntry> entries() {
    return entries;
  }

  /** How far a stage is. */
  public Progress of(Stage stage) {
    return progress.getOrDefault(stage, Progress.UNTOUCHED);
  }

  /** Whether nothing was begun, or all of it was taken back. */
  public boolean untouched() {
    return progress.values().stream().allMatch(p -> p == Progress.UNTOUCHED);
  }

  /**
   * Whether a rollback was begun and not brought to its end: {@link Stage#PREFLIGHT}, which has
   * nothing to take back itself, stands for all of them.
   */
  public boolean rollingBack() {
    return of(Stage.PREFLIGHT) == Progress.UNDOING;
  }

  /** What was noted of a stage since it was begun; the last value of each name stands. */
  public Map<String, String> facts(Stage stage) {
    return Map.copyOf(facts.getOrDefault(stage, Map.of()));
  }

  /** The last error, if nothing was tried after it. */
  public Optional<JournalEntry> failure() {
    return failure;
  }

  /** The same with one entry more. */
  JournalState with(JournalEntry entry) {
    List<JournalEntry> more = new ArrayList<>(entries);
    more.add(entry);
    return new JournalState(header, more);
  }

  /** The fewest entries that come to the same. */
  List<JournalEntry> folded() {
    List<JournalEntry> folded = new ArrayList<>();
    for (Stage stage : Stage.values()) {
      Progress now = of(stage);
      Optional<JournalEntry> last = last(stage);
      if (now == Progress.UNTOUCHED || last.isEmpty()) {
        continue;
      }
      folded.add(new JournalEntry(last.get().at(), JournalEntry.Kind.INTENT, stage, facts(stage)));
      if (now == Progress.DONE) {
        folded.add(new JournalEntry(last.get().at(), JournalEntry.Kind.FACT, stage, Map.of()));
      } else if (now == Progress.UNDOING) {
        folded.add(
            new JournalEntry(last.get().at(), JournalEntry.Kind.UNDO_INTENT, stage, Map.of()));
      }
    }
    failure.ifPresent(folded::add);
    return folded;
  }

  private Optional<JournalEntry> last(Stage stage) {
    return entries.stream()
        .filter(e -> e.stage() == stage && e.kind() != JournalEntry.Kind.FAILED)
        .reduce((first, second) -> second);
  }

  private void take(JournalEntry entry) {
    if (entry.kind() == JournalEntry.Kind.FAILED) {
      failure = Optional.of(entry);
      return;
    }
    if (entry.kind() == JournalEntry.Kind.INTENT) {
      failure = Optional.empty();
    }
    Stage stage = entry.stage();
    switch (entry.kind()) {
      case INTENT -> progress.put(stage, Progress.BEGUN);
      case FACT -> progress.put(stage, Progress.DONE);
      case UNDO_INTENT -> progress.put(stage, Progress.UNDOING);
      default -> progress.put(stage, Progress.UNTOUCHED);
    }
    if (entry.kind() == JournalEntry.Kind.UNDONE) {
      facts.remove(stage);
    } else {
      facts.computeIfAbsent(stage, s -> new HashMap<>()).putAll(entry.facts());
    }
  }
}
