package org.nixwsl.storage.core.migrate;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.migrate.MigrationReport.StageTime;
import org.nixwsl.storage.migrate.Stage;

/** Runs the stages of an operation and keeps how long each took. Not thread-safe. */
final class StageTimes {
  private final Operation operation;
  private final List<StageTime> times = new ArrayList<>();

  StageTimes(Operation operation) {
    this.operation = operation;
  }

  /** Runs one stage; its time is kept when it succeeded. */
  <T> T run(Stage stage, Operation.StageBody<T> body) throws IOException, InterruptedException {
    long start = operation.ticker().nanos();
    T result = operation.stage(stage, body);
    times.add(new StageTime(stage, Duration.ofNanos(operation.ticker().nanos() - start)));
    return result;
  }

  /** The stages that succeeded, in order. */
  List<StageTime> times() {
    return List.copyOf(times);
  }
}
