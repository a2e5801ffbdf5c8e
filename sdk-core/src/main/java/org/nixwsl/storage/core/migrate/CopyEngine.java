package org.nixwsl.storage.core.migrate;

import java.io.IOException;
import java.util.EnumMap;
import java.util.Map;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.StoreCopier;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.core.platform.StoreHost.CopySession;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.CopyRequest;

/**
 * Copies a store: look, copy and read back, then state and database, then prove the rest.
 * Thread-safe.
 */
public final class CopyEngine implements StoreCopier {
  /** How the time is divided: measured on a store of 60,000 files, cold. */
  private static final Map<Stage, Double> WEIGHTS =
      Map.of(Stage.PREFLIGHT, 1.0, Stage.COPY, 10.0, Stage.STATE, 1.0);

  /** Reading back: nearly all of it in the stage that copies. */
  private static final double READ_BACK_WEIGHT = 6.0;

  private final StoreHost host;
  private final Ticker ticker;

  /** An engine that copies on this host. */
  public CopyEngine(StoreHost host, Ticker ticker) {
    this.host = host;
    this.ticker = ticker;
  }

  @Override
  public CopyReport copy(CopyRequest request, RunOptions options) {
    Map<Stage, Double> weights = new EnumMap<>(WEIGHTS);
    if (request.reread()) {
      weights.merge(Stage.COPY, READ_BACK_WEIGHT, Double::sum);
      weights.put(Stage.PROVE, 1.0);
    }
    String what =
        "copy the store "
            + PathBytes.printable(request.source().directory())
            + " to "
            + PathBytes.printable(request.target().directory());
    return Operation.run(what, options, ticker, weights, operation -> copy(request, operation));
  }

  private CopyReport copy(CopyRequest request, Operation operation)
      throws IOException, InterruptedException {
    try (CopySession session =
        operation.stage(Stage.PREFLIGHT, progress -> host.begin(request, operation))) {
      operation.stage(
          Stage.COPY,
          progress -> {
            session.copyPaths(progress);
            return session;
          });
      operation.stage(
          Stage.STATE,
          progress -> {
            session.copyState(progress);
            return session;
          });
      if (request.reread()) {
        operation.stage(
            Stage.PROVE,
            progress -> {
              session.prove(progress);
              return session;
            });
      }
      session.finish();
      return session.report();
    }
  }
}
