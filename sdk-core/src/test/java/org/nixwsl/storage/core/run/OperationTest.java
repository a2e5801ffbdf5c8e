package org.nixwsl.storage.core.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileLockInterruptionException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.OperationCancelledException;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.event.CancellationToken;
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.migrate.Stage;

class OperationTest {
  private final List<StorageEvent> events = new ArrayList<>();
  private final CancellationToken token = new CancellationToken();
  private final ManualTicker ticker = new ManualTicker();
  private final RunOptions options =
      RunOptions.builder().on(StorageEvent.class, events::add).cancelWith(token).build();

  @Test
  void tellsStartStagesAndEndInOrder() {
    int result =
        Operation.run(
            "test",
            options,
            ticker,
            Map.of(Stage.COPY, 3.0, Stage.PROVE, 1.0),
            op -> {
              op.runStage(Stage.COPY, progress -> progress.expect(0, 0));
              op.runStage(Stage.PROVE, progress -> progress.expect(0, 0));
              return 7;
            });

    assertThat(result).isEqualTo(7);
    assertThat(names())
        .containsExactly(
            "Started", "StageStarted", "StageEnded", "StageStarted", "StageEnded", "Completed");
  }

  @Test
  void progressIsTheShareOfTheStageInTheWhole() {
    run(
        op -> {
          op.stage(
              Stage.COPY,
              progress -> {
                progress.expect(100, 10);
                ticker.forward(Duration.ofSeconds(1));
                progress.advance(50, 5);
                return 0;
              });
          return 0;
        });

    List<StorageEvent.Progress> progress = progress();
    assertThat(progress).hasSize(2);
    assertThat(progress.get(0).bytesDone()).isEqualTo(50);
    assertThat(progress.get(0).fractionOfAll()).isEqualTo(0.375);
    assertThat(progress.get(1).bytesDone()).isEqualTo(100);
    assertThat(progress.get(1).fractionOfAll()).isEqualTo(0.75);
  }

  @Test
  void progressIsToldTenTimesASecondAtMost() {
    run(
        op -> {
          op.stage(
              Stage.COPY,
              progress -> {
                progress.expect(1000, 1000);
                for (int i = 0; i < 1000; i++) {
                  ticker.forward(Duration.ofMillis(1));
                  progress.advance(1, 1);
                }
                return 0;
              });
          return 0;
        });

    assertThat(progress()).hasSizeBetween(9, 11);
  }

  @Test
  void aFailedStageEndsBeforeTheOperationFails() {
    assertThatThrownBy(
            () ->
                run(
                    op ->
                        op.stage(
                            Stage.COPY,
                            progress -> {
                              throw new IOException("No space left on device");
                            })))
        .isInstanceOfSatisfying(
            EnvironmentException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.NO_SPACE));

    assertThat(names()).containsExactly("Started", "StageStarted", "StageEnded", "Failed");
    assertThat(((StorageEvent.StageEnded) events.get(2)).succeeded()).isFalse();
  }

  @Test
  void aQuotaThatIsUsedUpIsNoSpace() {
    assertThatThrownBy(
            () ->
                run(
                    op -> {
                      throw new IOException("Disk quota exceeded");
                    }))
        .isInstanceOfSatisfying(
            EnvironmentException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.NO_SPACE));
  }

  @Test
  void aCancelledOperationStartsNoFurtherStage() {
    assertThatThrownBy(
            () ->
                run(
                    op -> {
                      token.cancel();
                      return op.stage(Stage.COPY, progress -> 1);
                    }))
        .isInstanceOf(OperationCancelledException.class);

    assertThat(names()).containsExactly("Started", "Cancelled");
  }

  @Test
  void anInterruptCancelsAndStaysSet() {
    Thread.currentThread().interrupt();
    try {
      assertThatThrownBy(
              () ->
                  run(
                      op -> {
                        op.checkCancelled();
                        return 0;
                      }))
          .isInstanceOf(OperationCancelledException.class);
    } finally {
      assertThat(Thread.interrupted()).isTrue();
    }
  }

  @Test
  void aListenerThatThrowsIsLeftAloneAndChangesNothing() {
    AtomicInteger calls = new AtomicInteger();
    RunOptions broken =
        RunOptions.builder()
            .on(
                StorageEvent.class,
                event -> {
                  calls.incrementAndGet();
                  throw new IllegalStateException("broken listener");
                })
            .on(StorageEvent.class, events::add)
            .build();

    Integer result =
        Operation.run("test", broken, ticker, Map.of(), op -> op.stage(Stage.COPY, p -> 1));

    assertThat(result).isEqualTo(1);
    assertThat(calls).hasValue(1);
    assertThat(names()).containsExactly("Started", "StageStarted", "StageEnded", "Completed");
  }

  @Test
  void aListenerWithAFailedAssertionChangesNothingEither() {
    RunOptions broken =
        RunOptions.builder()
            .on(
                StorageEvent.Completed.class,
                event -> {
                  throw new AssertionError("broken listener");
                })
            .on(StorageEvent.class, events::add)
            .build();

    assertThat(Operation.<Integer>run("test", broken, ticker, Map.of(), op -> 1)).isEqualTo(1);
    assertThat(names()).containsExactly("Started", "Completed");
  }

  @Test
  void aChannelThatAnInterruptClosedIsACancellation() {
    try {
      for (IOException closed :
          List.of(new ClosedByInterruptException(), new FileLockInterruptionException())) {
        events.clear();
        assertThatThrownBy(
                () ->
                    run(
                        op -> {
                          throw closed;
                        }))
            .isInstanceOf(OperationCancelledException.class);
        assertThat(names()).containsExactly("Started", "Cancelled");
        assertThat(Thread.interrupted()).isTrue();
      }
      assertThatThrownBy(
              () ->
                  run(
                      op -> {
                        throw new UncheckedIOException(new ClosedByInterruptException());
                      }))
          .isInstanceOf(OperationCancelledException.class);
    } finally {
      Thread.interrupted();
    }
  }

  @Test
  void aCancellationInThePauseStartsNoFurtherAttempt() {
    AtomicInteger attempts = new AtomicInteger();
    RunOptions cancelling =
        RunOptions.builder()
            .on(StorageEvent.Retried.class, event -> token.cancel())
            .cancelWith(token)
            .build();
    assertThatThrownBy(
            () ->
                Operation.run(
                    "test",
                    cancelling,
                    ticker,
                    Map.of(),
                    op -> op.retrying("attach", Duration.ofSeconds(20), () -> busy(attempts))))
        .isInstanceOf(OperationCancelledException.class);
    assertThat(attempts).hasValue(1);
  }

  @Test
  void aPauseEndsWithACancellationAndNotWhenItIsOver() {
    AtomicInteger attempts = new AtomicInteger();
    Ticker cancelledInTheSecondSlice =
        new Ticker() {
          private int slices;

          @Override
          public Instant now() {
            return ticker.now();
          }

          @Override
          public long nanos() {
            return ticker.nanos();
          }

          @Override
          public void pause(Duration time) {
            assertThat(time).isLessThanOrEqualTo(Duration.ofMillis(200));
            ticker.forward(time);
            if (attempts.get() == 8 && ++slices == 2) {
              token.cancel();
            }
          }
        };
    RunOptions cancelling = RunOptions.builder().cancelWith(token).build();
    assertThatThrownBy(
            () ->
                Operation.run(
                    "test",
                    cancelling,
                    cancelledInTheSecondSlice,
                    Map.of(),
                    op -> op.retrying("attach", Duration.ofMinutes(20), () -> busy(attempts))))
        .isInstanceOf(OperationCancelledException.class);
    assertThat(attempts).hasValue(8);
  }

  @Test
  void triesNoLongerThanTheLimitOnItsOwnClock() {
    AtomicInteger attempts = new AtomicInteger();
    long start = ticker.nanos();
    assertThatThrownBy(
            () -> run(op -> op.retrying("attach", Duration.ofMinutes(5), () -> busy(attempts))))
        .isInstanceOf(EnvironmentException.class);
    assertThat(Duration.ofNanos(ticker.nanos() - start))
        .isBetween(Duration.ofMinutes(5), Duration.ofSeconds(304));
    assertThat(attempts.get()).isBetween(80, 150);
  }

  @Test
  void aCancellationInAFailingAttemptIsACancellation() {
    AtomicInteger attempts = new AtomicInteger();
    assertThatThrownBy(
            () ->
                run(
                    op ->
                        op.retrying(
                            "attach",
                            Duration.ofSeconds(20),
                            () -> {
                              token.cancel();
                              return busy(attempts);
                            })))
        .isInstanceOf(OperationCancelledException.class)
        .hasCauseInstanceOf(EnvironmentException.class);
    assertThat(attempts).hasValue(1);
  }

  @Test
  void retriesWhatSaysThatItMayGoAwayAndNothingElse() {
    AtomicInteger attempts = new AtomicInteger();
    String result =
        run(
            op ->
                op.retrying(
                    "attach",
                    Duration.ofSeconds(20),
                    () -> {
                      if (attempts.incrementAndGet() < 3) {
                        throw new EnvironmentException(problem().mayGoAway());
                      }
                      return "done";
                    }));

    assertThat(result).isEqualTo("done");
    assertThat(events.stream().filter(e -> e instanceof StorageEvent.Retried)).hasSize(2);

    attempts.set(0);
    assertThatThrownBy(
            () ->
                run(
                    op ->
                        op.retrying(
                            "attach",
                            Duration.ofSeconds(20),
                            () -> {
                              attempts.incrementAndGet();
                              throw new EnvironmentException(problem());
                            })))
        .isInstanceOf(EnvironmentException.class);
    assertThat(attempts).hasValue(1);
  }

  @Test
  void waitsUntilAConditionComesTrueOrTheLimitIsOver() {
    AtomicInteger asked = new AtomicInteger();
    boolean cameTrue =
        run(
            op ->
                op.await("third time", Duration.ofSeconds(20), () -> asked.incrementAndGet() > 2));
    boolean never = run(op -> op.await("never", Duration.ofMillis(30), () -> false));

    assertThat(cameTrue).isTrue();
    assertThat(never).isFalse();
  }

  @Test
  void anErrorEndsAWaitAtOnce() {
    AtomicInteger asked = new AtomicInteger();
    assertThatThrownBy(
            () ->
                run(
                    op ->
                        op.await(
                            "broken",
                            Duration.ofSeconds(20),
                            () -> {
                              asked.incrementAndGet();
                              throw new IOException("gone");
                            })))
        .isInstanceOf(EnvironmentException.class);
    assertThat(asked).hasValue(1);
  }

  private <T> T run(Operation.Body<T> body) {
    return Operation.run("test", options, ticker, Map.of(Stage.COPY, 3.0, Stage.PROVE, 1.0), body);
  }

  private List<String> names() {
    return events.stream().map(e -> e.getClass().getSimpleName()).toList();
  }

  private List<StorageEvent.Progress> progress() {
    return events.stream()
        .filter(e -> e instanceof StorageEvent.Progress)
        .map(e -> (StorageEvent.Progress) e)
        .toList();
  }

  private static int busy(AtomicInteger attempts) {
    attempts.incrementAndGet();
    throw new EnvironmentException(problem().mayGoAway());
  }

  private static Problem problem() {
    return Problem.of(ErrorCode.VHDX_IN_USE, "The disk is in use.", "Wait.");
  }

  private static final class ManualTicker implements Ticker {
    private long nanos;

    void forward(Duration time) {
      nanos += time.toNanos();
    }

    @Override
    public Instant now() {
      return Instant.EPOCH.plusNanos(nanos);
    }

    @Override
    public long nanos() {
      return nanos;
    }

    @Override
    public void pause(Duration time) {
      forward(time);
    }
  }
}
