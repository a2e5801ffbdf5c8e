package org.nixwsl.storage.core.migrate.stage;

import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.nixwsl.storage.core.migrate.journal.JournalState;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.store.CopyReport;

/** Reads back from the device what the copy did not: what came last, and the database. */
public final class ProveStep implements StageStep {
  /** The step. */
  public ProveStep() {}

  @Override
  public Stage stage() {
    return Stage.PROVE;
  }

  @Override
  public boolean needed(Attempt attempt) throws IOException, InterruptedException {
    return !attempt.committed();
  }

  @Override
  public Map<String, String> perform(Attempt attempt, StageProgress progress)
      throws IOException, InterruptedException {
    attempt.change("read the rest back", () -> attempt.session().prove(progress));
    CopyReport report = attempt.session().report();
    CopyStep.requireSound(report);
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("paths", Long.toString(report.paths()));
    facts.put("files", Long.toString(report.files()));
    facts.put("inodes", Long.toString(report.inodes()));
    facts.put("bytes", Long.toString(report.bytes().bytes()));
    facts.put("durationMillis", Long.toString(report.duration().toMillis()));
    facts.put("rereadMillis", Long.toString(report.reread().toMillis()));
    return facts;
  }

  /** It changed nothing. */
  @Override
  public void undo(Attempt attempt, Operation operation) {}

  /**
   * What an earlier attempt proved, from its journal; empty if that has no such numbers. What it
   * found besides numbers was told then.
   */
  public static Optional<CopyReport> reported(JournalState state) {
    Map<String, String> facts = state.facts(Stage.PROVE);
    try {
      return Optional.of(
          new CopyReport(
              number(facts, "paths"),
              number(facts, "files"),
              number(facts, "inodes"),
              ByteSize.ofBytes(number(facts, "bytes")),
              Duration.ofMillis(number(facts, "durationMillis")),
              Duration.ofMillis(number(facts, "rereadMillis")),
              List.of(),
              List.of(),
              List.of()));
    } catch (NumberFormatException notThere) {
      return Optional.empty();
    }
  }

  private static long number(Map<String, String> facts, String name) {
    return Long.parseLong(facts.getOrDefault(name, ""));
  }
}
