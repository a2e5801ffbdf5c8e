package org.nixwsl.storage.core.guest;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.StoreVerifier;
import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.store.StoreFinding;
import org.nixwsl.storage.store.VerifyReport;
import org.nixwsl.storage.store.VerifyRequest;

/** What the guest works with. */
final class FakeHost implements StoreHost, StoreVerifier, StoreHost.CopySession {
  final List<String> steps = new ArrayList<>();
  final CountDownLatch inCopy = new CountDownLatch(1);
  final CountDownLatch closed = new CountDownLatch(1);
  Measure measure = new Measure(0, 0, 0, 0);
  List<Problem> problems = List.of();
  final CountDownLatch inMeasure = new CountDownLatch(1);
  volatile @Nullable Operation measuring;
  @Nullable CountDownLatch measureTakes;
  boolean waitsInCopy;
  @Nullable StorageSdkException failure;
  @Nullable StoreFinding found;
  @Nullable CopyRequest asked;
  @Nullable VerifyRequest verifyRequest;
  @Nullable VerifyReport verified;
  @Nullable Operation operation;
  volatile @Nullable EnvironmentException seenByCaller;

  @Override
  public Measure measure(NixStore store, Operation operation) throws InterruptedException {
    measuring = operation;
    inMeasure.countDown();
    if (measureTakes != null) {
      measureTakes.await();
    }
    if (failure != null) {
      throw failure;
    }
    return measure;
  }

  @Override
  public List<Problem> refusals(CopyRequest request, Measure known, Operation operation) {
    asked = request;
    return problems;
  }

  @Override
  public CopySession begin(CopyRequest request, Operation operation) {
    this.operation = operation;
    steps.add("begin");
    return this;
  }

  @Override
  public CopySession beginMerge(CopyRequest request, Operation operation) {
    this.operation = operation;
    steps.add("beginMerge");
    asked = request;
    return this;
  }

  @Override
  public Measure lacking(NixStore store, NixStore other, Operation operation) {
    steps.add("lacking " + store.directory() + " " + other.directory());
    return measure;
  }

  @Override
  public List<Problem> mergeRefusals(CopyRequest request, Operation operation) {
    asked = request;
    return problems;
  }

  @Override
  public void dropMerge(NixStore target, Operation operation) {
    steps.add("dropMerge " + target.directory());
  }

  @Override
  public VerifyReport verify(VerifyRequest request, RunOptions options) {
    verifyRequest = request;
    return Objects.requireNonNull(verified);
  }

  @Override
  public void copyPaths(StageProgress progress) throws IOException, InterruptedException {
    inCopy.countDown();
    if (waitsInCopy) {
      operation()
          .await(
              "a cancellation",
              Duration.ofSeconds(20),
              () -> {
                progress.advance(1, 0);
                return false;
              });
    }
    steps.add("copyPaths");
    progress.expect(1000, 10);
    progress.advance(400, 4);
    if (found != null) {
      operation().found(found);
    }
  }

  boolean measuredIsCancelled() {
    return Objects.requireNonNull(measuring).cancelled();
  }

  private Operation operation() {
    return Objects.requireNonNull(operation);
  }

  @Override
  public void copyState(StageProgress progress) {
    steps.add("copyState");
  }

  @Override
  public void prove(StageProgress progress) {
    steps.add("prove");
  }

  @Override
  public void finish() {
    steps.add("finish");
  }

  @Override
  public void commit(UUID storageId) {
    steps.add("commit " + storageId);
  }

  @Override
  public CopyReport report() {
    return new CopyReport(
        1,
        2,
        3,
        ByteSize.ofBytes(4),
        Duration.ofNanos(5),
        Duration.ZERO,
        List.of(GuestTest.ODD),
        List.of("/nix/store/x.lock"),
        List.of("n"));
  }

  @Override
  public void close() {
    steps.add("close");
    closed.countDown();
  }
}
