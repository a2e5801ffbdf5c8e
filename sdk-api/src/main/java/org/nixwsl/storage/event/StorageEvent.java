package org.nixwsl.storage.event;

import java.time.Duration;
import java.time.Instant;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.store.StoreFinding;

/**
 * Something that an operation tells while it runs. The order is {@code Started Stage* (Completed |
 * Failed | Cancelled)}, where {@code Stage} is {@code StageStarted (Progress | Retried | Found)*
 * StageEnded}. Events of one operation arrive one at a time and in order, maybe on different
 * threads. A listener that throws is logged once and then left alone; it cannot stop the operation.
 *
 * <p>New members may come in a minor release.
 */
public sealed interface StorageEvent {
  /** When it happened. */
  Instant at();

  /** The operation it belongs to, unique in this process. */
  String operationId();

  /**
   * The operation began.
   *
   * @param what the operation in a few words, for people
   */
  record Started(Instant at, String operationId, String what) implements StorageEvent {}

  /** A stage began. */
  record StageStarted(Instant at, String operationId, Stage stage) implements StorageEvent {}

  /**
   * How far a stage has come; at most ten a second, and on success a last one at the full total.
   *
   * @param bytesDone bytes dealt with in this stage
   * @param bytesTotal bytes of the stage, 0 when not known
   * @param itemsDone store paths, blocks or steps dealt with
   * @param itemsTotal all of them, 0 when not known
   * @param fractionOfAll the part of the whole operation that is done, from 0 to 1
   */
  record Progress(
      Instant at,
      String operationId,
      Stage stage,
      long bytesDone,
      long bytesTotal,
      long itemsDone,
      long itemsTotal,
      double fractionOfAll)
      implements StorageEvent {}

  /**
   * Something failed and is tried again.
   *
   * @param what what is tried
   * @param attempt the number of the coming attempt; the first retry is 2
   * @param delay how long is waited before it
   * @param cause why the last attempt failed
   */
  record Retried(
      Instant at, String operationId, String what, int attempt, Duration delay, String cause)
      implements StorageEvent {}

  /** Something was found; the report has it too. */
  record Found(Instant at, String operationId, StoreFinding finding) implements StorageEvent {}

  /**
   * A stage ended.
   *
   * @param succeeded whether it did what it is for
   * @param duration how long it took
   */
  record StageEnded(
      Instant at, String operationId, Stage stage, boolean succeeded, Duration duration)
      implements StorageEvent {}

  /** The operation did what it was called for. */
  record Completed(Instant at, String operationId, Duration duration) implements StorageEvent {}

  /**
   * The operation failed; the call throws what the message is taken from.
   *
   * @param message what went wrong
   */
  record Failed(Instant at, String operationId, String message) implements StorageEvent {}

  /** The operation was cancelled. */
  record Cancelled(Instant at, String operationId) implements StorageEvent {}
}
