package org.nixwsl.storage.core.migrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.platform.StorageTree;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.migrate.MigrationPlan;
import org.nixwsl.storage.migrate.MigrationReport;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.MigrationStatus;
import org.nixwsl.storage.migrate.MigrationStatus.Phase;
import org.nixwsl.storage.migrate.RollbackReport;
import org.nixwsl.storage.migrate.RollbackRequest;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.store.NixStore;

/**
 * What becomes of a move after it began: taken up, taken back, looked at, in the way of another.
 */
final class MoveTest extends MoveFixture {
  @Test
  void thereIsNothingToGoOnWithBeforeAMoveAndAfterItsRollback() {
    refused(ErrorCode.MOVE_NOT_FOUND, () -> engine.resume(storage(), ONE));
    refused(ErrorCode.MOVE_NOT_FOUND, () -> engine.rollBack(back()));
    assertThat(engine.status(storage(), ONE).phase()).isEqualTo(Phase.NONE);
    killAtCopy();
    engine.rollBack(back());
    refused(ErrorCode.MOVE_NOT_FOUND, () -> engine.resume(storage(), ONE));
    refused(ErrorCode.MOVE_NOT_FOUND, () -> engine.rollBack(back()));
    assertThat(engine.status(storage(), ONE).phase()).isEqualTo(Phase.ROLLED_BACK);
  }

  @Test
  void tellsWhyTheLastCallFailedAndWhatIsDone() {
    killAtCopy();
    MigrationStatus status = engine.status(storage(), ONE);
    assertThat(status.phase()).isEqualTo(Phase.UNFINISHED);
    MigrationStatus.Failure failure = status.failure().orElseThrow();
    assertThat(failure.code()).isEqualTo(ErrorCode.IO_FAILED);
    assertThat(failure.stage()).isEqualTo(Stage.COPY);
    assertThat(status.stages())
        .containsExactly(
            new MigrationStatus.StageState(Stage.DISK, MigrationStatus.Progress.DONE),
            new MigrationStatus.StageState(Stage.COPY, MigrationStatus.Progress.BEGUN));
    assertThat(status.storageSeen()).isFalse();
  }

  @Test
  void aFailureThatLeavesNothingLeavesNoJournal() throws IOException {
    machine.failAt = 0;
    MigrationPlan plan = engine.plan(newDisk());
    StorageSdkException e = catchThrowableOfType(StorageSdkException.class, () -> engine.run(plan));
    assertThat(e.stateLeft()).isEqualTo(StateLeft.NOTHING_CHANGED);
    assertThat(engine.status(storage(), ONE).phase()).isEqualTo(Phase.NONE);
  }

  @Test
  void whetherACommitHappenedIsNotGuessedWhileTheDiskIsAway() {
    faults.killAt(indexOf("write the id"), true);
    assertThatThrownBy(() -> engine.run(engine.plan(newDisk())))
        .isInstanceOf(FaultPlan.Killed.class);
    faults.killNever();
    machine.mounted = false;
    assertThat(engine.status(storage(), ONE).phase()).isEqualTo(Phase.COMMIT_NOT_KNOWN);
    machine.mounted = true;
    assertThat(engine.status(storage(), ONE).phase()).isEqualTo(Phase.COMMITTED);
    machine.tree.id = Optional.empty();
    assertThat(engine.status(storage(), ONE).phase()).isEqualTo(Phase.UNFINISHED);
  }

  /** The number of a change in an undisturbed move, which this makes on another machine. */
  private int indexOf(String change) {
    MoveTest other = new MoveTest();
    try {
      other.folder = Files.createDirectory(folder.resolve("other"));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    other.nameTheDisk();
    other.engine.run(other.engine.plan(other.newDisk()));
    int index = other.faults.made().indexOf(change);
    assertThat(index).isNotNegative();
    return index;
  }

  @Test
  void aStoreThatChangedAfterItWasCopiedIsNotCommittedAndDisarmed() {
    machine.tree.sourceChangesAtEachLook = true;
    MigrationRequest request = withConfig();
    refused(ErrorCode.STORE_CHANGED, () -> engine.run(engine.plan(request)));
    assertThat(machine.committed).isFalse();
    assertThat(machine.tree.armed).isEmpty();
    machine.tree.sourceChangesAtEachLook = false;
    engine.resume(storage(), ONE);
    assertThat(machine.committed).isTrue();
    assertThat(machine.tree.armed).hasSize(1);
  }

  private MigrationRequest withConfig() {
    return request()
        .storage(storage())
        .createDisk(DiskSpec.ofSize(ByteSize.gibibytes(64)))
        .configDirectory(folder.resolve("etc/nixos"))
        .build();
  }

  /** The disk is not mounted when the plan is made, so that it has no word of that. */
  @Test
  void aStoreWhoseJournalWasLostIsNotTakenForOneOfTheNextMove() throws IOException {
    machine.formatted = true;
    machine.tree.directory = StorageTree.Directory.STORE;
    for (Optional<UUID> id : List.of(Optional.of(UUID.randomUUID()), Optional.<UUID>empty())) {
      machine.tree.id = id;
      MigrationPlan plan = engine.plan(existingDisk());
      assertThat(plan.refusals()).isEmpty();
      refused(ErrorCode.TARGET_NOT_EMPTY, () -> engine.run(plan));
      assertThat(machine.changes).doesNotContain("begin /fake/mount/one");
      assertThat(machine.mounted).isFalse();
      try {
        engine.rollBack(back());
      } catch (StorageSdkException e) {
        assertThat(e.code()).isEqualTo(ErrorCode.MOVE_NOT_FOUND);
      }
      assertThat(machine.tree.trash).isEmpty();
      assertThat(machine.tree.directory).isEqualTo(StorageTree.Directory.STORE);
    }
  }

  /** Somebody put another store there while the move was unfinished. */
  @Test
  void aRollbackLeavesTheStoreOfAnotherMoveWhereItIs() {
    killAtCopy();
    machine.tree.directory = StorageTree.Directory.STORE;
    machine.tree.id = Optional.of(UUID.randomUUID());
    refused(ErrorCode.TARGET_NOT_EMPTY, () -> engine.rollBack(back()));
    assertThat(machine.tree.trash).isEmpty();
  }

  @Test
  void aSecondCallOnTheSameStorageIsRefusedWhileOneRuns() {
    List<ErrorCode> codes = new ArrayList<>();
    List<Phase> phases = new ArrayList<>();
    RunOptions nosy =
        RunOptions.builder()
            .on(
                StorageEvent.StageStarted.class,
                event -> {
                  if (event.stage() == Stage.COPY) {
                    phases.add(engine.status(storage(), ONE).phase());
                    for (Runnable call :
                        List.<Runnable>of(
                            () -> engine.resume(storage(), ONE),
                            () -> engine.rollBack(back()),
                            () -> engine.reclaim(storage()))) {
                      try {
                        call.run();
                      } catch (StorageSdkException e) {
                        codes.add(e.code());
                      }
                    }
                  }
                })
            .build();
    engine.run(engine.plan(newDisk()), nosy);
    assertThat(phases).containsExactly(Phase.RUNNING);
    assertThat(codes)
        .containsExactly(ErrorCode.MOVE_RUNNING, ErrorCode.MOVE_RUNNING, ErrorCode.MOVE_RUNNING);
  }

  @Test
  void aMoveOfAnotherStoreIsNotMixedWithAnUnfinishedOne() {
    killAtCopy();
    MigrationRequest other =
        MigrationRequest.builder()
            .source(NixStore.ofRoot(folder))
            .instance(ONE)
            .storage(storage())
            .build();
    refused(ErrorCode.MOVE_UNFINISHED, () -> engine.run(engine.plan(other)));
    engine.rollBack(back());
    engine.run(engine.plan(other));
    assertThat(machine.committed).isTrue();
  }

  @Test
  void aJournalThatCameWithARenamedDiskIsForeign() throws IOException {
    killAtCopy();
    Path renamed = folder.resolve("renamed.vhdx");
    Files.move(file, renamed);
    Files.move(folder.resolve("disk.vhdx.nixwsl"), folder.resolve("renamed.vhdx.nixwsl"));
    refused(ErrorCode.JOURNAL_FOREIGN, () -> engine.resume(SharedStorage.onVhdx(renamed), ONE));
    refused(
        ErrorCode.JOURNAL_FOREIGN,
        () -> engine.rollBack(RollbackRequest.of(SharedStorage.onVhdx(renamed), ONE)));
  }

  @Test
  void aPlaceForJournalsThatOthersCanWriteToIsForeign() throws IOException {
    Path place = Files.createDirectory(folder.resolve("disk.vhdx.nixwsl"));
    Files.setAttribute(place, "unix:mode", 0777);
    refused(ErrorCode.JOURNAL_FOREIGN, () -> engine.run(engine.plan(newDisk())));
    assertThat(machine.changes).isEmpty();
  }

  @Test
  void aCommittedMoveIsTakenBackWithoutItsChangesOnlyIfTheyMayGo() throws IOException {
    MigrationRequest request = withSource();
    engine.run(engine.plan(request));
    UUID id = machine.tree.id.orElseThrow();
    machine.tree.users = List.of("an instance");
    refused(ErrorCode.STORAGE_BUSY, () -> engine.rollBack(back()));
    assertThat(engine.status(storage(), ONE).inUse()).isTrue();
    machine.tree.users = List.of();
    machine.tree.targetFingerprint = "changed";
    machine.mergeRefusals.add(Problem.of(ErrorCode.NO_SPACE, "Full.", "Make room."));
    refused(ErrorCode.NO_SPACE, () -> engine.rollBack(back()));
    refused(
        ErrorCode.NO_SPACE,
        () -> engine.rollBack(new RollbackRequest(storage(), ONE, Optional.of(UUID.randomUUID()))));
    assertThat(engine.status(storage(), ONE).phase()).isEqualTo(Phase.COMMITTED);
    Path database = request.source().database();
    Files.move(database, folder.resolve("aside"));
    refused(ErrorCode.NOT_A_STORE, () -> engine.rollBack(back()));
    Files.move(folder.resolve("aside"), database);
    assertThat(machine.tree.id).contains(id);
    RollbackReport report = engine.rollBack(new RollbackRequest(storage(), ONE, Optional.of(id)));
    assertThat(machine.tree.id).isEmpty();
    assertThat(report.trash()).isPresent();
    assertThat(report.broughtBack()).isEmpty();
    assertThat(machine.oldStore).isEqualTo("source");
    assertThat(report.diskDeleted()).as("something is in its trash").isFalse();
    assertThat(report.undone())
        .containsExactly(
            Stage.COMMIT, Stage.PROVE, Stage.STATE, Stage.COPY, Stage.ATTACH, Stage.DISK);
    assertThat(machine.tree.trash).hasSize(1);
    machine.mounted = true;
    assertThat(engine.reclaim(storage()).removed()).isEqualTo(report.trash().stream().toList());
  }

  private MigrationRequest withSource() throws IOException {
    NixStore source = NixStore.ofRoot(folder);
    Files.createDirectories(source.database().getParent());
    Files.writeString(source.database(), "rows");
    return MigrationRequest.builder()
        .source(source)
        .instance(ONE)
        .storage(storage())
        .createDisk(DiskSpec.ofSize(ByteSize.gibibytes(64)))
        .build();
  }

  @Test
  void whatTheMoveDidNotPutThereIsNotTakenBack() {
    killAtCopy();
    machine.tree.directory = StorageTree.Directory.FOREIGN;
    refused(ErrorCode.TARGET_NOT_EMPTY, () -> engine.rollBack(back()));
    assertThat(machine.tree.trash).isEmpty();
  }

  @Test
  void aCommittedMoveIsOnlyTidiedUpByAResume() {
    engine.run(engine.plan(withConfig()));
    int before = machine.changes.size();
    MigrationReport report = engine.resume(storage(), ONE);
    assertThat(machine.changes.subList(before, machine.changes.size())).containsOnly("mount");
    assertThat(report.copy().paths()).isEqualTo(10);
    assertThat(report.storageId()).isEqualTo(machine.tree.id.orElseThrow());
  }

  @Test
  void trashIsNotLookedForOnAStorageThatIsNotMounted() {
    refused(ErrorCode.NOT_MOUNTED, () -> engine.reclaim(storage()));
  }

  @Test
  void whereTheFilesAreOutOfReachTheStatusComesFromTheJournalAndSaysWhy() {
    engine.run(engine.plan(newDisk()));
    machine.mounted = true;
    machine.tree.outOfReach =
        Optional.of(Problem.of(ErrorCode.TOOL_MISSING, "There is no Java.", "Add one."));
    MigrationStatus status = engine.status(storage(), ONE);
    assertThat(status.phase()).isEqualTo(Phase.COMMITTED);
    assertThat(status.storageSeen()).isFalse();
    assertThat(status.notes()).anyMatch(note -> note.contains("There is no Java."));
  }

  @Test
  void anInstanceThatCannotBeReachedIsOneReasonToRefuseAndIsNotAskedAgain() {
    machine.badSource =
        Optional.of(Problem.of(ErrorCode.TOOL_MISSING, "There is no Java.", "Add one."));
    MigrationEngine unreachable =
        engine(
            new FakeFreeze() {
              @Override
              public boolean available(NixStore store) {
                throw new AssertionError("asked again");
              }
            });
    assertThat(unreachable.plan(newDisk()).refusals())
        .containsExactly(machine.badSource.orElseThrow());
  }

  @Test
  void eachCallWorksAtThePlaceOfItsInstance() {
    engine.run(engine.plan(newDisk()));
    engine.status(storage(), ONE);
    engine.rollBack(back());
    machine.mounted = true;
    engine.reclaim(storage());
    assertThat(opened)
        .containsExactly(
            Optional.of("one"),
            Optional.of("one"),
            Optional.of("one"),
            Optional.of("one"),
            Optional.empty());
  }

  @Test
  void theStoreStandsStillFromTheLastLookUntilAfterTheCommit() {
    FakeFreeze freeze = new FakeFreeze();
    MigrationEngine freezing = engine(freeze);
    freeze.lost = true;
    MigrationPlan plan = freezing.plan(withConfig());
    assertThat(plan.steps())
        .extracting(MigrationPlan.Step::stage)
        .containsSubsequence(Stage.COPY, Stage.FREEZE, Stage.STATE);
    refused(ErrorCode.STORE_CHANGED, () -> freezing.run(plan));
    assertThat(freeze.inForce).as("a failure thaws").isEmpty();
    assertThat(machine.committed).isFalse();
    freeze.lost = false;
    MigrationReport report = freezing.resume(storage(), ONE);
    assertThat(report.copy().notes()).anyMatch(note -> note.contains("stays frozen"));
    assertThat(freeze.calls).containsExactly("begin", "end", "begin", "keep");
    assertThat(freeze.inForce).as("after the commit it stays").isPresent();
    freezing.rollBack(back());
    assertThat(freeze.inForce).isEmpty();
  }

  @Test
  void aCommitThatArmsNothingIsFollowedByTheThaw() throws IOException {
    FakeFreeze freeze = new FakeFreeze();
    MigrationEngine freezing = engine(freeze);
    MigrationPlan plan = freezing.plan(newDisk());
    assertThat(plan.steps())
        .filteredOn(step -> step.stage() == Stage.FREEZE)
        .singleElement()
        .satisfies(step -> assertThat(step.text()).endsWith("until the commit"));
    MigrationReport report = freezing.run(plan);
    assertThat(report.copy().notes()).anyMatch(note -> note.contains("in use as before"));
    assertThat(freeze.calls).containsExactly("begin", "keep", "end");
    List<String> made = faults.made();
    for (int point = made.indexOf("write the id");
        point <= made.indexOf("journal: UNDONE FREEZE");
        point++) {
      killAfterTheCommitAndResume(point);
    }
  }

  private void killAfterTheCommitAndResume(int point) throws IOException {
    MoveTest other = new MoveTest();
    other.folder = Files.createDirectory(folder.resolve("killed-at-" + point));
    other.nameTheDisk();
    FakeFreeze freeze = new FakeFreeze();
    MigrationEngine freezing = other.engine(freeze);
    other.faults.killAt(point, true);
    assertThatThrownBy(() -> freezing.run(freezing.plan(other.newDisk())))
        .isInstanceOf(FaultPlan.Killed.class);
    other.faults.killNever();
    freezing.resume(other.storage(), ONE);
    assertThat(other.machine.committed).isTrue();
    assertThat(freeze.inForce).as("killed at %s", point).isEmpty();
  }
}
