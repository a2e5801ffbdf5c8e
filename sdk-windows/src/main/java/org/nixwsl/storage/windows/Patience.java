package org.nixwsl.storage.windows;

import java.io.IOException;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.windows.wsl.WslError.Treatment;
import org.nixwsl.storage.windows.wsl.WslErrorReport;

/**
 * How long each class of errors is tried again within one call, counted from the first of its kind.
 * For one call and one thread.
 */
final class Patience {
  /** For all classes together. */
  private static final Duration LIMIT = Duration.ofMinutes(2);

  private final Operation operation;
  private final Map<Treatment, Long> first = new EnumMap<>(Treatment.class);
  private final Map<Treatment, Integer> times = new EnumMap<>(Treatment.class);

  Patience(Operation operation) {
    this.operation = operation;
  }

  /** Tries until it succeeds, or fails with what is not worth another try. */
  <T> T trying(String what, Operation.Work<T> work) throws IOException, InterruptedException {
    return operation.retrying(
        what,
        LIMIT,
        this::worthIt,
        () -> {
          try {
            return work.run();
          } catch (StorageSdkException e) {
            Treatment treatment = treatment(e);
            first.putIfAbsent(treatment, operation.ticker().nanos());
            times.merge(treatment, 1, Integer::sum);
            throw e;
          }
        });
  }

  private boolean worthIt(StorageSdkException failure) {
    Treatment treatment = treatment(failure);
    long now = operation.ticker().nanos();
    boolean stillPatient =
        treatment == Treatment.ONCE
            ? times.getOrDefault(treatment, 0) <= 1
            : now - first.getOrDefault(treatment, now) < treatment.patience().toNanos();
    return failure.retryable() && stillPatient;
  }

  /** What the SDK itself calls worth a repetition is so for as long as any error of WSL. */
  private static Treatment treatment(StorageSdkException failure) {
    return failure.getCause() instanceof WslErrorReport report
        ? report.error().map(error -> error.treatment()).orElse(Treatment.PERMANENT)
        : Treatment.TRANSIENT;
  }
}
