package org.nixwsl.storage.core.run;

import dev.failsafe.RetryPolicy;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileLockInterruptionException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.OperationCancelledException;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.store.StoreFinding;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One call of the API on its way down: it carries progress, cancellation, retry and clock, and it
 * is the only one that talks to listeners. It goes down as a parameter.
 *
 * <p>Thread-safe: workers may advance the progress and report findings.
 */
public final class Operation {
  private static final Logger LOG = LoggerFactory.getLogger(Operation.class);

  private final String id = "op-" + UUID.randomUUID().toString().substring(0, 8);
  private final RunOptions options;
  private final Ticker ticker;
  private final Map<Stage, Double> weights;
  private final double weightOfAll;
  private final List<Consumer<StorageEvent>> listeners;
  private final Object eventOrder = new Object();
  private double weightDone;

  private Operation(RunOptions options, Ticker ticker, Map<Stage, Double> weights) {
    this.options = options;
    this.ticker = ticker;
    this.weights = weights;
    this.weightOfAll = Math.max(1e-9, weights.values().stream().mapToDouble(d -> d).sum());
    this.listeners = new ArrayList<>(options.listeners());
  }

  /** Work that may meet input errors and interruption; both are turned into our own errors. */
  @FunctionalInterface
  public interface Work<T> {
    /** Does it. */
    T run() throws IOException, InterruptedException;
  }

  /** What an operation does when nothing comes out of it. */
  @FunctionalInterface
  public interface Action {
    /** Does it. */
    void run(Operation operation) throws IOException, InterruptedException;
  }

  /** What an operation does. */
  @FunctionalInterface
  public interface Body<T> {
    /** Does it. */
    T run(Operation operation) throws IOException, InterruptedException;
  }

  /** What a stage does. */
  @FunctionalInterface
  public interface StageBody<T> {
    /** Does it. */
    T run(StageProgress progress) throws IOException, InterruptedException;
  }

  /** What a stage does that has nothing to give back. */
  @FunctionalInterface
  public interface StageAction {
    /** Does it. */
    void run(StageProgress progress) throws IOException, InterruptedException;
  }

  /**
   * Runs an operation from its first event to its last.
   *
   * @param what the operation in a few words, for people
   * @param weights the part of the whole that each stage takes, in any unit
   */
  public static <T> T run(
      String what, RunOptions options, Ticker ticker, Map<Stage, Double> weights, Body<T> body) {
    Operation operation = new Operation(options, ticker, Map.copyOf(weights));
    long start = ticker.nanos();
    operation.tell(new StorageEvent.Started(ticker.now(), operation.id, what));
    try {
      T result = operation.translating(what, () -> body.run(operation));
      operation.tell(
          new StorageEvent.Completed(ticker.now(), operation.id, operation.since(start)));
      return result;
    } catch (OperationCancelledException e) {
      operation.tell(new StorageEvent.Cancelled(ticker.now(), operation.id));
      throw e;
    } catch (RuntimeException | Error e) {
      operation.tell(
          new StorageEvent.Failed(ticker.now(), operation.id, String.valueOf(e.getMessage())));
      throw e;
    }
  }

  /** An operation without listeners, stages or cancellation: for short calls such as inspect. */
  public static <T> T quiet(String what, Body<T> body) {
    return run(what, RunOptions.ofDefaults(), Ticker.system(), Map.of(), body);
  }

  /**
   * Runs work that must not stop half-way: neither the caller's cancellation nor an interruption
   * from before reaches it; an interrupted thread is interrupted again afterwards. An interruption
   * that comes while it runs does stop it.
   */
  public static void toTheEnd(String what, Ticker ticker, Action action) {
    boolean interrupted = Thread.interrupted();
    try {
      run(
          what,
          RunOptions.ofDefaults(),
          ticker,
          Map.of(),
          operation -> {
            action.run(operation);
            return Boolean.TRUE;
          });
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Runs one stage between its two events. */
  public <T> T stage(Stage stage, StageBody<T> body) throws IOException, InterruptedException {
    checkCancelled();
    long start = ticker.nanos();
    tell(new StorageEvent.StageStarted(ticker.now(), id, stage));
    LOG.info("{}: stage {} started", id, stage);
    StageProgress progress = new StageProgress(this, stage, ticker);
    boolean succeeded = false;
    try {
      T result = body.run(progress);
      progress.finish();
      succeeded = true;
      return result;
    } finally {
      synchronized (eventOrder) {
        weightDone += weights.getOrDefault(stage, 0.0);
      }
      tell(new StorageEvent.StageEnded(ticker.now(), id, stage, succeeded, since(start)));
      LOG.info("{}: stage {} {}", id, stage, succeeded ? "done" : "failed");
    }
  }

  /** {@link #stage} for work that has nothing to give back. */
  public void runStage(Stage stage, StageAction action) throws IOException, InterruptedException {
    stage(
        stage,
        progress -> {
          action.run(progress);
          return stage;
        });
  }

  /**
   * Throws if the caller cancelled or this thread was interrupted; the interrupt flag stays set.
   * Called before each new change, and at least every 200 ms of work.
   */
  public void checkCancelled() {
    if (cancelled()) {
      throw new OperationCancelledException(cancelledProblem());
    }
  }

  private static Problem cancelledProblem() {
    return Problem.of(
            ErrorCode.CANCELLED, "The operation was cancelled.", "Call it again when it may run.")
        .leaving(StateLeft.RESUMABLE);
  }

  /** Whether {@link #checkCancelled} would throw. */
  public boolean cancelled() {
    return Thread.currentThread().isInterrupted()
        || options.cancellation().map(token -> token.cancelled()).orElse(false);
  }

  /** Tells listeners of a finding. The report has to carry it as well. */
  public void found(StoreFinding finding) {
    tell(new StorageEvent.Found(ticker.now(), id, finding));
  }

  /**
   * Waits for a condition that something else brings about, asking again and again.
   *
   * <p>A condition that took something, such as a lock, and came true is told of also when the
   * cancellation came at the same time: the caller has to give it back.
   *
   * @param what the condition, for the log
   * @return whether it came true within the limit
   */
  public boolean await(String what, Duration limit, Work<Boolean> condition)
      throws IOException, InterruptedException {
    long end = ticker.nanos() + limit.toNanos();
    RetryPolicy<Boolean> policy =
        RetryPolicy.<Boolean>builder()
            .handleResult(false)
            .handleIf((Throwable failure) -> false) // an error is no answer: it ends the wait
            .withMaxAttempts(-1)
            .withBackoff(Duration.ofMillis(2), Duration.ofMillis(100))
            .abortIf((result, failure) -> over(end))
            .build();
    boolean result = scheduler().run(policy, condition);
    if (!result) {
      checkCancelled();
      LOG.debug("{}: gave up after {} on: {}", id, limit, what);
    }
    return result;
  }

  /**
   * Tries again what failed with an error that says it may go away, with growing pauses, and tells
   * listeners. Belongs into a stage, as all that is told between start and end.
   *
   * @param what what is tried, for people
   * @param limit how long it is tried at most
   */
  public <T> T retrying(String what, Duration limit, Work<T> work)
      throws IOException, InterruptedException {
    return retrying(what, limit, StorageSdkException::retryable, work);
  }

  /**
   * Tries again what failed with an error for which that is worth while, with pauses that double
   * from 50 ms to 3 s and differ by a fifth at random, and tells listeners. Belongs into a stage,
   * as all that is told between start and end. A cancellation ends a pause.
   *
   * @param what what is tried, for people
   * @param limit how long it is tried at most
   * @param worthIt whether it is tried again after an error; asked more than once for each
   */
  public <T> T retrying(
      String what, Duration limit, Predicate<StorageSdkException> worthIt, Work<T> work)
      throws IOException, InterruptedException {
    long end = ticker.nanos() + limit.toNanos();
    RetryPolicy<T> policy =
        RetryPolicy.<T>builder()
            .handleIf(e -> e instanceof StorageSdkException s && worthIt.test(s))
            .withMaxAttempts(-1)
            .withBackoff(Duration.ofMillis(50), Duration.ofSeconds(3))
            .withJitter(0.2)
            .abortIf((result, failure) -> over(end))
            .onRetryScheduled(
                e ->
                    tell(
                        new StorageEvent.Retried(
                            ticker.now(),
                            id,
                            what,
                            e.getAttemptCount() + 1,
                            e.getDelay(),
                            String.valueOf(e.getLastException()))))
            .build();
    try {
      return scheduler()
          .run(
              policy,
              () -> {
                checkCancelled(); // in the pause
                return work.run();
              });
    } catch (StorageSdkException e) {
      if (worthIt.test(e) && cancelled()) {
        throw new OperationCancelledException(cancelledProblem().leaving(e.stateLeft()), e);
      }
      throw e;
    }
  }

  private boolean over(long end) {
    return cancelled() || ticker.nanos() - end >= 0;
  }

  private PausingScheduler scheduler() {
    return new PausingScheduler(ticker, this::cancelled);
  }

  /**
   * Options for a part that is an operation of its own: it is cancelled with this one, and tells
   * the listeners of this one nothing.
   */
  public RunOptions silent() {
    RunOptions.Builder silent = RunOptions.builder();
    options.cancellation().ifPresent(silent::cancelWith);
    return silent.build();
  }

  /** Where the time comes from. */
  public Ticker ticker() {
    return ticker;
  }

  void tellProgress(StageProgress.Snapshot now) {
    synchronized (eventOrder) {
      double part = weights.getOrDefault(now.stage(), 0.0) * now.fraction();
      double all = Math.min(1.0, (weightDone + part) / weightOfAll);
      tell(
          new StorageEvent.Progress(
              ticker.now(),
              id,
              now.stage(),
              now.bytesDone(),
              now.bytesTotal(),
              now.itemsDone(),
              now.itemsTotal(),
              all));
    }
  }

  private Duration since(long startNanos) {
    return Duration.ofNanos(ticker.nanos() - startNanos);
  }

  private void tell(StorageEvent event) {
    synchronized (eventOrder) {
      listeners.removeIf(listener -> !delivered(listener, event));
    }
  }

  /** A listener that throws is told of nothing more; it must not change what the operation does. */
  private boolean delivered(Consumer<StorageEvent> listener, StorageEvent event) {
    try {
      listener.accept(event);
      return true;
    } catch (Throwable e) {
      // Errors too, such as a failed assertion: this runs between two changes to someone's disk.
      LOG.warn("{}: a listener failed on {} and is left alone from now on", id, event, e);
      return false;
    }
  }

  /**
   * Does work and turns input errors and interruption into our own errors. An operation does this
   * at its end; who has to see the error before that does it himself.
   */
  public <T> T translating(String what, Work<T> work) {
    try {
      return work.run();
    } catch (InterruptedException | ClosedByInterruptException | FileLockInterruptionException e) {
      // The JDK closes a channel whose thread is interrupted: no error of the file.
      Thread.currentThread().interrupt();
      throw new OperationCancelledException(
          Problem.of(
                  ErrorCode.CANCELLED,
                  "The operation was interrupted: " + what + ".",
                  "Call it again when it may run.")
              .leaving(StateLeft.RESUMABLE),
          e);
    } catch (IOException e) {
      throw inputOutputError(what, e);
    } catch (UncheckedIOException e) {
      return translating(
          what,
          () -> {
            throw Objects.requireNonNull(e.getCause());
          });
    }
  }

  private static StorageSdkException inputOutputError(String what, IOException e) {
    String reason = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    boolean noSpace = noSpace(e);
    String kind =
        e.getClass() == IOException.class ? "" : " (" + e.getClass().getSimpleName() + ")";
    return new EnvironmentException(
        Problem.of(
                noSpace ? ErrorCode.NO_SPACE : ErrorCode.IO_FAILED,
                "Failed: " + what + ": " + reason + kind + ".",
                noSpace
                    ? "Make room on that file system and call again."
                    : "Look at the file or device that is named and call again.")
            .leaving(StateLeft.UNKNOWN),
        e);
  }

  /**
   * Whether a file system was full. The JDK has no type for this, only the words of the operating
   * system; where these are not English the answer is no, and the error is shown as it is.
   */
  public static boolean noSpace(IOException e) {
    String words = String.valueOf(e.getMessage());
    return Stream.of("No space left", "not enough space", "quota exceeded")
        .anyMatch(words::contains);
  }
}
