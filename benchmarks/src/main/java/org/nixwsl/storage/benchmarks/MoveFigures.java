package org.nixwsl.storage.benchmarks;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.process.RunningProcess;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.store.StoreDatabase;
import org.nixwsl.storage.linux.store.StoreRow;

/**
 * What a user waits for in a move: the time in which nobody can build, and the rest after a kill.
 */
final class MoveFigures {
  /** In which the store stands still; an instance that runs is frozen before. */
  private static final Set<String> STANDING_STILL = Set.of("freeze", "state", "prove", "commit");

  private static final double KILLED_AT = 0.9;
  private static final Duration LIMIT = Duration.ofHours(2);

  private final BenchStore store;
  private final Command move;
  private final ProcessRunner processes = new ProcessRunner();

  /**
   * The figures of one move.
   *
   * @param move the command that does it, and that goes on with it; its result is JSON
   */
  MoveFigures(BenchStore store, Command move) {
    this.store = store;
    this.move = move.within(LIMIT);
  }

  /** The time in which an idle store stands still, beside the time of all stages. */
  String downtime(Operation operation) throws IOException, InterruptedException {
    Harness.Prepared start = store.coldOntoFresh(operation);
    try {
      String text = processes.runOk(move, operation).text();
      long still = 0;
      long all = 0;
      for (Object each : (List<?>) field(JSON.std.mapFrom(text), "stages")) {
        Map<?, ?> stage = (Map<?, ?>) each;
        long millis = ((Number) field(stage, "durationMillis")).longValue();
        all += millis;
        still += STANDING_STILL.contains(field(stage, "stage")) ? millis : 0;
      }
      return String.format(
          "Downtime of an idle store: %d ms of %d ms in all stages, that is %.1f %%.",
          still, all, 100.0 * still / all);
    } finally {
      start.close();
    }
  }

  private static Object field(Map<?, ?> object, String name) {
    return Objects.requireNonNull(object.get(name), name);
  }

  /** A move that got SIGKILL when nine tenths of its bytes were on the device. */
  Harness.Prepared killed(Operation operation) throws IOException, InterruptedException {
    Harness.Prepared start = store.coldOntoFresh(operation);
    boolean ready = false;
    try (RunningProcess running = processes.startLasting(move)) {
      Map<String, Long> sizes = sizes(operation);
      double enough = KILLED_AT * sizes.values().stream().mapToLong(Long::longValue).sum();
      Path journal = store.target().resolve("bench/.nixwsl-copy/journal");
      operation.await(
          "a move to be killed",
          LIMIT,
          () -> !running.alive() || onTheDevice(journal, sizes) >= enough);
      ProcessHandle.current().children().forEach(ProcessHandle::destroyForcibly);
      running.await();
      if (!Files.exists(journal)) {
        throw new IllegalStateException("the move was at its end before it was killed");
      }
      ready = true;
      return start;
    } finally {
      if (!ready) {
        start.close();
      }
    }
  }

  private Map<String, Long> sizes(Operation operation) throws IOException, InterruptedException {
    Map<String, Long> sizes = new HashMap<>();
    for (StoreRow row : StoreDatabase.of(store.store()).read(operation).rows()) {
      sizes.put(row.name(), row.narSize());
    }
    return sizes;
  }

  /** The bytes of the store paths that the journal of the copy has, see docs/journal-format.md. */
  private static double onTheDevice(Path journal, Map<String, Long> sizes) throws IOException {
    if (!Files.exists(journal)) {
      return 0;
    }
    return new String(Files.readAllBytes(journal), StandardCharsets.UTF_8)
        .lines()
        .mapToLong(line -> sizes.getOrDefault(line.replaceFirst(" .*", ""), 0L))
        .sum();
  }
}
