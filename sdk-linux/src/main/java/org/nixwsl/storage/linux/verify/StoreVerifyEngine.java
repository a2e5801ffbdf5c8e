package org.nixwsl.storage.linux.verify;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.StoreVerifier;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.nar.NarDigest;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.linux.store.NixLock;
import org.nixwsl.storage.linux.store.NixLocks;
import org.nixwsl.storage.linux.store.StoreContents;
import org.nixwsl.storage.linux.store.StoreDatabase;
import org.nixwsl.storage.linux.store.StoreRow;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.store.VerifyLevel;
import org.nixwsl.storage.store.VerifyReport;
import org.nixwsl.storage.store.VerifyRequest;

/**
 * Verifies a store on this machine: holds {@code gc.lock} shared if it may, reads the database,
 * lists the store directory, then walks the store paths with several threads, each path once.
 */
public final class StoreVerifyEngine implements StoreVerifier {
  /**
   * Readers for each processor: cold, a disk is fast only with many requests at once; warm, more
   * threads than processors cost little.
   */
  private static final int READERS_PER_PROCESSOR = 4;

  private static final int MAX_READERS = 64;

  private final ProcessRunner processes;
  private final Ticker ticker;

  /** An engine without state of its own. */
  public StoreVerifyEngine(ProcessRunner processes, Ticker ticker) {
    this.processes = processes;
    this.ticker = ticker;
  }

  @Override
  public VerifyReport verify(VerifyRequest request, RunOptions options) {
    return Operation.run(
        "verify the store in " + PathBytes.printable(request.store().directory()),
        options,
        ticker,
        Map.of(Stage.VERIFY, 1.0),
        operation ->
            operation.stage(Stage.VERIFY, progress -> verify(request, operation, progress)));
  }

  private VerifyReport verify(VerifyRequest request, Operation operation, StageProgress progress)
      throws IOException, InterruptedException {
    long start = ticker.nanos();
    VerifyLevel level = request.level();
    if (level.compareTo(VerifyLevel.CONTENTS) >= 0) {
      NarDigest.warmUp();
    }
    Findings findings = new Findings(operation);
    StoreDatabase database = StoreDatabase.of(request.store());
    try (NixLock lock = new NixLocks(processes).gcShared(request.store(), operation)) {
      if (!lock.held()) {
        findings.note(
            "The garbage collector was not kept out while this ran: " + lock.note() + ".");
      }
      StoreContents contents = database.read(operation);
      contents.notes().forEach(findings::note);
      contents.badRows().forEach(findings::badRow);

      Existence existence = new Existence(request.store(), database, findings, operation);
      List<StoreRow> present = existence.check(contents.rows());
      long bytes = 0;
      if (level == VerifyLevel.EXISTENCE) {
        present.forEach(findings::rowAlone);
      } else {
        Readers readers =
            new Readers(request.threads().orElseGet(StoreVerifyEngine::readers), operation);
        LinkCheck links = new LinkCheck(request.store(), findings, operation, progress);
        boolean readLinks = level == VerifyLevel.LINKS;
        long narBytes = present.stream().mapToLong(row -> Math.max(0, row.narSize())).sum();
        progress.expect(narBytes + (readLinks ? links.measure() : 0), present.size());
        bytes =
            new PathCheck(
                    request.store(), database, level, findings, existence, operation, progress)
                .check(present, readers);
        if (readLinks) {
          bytes += links.check(readers);
        }
      }
      if (lock.wasLost()) {
        findings.note(
            "The program that kept the garbage collector out was ended by someone: paths may have"
                + " been collected while this ran.");
      }
      return new VerifyReport(
          level,
          contents.rows().size() + contents.badRows().size(),
          ByteSize.ofBytes(bytes),
          Duration.ofNanos(ticker.nanos() - start),
          findings.sorted(),
          findings.notes());
    }
  }

  private static int readers() {
    return Math.min(
        MAX_READERS, READERS_PER_PROCESSOR * Runtime.getRuntime().availableProcessors());
  }
}
