package org.nixwsl.storage.core.migrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.disk.LogState;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.IntegrityException;
import org.nixwsl.storage.error.OperationCancelledException;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.migrate.MigrationPlan;
import org.nixwsl.storage.migrate.MigrationReport;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.store.StoreFinding;
import org.nixwsl.storage.store.Verdict;

/** The order of a migration, and what is left of one that fails at any point. */
final class MigrationEngineTest extends MigrationFixture {
  private static final List<String> WHOLE =
      List.of(
          "create",
          "format and mount",
          "begin /fake/mount/one",
          "paths",
          "state",
          "prove",
          "commit",
          "close",
          "unmount");

  @Test
  void movesInThisOrderAndReportsEachStage() {
    MigrationPlan plan = engine.plan(newDisk());
    assertThat(plan.refusals()).isEmpty();
    assertThat(machine.changes).isEmpty();
    MigrationReport report = engine.run(plan, options);
    assertThat(machine.changes).isEqualTo(WHOLE);
    List<Stage> stages =
        List.of(
            Stage.PREFLIGHT,
            Stage.DISK,
            Stage.ATTACH,
            Stage.COPY,
            Stage.STATE,
            Stage.PROVE,
            Stage.COMMIT,
            Stage.DETACH);
    assertThat(plan.steps()).extracting(MigrationPlan.Step::stage).isEqualTo(stages);
    assertThat(report.stages())
        .extracting(MigrationReport.StageTime::stage)
        .isEqualTo(stages)
        .isEqualTo(events.succeeded());
    assertThat(report.diskFileSize()).contains(ByteSize.ofBytes(4));
    assertThat(report.copy().notes()).containsExactly("a note");
    events.check(StorageEvent.Completed.class);
  }

  @Test
  void leavesTheStorageAttachedWhenNotAskedToDetachIt() throws IOException {
    machine.formatted = true;
    engine.run(engine.plan(existingDisk()), options);
    assertThat(machine.changes)
        .startsWith("mount", "begin /fake/mount/one")
        .endsWith("commit", "close");
    assertThat(machine.mounted).isTrue();
  }

  @Test
  void formatsADiskThatIsThereOnlyWhenItWasNeverWrittenTo() throws IOException {
    engine.run(engine.plan(existingDisk()), options);
    assertThat(machine.changes).startsWith("format and mount");
  }

  @Test
  void neverAttachesOrDetachesADirectory() {
    machine.mounted = true;
    MigrationRequest request =
        request()
            .storage(SharedStorage.inDirectory(folder))
            .createDisk(DiskSpec.ofSize(ByteSize.gibibytes(64)))
            .detachAtEnd(true)
            .build();
    MigrationReport report = engine.run(engine.plan(request), options);
    assertThat(machine.changes).startsWith("mount").doesNotContain("create", "unmount");
    assertThat(report.diskFileSize()).isEmpty();
  }

  @Test
  void namesADiskWhoseFormattingWasCutShortAndDoesNotDeleteIt() {
    machine.formattingIsCutShort = true;
    MigrationPlan plan = engine.plan(newDisk());
    StorageSdkException e =
        catchThrowableOfType(StorageSdkException.class, () -> engine.run(plan, options));
    assertThat(e.stateLeft()).isEqualTo(StateLeft.NEEDS_CLEANUP);
    assertThat(e.remedy()).contains("Delete " + file);
    assertThat(file).exists();
  }

  @Nested
  final class WhenAStepFails {
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6})
    void takesBackWhatItMadeAndTheNextRunSucceeds(int step) {
      machine.failAt = step;
      MigrationPlan plan = engine.plan(newDisk());
      StorageSdkException e =
          catchThrowableOfType(StorageSdkException.class, () -> engine.run(plan, options));
      assertThat(e.code()).isEqualTo(ErrorCode.IO_FAILED);
      assertLeft(e, step);
      events.check(StorageEvent.Failed.class);
      machine.failAt = -1;
      engine.run(engine.plan(newDisk()));
      assertThat(machine.committed).isTrue();
    }

    /** A cancellation at a step lets that step end and no further one begin. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5})
    void aCancellationThereDoesTheSame(int step) {
      machine.cancelAt = step;
      MigrationPlan plan = engine.plan(newDisk());
      StorageSdkException e =
          catchThrowableOfType(OperationCancelledException.class, () -> engine.run(plan, options));
      assertThat(e.code()).isEqualTo(ErrorCode.CANCELLED);
      assertThat(machine.changes).startsWith(WHOLE.subList(0, step + 1).toArray(new String[0]));
      assertThat(machine.changes).doesNotContain("commit");
      assertLeft(e, step + 1);
      events.check(StorageEvent.Cancelled.class);
    }

    private void assertLeft(StorageSdkException e, int step) {
      assertThat(machine.committed).isFalse();
      assertThat(machine.mounted).isFalse();
      assertThat(Files.exists(file)).isEqualTo(step >= 2);
      assertThat(e.stateLeft())
          .isEqualTo(step >= 2 ? StateLeft.RESUMABLE : StateLeft.NOTHING_CHANGED);
      if (step >= 3) {
        assertThat(machine.changes).containsSequence("close", "unmount");
      }
    }
  }

  @Test
  void aCancellationAtTheCommitComesTooLate() {
    machine.cancelAt = 6;
    MigrationReport report = engine.run(engine.plan(newDisk()), options);
    assertThat(machine.committed).isTrue();
    assertThat(report.copy().notes()).anyMatch(n -> n.contains("still attached"));
    events.check(StorageEvent.Completed.class);
  }

  @Test
  void aStorageThatCannotBeDetachedAtTheEndIsANoteAndNoFailure() {
    machine.unmountFails = true;
    MigrationReport report = engine.run(engine.plan(newDisk()), options);
    assertThat(report.copy().notes()).hasSize(2).anyMatch(n -> n.contains("STORAGE_BUSY"));
    assertThat(events.succeeded()).doesNotContain(Stage.DETACH);
    events.check(StorageEvent.Completed.class);
  }

  @Test
  void aStorageThatCannotBeTakenBackIsToldWithTheFailure() {
    machine.unmountFails = true;
    machine.unmountError = ErrorCode.COMMAND_FAILED;
    machine.failAt = 4;
    StorageSdkException e =
        catchThrowableOfType(
            StorageSdkException.class, () -> engine.run(engine.plan(newDisk()), options));
    assertThat(e.code()).isEqualTo(ErrorCode.IO_FAILED);
    assertThat(e.stateLeft()).isEqualTo(StateLeft.NEEDS_CLEANUP);
    assertThat(e)
        .cause()
        .satisfies(
            cause -> assertThat(cause.getSuppressed()[0]).hasMessageContaining("COMMAND_FAILED"));
  }

  /** Of another partition of the same disk, for one. */
  @Test
  void aStorageThatOthersUseByThenStaysAttachedAndNeedsNoCleaning() {
    machine.unmountFails = true;
    machine.failAt = 4;
    StorageSdkException e =
        catchThrowableOfType(
            StorageSdkException.class, () -> engine.run(engine.plan(newDisk()), options));
    assertThat(e.stateLeft()).isEqualTo(StateLeft.RESUMABLE);
    assertThat(machine.mounted).isTrue();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5})
  void whatWasAttachedBeforeStaysAttachedWhenAStepFails(int step) throws IOException {
    machine.mounted = true;
    machine.formatted = true;
    machine.failAt = step;
    MigrationPlan plan = engine.plan(existingDisk());
    assertThat(catchThrowableOfType(StorageSdkException.class, () -> engine.run(plan, options)))
        .isNotNull();
    assertThat(machine.mounted).isTrue();
    assertThat(machine.changes).doesNotContain("unmount");
  }

  @Test
  void aMoveIsDoneEvenIfTheFileOfTheDiskIsGoneAfterwards() {
    machine.fileGoesAway = true;
    MigrationReport report = engine.run(engine.plan(newDisk()), options);
    assertThat(machine.committed).isTrue();
    assertThat(report.diskFileSize()).isEmpty();
    assertThat(report.copy().notes()).anyMatch(note -> note.contains("length of the disk's file"));
  }

  /** A second run meets the disk that the first one left attached and filled. */
  @Test
  void whatIsInAnAttachedDiskNeedsNoRoomOnTheVolume() throws IOException {
    assumeTrue(
        folder.getFileSystem().supportedFileAttributeViews().contains("posix"),
        "skipped: files with holes are missing");
    machine.mounted = true;
    machine.badDisk = Optional.of(Problem.of(ErrorCode.VHDX_IN_USE, "In use.", "Wait."));
    machine.measure = new StoreHost.Measure(10, 1, 1, 1L << 42);
    MigrationRequest request = existingDisk();
    try (RandomAccessFile disk = new RandomAccessFile(file.toFile(), "rw")) {
      disk.setLength(1L << 43);
    }
    MigrationPlan plan = engine.plan(request);
    assertThat(plan.refusals()).isEmpty();
    assertThat(plan.notes()).anyMatch(note -> note.contains("free inside"));
  }

  /** Blocks may be in the file that only the log could have told of. */
  @ParameterizedTest
  @EnumSource(
      value = LogState.class,
      names = {"DIRTY", "CORRUPT"})
  void aDiskWithALogIsNeverTakenForABlankOne(LogState log) throws IOException {
    machine.log = log;
    machine.formatted = true;
    engine.run(engine.plan(existingDisk()), options);
    assertThat(machine.changes).contains("mount").doesNotContain("format and mount");
  }

  @Test
  void aDamagedSourceIsNotCommitted() {
    machine.findings.add(new StoreFinding("/nix/store/a", Verdict.MODIFIED, "hash"));
    machine.findings.add(new StoreFinding("/nix/store/b", Verdict.METADATA, "mode"));
    IntegrityException e =
        catchThrowableOfType(
            IntegrityException.class, () -> engine.run(engine.plan(newDisk()), options));
    assertThat(e.code()).isEqualTo(ErrorCode.SOURCE_DAMAGED);
    assertThat(e.findings()).containsExactly(machine.findings.get(0));
    assertThat(e.stateLeft()).isEqualTo(StateLeft.RESUMABLE);
    assertThat(e.getMessage()).contains("/nix/store/a (MODIFIED)");
    assertThat(machine.changes).contains("paths").doesNotContain("state", "commit");
  }
}
