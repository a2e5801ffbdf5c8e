package org.nixwsl.storage.core.migrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.migrate.MigrationPlan;
import org.nixwsl.storage.migrate.MigrationReport;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.MigrationStatus.Phase;
import org.nixwsl.storage.migrate.RollbackReport;
import org.nixwsl.storage.migrate.RollbackRequest;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.BootState.Decision;

/** The restart of the instance after the commit, and the way back from it. */
final class RestartStageTest extends InstanceFixture {
  @Test
  void anInstanceWithoutTheHookIsNotRestartedAndTheMoveIsTakenUpAfterASwitchByHand()
      throws IOException {
    MigrationRequest request =
        base(ONE)
            .configDirectory(Files.createDirectories(folder.resolve("etc/nixos")))
            .restart(true)
            .build();
    MigrationPlan plan = engine.plan(request);
    assertThat(plan.notes()).anyMatch(note -> note.contains("switch it by hand"));
    StorageSdkException e = fails(ErrorCode.SWITCH_FAILED, () -> engine.run(plan));
    assertThat(e.stateLeft()).isEqualTo(StateLeft.RESUMABLE);
    assertThat(machine.changes).doesNotContain("paths", "commit");
    assertThat(instance.calls).doesNotContain("stop");
    instance.hook = config.module;
    engine.resume(storage(), ONE);
    assertThat(instance.onStorage()).isTrue();
  }

  @Test
  void aBootThatEndsInRescueOnceIsTriedAgainWithTheDiskAttached() throws IOException {
    instance.rescues = 1;
    move();
    assertThat(instance.onStorage()).isTrue();
    assertThat(instance.calls).containsSubsequence("stop", "start", "stop", "start");
    assertThat(machine.changes).endsWith("mount");
  }

  @Test
  void anInstanceThatDoesNotComeUpGoesOnWithTheOldStoreAndTheMoveIsTakenUp() throws IOException {
    instance.rescues = 2;
    StorageSdkException e = fails(ErrorCode.RESTART_FAILED, this::move);
    assertThat(e.getMessage()).contains("seed older than disk");
    assertThat(e.stateLeft()).isEqualTo(StateLeft.RESUMABLE);
    assertThat(machine.tree.id).isEmpty();
    assertThat(machine.tree.armed).isEmpty();
    assertThat(instance.boot.orElseThrow().decision()).isEqualTo(Decision.UNARMED);
    assertThat(machine.mounted).isTrue();
    assertThat(engine.status(storage(), ONE).phase()).isEqualTo(Phase.UNFINISHED);
    machine.changes.clear();
    engine.resume(storage(), ONE);
    assertThat(machine.changes).contains("begin update /fake/mount/one", "commit");
    assertThat(machine.tree.snapshots)
        .as("kept before each step that changes a store, or lets an instance change it")
        .hasSize(3)
        .element(1)
        .isEqualTo("before-update of STORE");
    assertThat(machine.tree.snapshots.get(0)).startsWith("proven").doesNotContain("in use");
    assertThat(machine.tree.snapshots.get(2)).startsWith("proven").doesNotContain("in use");
    assertThat(instance.onStorage()).isTrue();
  }

  @Test
  void aBootFromTheDirectoryOfAnotherMoveProvesNothing() throws IOException {
    instance.bootsFromAnother = true;
    StorageSdkException e = fails(ErrorCode.RESTART_FAILED, this::move);
    assertThat(e.getMessage()).contains("it runs from /fake/mount/one");
    assertThat(machine.tree.id).isEmpty();
  }

  @Test
  void anInstanceThatDoesNotStartAtAllIsSaidToNeedCare() throws IOException {
    instance.startFails = true;
    StorageSdkException e = fails(ErrorCode.RESTART_FAILED, this::move);
    assertThat(e.stateLeft()).isEqualTo(StateLeft.NEEDS_CLEANUP);
    assertThat(machine.tree.armed).as("disarmed all the same").isEmpty();
  }

  @Test
  void aStartWhoseAnswerIsLostIsNotTakenBackIfTheInstanceRunsFromTheStorage() throws IOException {
    instance.answersAreLost = true;
    move();
    assertThat(instance.onStorage()).isTrue();
    assertThat(machine.tree.id).isPresent();
  }

  @Test
  void theCommitStaysIfItCannotBeLearnedWhatTheInstanceRunsFrom() throws IOException {
    instance.cannotBeAsked = true;
    StorageSdkException e = fails(ErrorCode.RESTART_FAILED, this::move);
    assertThat(e.getMessage()).contains("cannot be learned");
    assertThat(e.stateLeft()).isEqualTo(StateLeft.RESUMABLE);
    assertThat(machine.tree.id).isPresent();
    assertThat(machine.tree.armed).isNotEmpty();
    instance.cannotBeAsked = false;
    engine.resume(storage(), ONE);
    assertThat(instance.onStorage()).isTrue();
  }

  @Test
  void anInstanceThatStillRunsFromTheStorageIsNotSaidToGoOnWithTheOldStore() throws IOException {
    instance.rescues = 2;
    instance.takesTheStorageAnyway = true;
    StorageSdkException e = fails(ErrorCode.RESTART_FAILED, this::move);
    assertThat(e.stateLeft()).isEqualTo(StateLeft.NEEDS_CLEANUP);
    assertThat(e.getMessage()).contains("could not be brought back");
    fails(ErrorCode.STORAGE_BUSY, () -> engine.rollBack(back()));
    assertThat(machine.tree.trash).isEmpty();
  }

  @Test
  void aCommitIsTakenBackIfTheOldStoreWentOnBeforeTheRestart() throws IOException {
    faults.killAt(changesUntil("write the id"), true);
    assertThatThrownBy(this::move).isInstanceOf(FaultPlan.Killed.class);
    faults.killNever();
    machine.tree.sourceFingerprint = "newer";
    engine.resume(storage(), ONE);
    assertThat(machine.changes).contains("begin update /fake/mount/one");
    assertThat(instance.onStorage()).isTrue();
    machine.tree.targetFingerprint = "newer";
    engine.rollBack(back());
    assertThat(instance.onStorage()).isFalse();
  }

  /**
   * Nothing runs and nothing is attached; the disk comes by the task at logon, or by the resume.
   */
  @Test
  void aRestartOfWindowsBetweenCommitAndRestartIsTheRestart() throws IOException {
    for (boolean loggedOn : List.of(false, true)) {
      RestartStageTest other = new RestartStageTest();
      other.folder = Files.createDirectory(folder.resolve("loggedOn-" + loggedOn));
      other.nameTheDisk();
      other.faults.killAt(changesUntil("write the id", "first-" + loggedOn), true);
      assertThatThrownBy(other::move).isInstanceOf(FaultPlan.Killed.class);
      other.faults.killNever();
      other.instance.running = false;
      other.instance.boot = Optional.empty();
      other.machine.mounted = loggedOn;
      other.instance.calls.clear();
      other.engine.resume(other.storage(), ONE);
      assertThat(other.instance.onStorage()).isTrue();
      assertThat(other.instance.calls).as("one start is enough").doesNotContain("stop");
      assertThat(other.engine.status(other.storage(), ONE).phase()).isEqualTo(Phase.COMMITTED);
    }
  }

  /** Somebody entered the instance before the disk was attached: its hook found no disk. */
  @Test
  void anInstanceThatBootedInRescueMeanwhileIsRestartedByTheResume() throws IOException {
    faults.killAt(changesUntil("write the id"), true);
    assertThatThrownBy(this::move).isInstanceOf(FaultPlan.Killed.class);
    faults.killNever();
    instance.running = false;
    machine.mounted = false;
    Operation.quiet(
        "by hand",
        operation -> {
          instance.start(operation);
          return true;
        });
    assertThat(instance.boot.orElseThrow().decision()).isEqualTo(Decision.RESCUE);
    engine.resume(storage(), ONE);
    assertThat(instance.onStorage()).isTrue();
    assertThat(machine.tree.id).isPresent();
  }

  @Test
  void aMoveThatWasKilledWhileItsCommitWasTakenBackIsTakenUpByARunToo() throws IOException {
    instance.rescues = 2;
    faults.killAt(changesUntilTakenBack("remove the id"), true);
    assertThatThrownBy(this::move).isInstanceOf(FaultPlan.Killed.class);
    faults.killNever();
    assertThat(machine.tree.id).isEmpty();
    instance.rescues = 0;
    move();
    assertThat(machine.changes).contains("begin update /fake/mount/one");
    assertThat(instance.onStorage()).isTrue();
  }

  private int changesUntilTakenBack(String change) throws IOException {
    RestartStageTest other = new RestartStageTest();
    other.folder = Files.createDirectory(folder.resolve("other"));
    other.nameTheDisk();
    other.instance.rescues = 2;
    other.fails(ErrorCode.RESTART_FAILED, other::move);
    return other.faults.made().indexOf(change);
  }

  private int changesUntil(String change) throws IOException {
    return changesUntil(change, "other");
  }

  private int changesUntil(String change, String directory) throws IOException {
    RestartStageTest other = new RestartStageTest();
    other.folder = Files.createDirectory(folder.resolve(directory));
    other.nameTheDisk();
    other.move();
    return other.faults.made().indexOf(change);
  }

  @Test
  void aMoveThatWasRestartedIsTakenBackByAnotherRestart() throws IOException {
    machine.hasTasks = true;
    move();
    RollbackReport report = engine.rollBack(back());
    assertThat(report.undone())
        .containsExactly(
            Stage.RESTART,
            Stage.COMMIT,
            Stage.PROVE,
            Stage.STATE,
            Stage.PERSIST,
            Stage.COPY,
            Stage.SWITCH,
            Stage.CONFIG,
            Stage.ATTACH,
            Stage.DISK);
    assertThat(instance.running).isTrue();
    assertThat(instance.onStorage()).isFalse();
    assertThat(instance.system).isEqualTo(FakeInstance.OLD);
    assertThat(machine.tasks.installed).isEmpty();
    assertThat(report.trash()).isPresent();
  }

  @Test
  void anInstanceThatWasRestartedByHandIsTakenBackByARestartToo() throws IOException {
    MigrationRequest request =
        base(ONE)
            .configDirectory(Files.createDirectories(folder.resolve("etc/nixos")))
            .switchSystem(true)
            .build();
    engine.run(engine.plan(request));
    assertThat(instance.calls).doesNotContain("stop").contains("enter one");
    Operation.quiet(
        "by hand",
        operation -> {
          instance.terminate(operation);
          instance.start(operation);
          return true;
        });
    assertThat(instance.onStorage()).isTrue();
    assertThat(engine.rollBack(back()).undone()).startsWith(Stage.RESTART, Stage.COMMIT);
    assertThat(instance.onStorage()).isFalse();
    assertThat(instance.system).isEqualTo(FakeInstance.OLD);
  }

  @Test
  void aDirectoryThatAnotherInstanceUsesAsWellIsNotPutIntoTheTrash() throws IOException {
    move();
    instance.others = List.of("another instance");
    assertThat(fails(ErrorCode.STORAGE_BUSY, () -> engine.rollBack(back())).getMessage())
        .contains("another instance");
    assertThat(machine.tree.trash).isEmpty();
    assertThat(instance.onStorage()).isFalse();
    instance.others = List.of();
    machine.tree.users = List.of();
    assertThat(engine.rollBack(back()).trash()).isPresent();
  }

  @Test
  void theStoreOfARunningInstanceStandsStillWhileItsRollbackLooksAtIt() throws IOException {
    FakeFreeze freeze = new FakeFreeze();
    MigrationEngine freezing = engine(freeze);
    MigrationReport report = freezing.run(freezing.plan(whole()));
    assertThat(report.downtime()).isPresent();
    assertThat(report.copy().notes()).as("it was restarted").noneMatch(n -> n.contains("frozen"));
    freeze.inForce = Optional.empty(); // the instance ended
    freeze.calls.clear();
    machine.mergeRefusals.add(Problem.of(ErrorCode.NO_SPACE, "Full.", "Make room."));
    machine.tree.targetFingerprint = "changed";
    fails(ErrorCode.NO_SPACE, () -> freezing.rollBack(back()));
    assertThat(freeze.calls).containsExactly("begin", "end");
    machine.tree.targetFingerprint = "source";
    instance.startFails = true;
    fails(ErrorCode.WSL_FAILED, () -> freezing.rollBack(back()));
    assertThat(freeze.inForce).as("a rollback that fails thaws").isEmpty();
    instance.startFails = false;
    freezing.rollBack(back());
    assertThat(instance.onStorage()).isFalse();
  }

  /** It discards nothing: the store has to stand still while it is looked at. */
  @Test
  void anIdOfAnotherMoveDoesNotKeepARollbackFromFreezing() throws IOException {
    FakeFreeze freeze = new FakeFreeze();
    MigrationEngine freezing = engine(freeze);
    freezing.run(freezing.plan(whole()));
    freeze.inForce = Optional.empty(); // the instance ended
    freeze.calls.clear();
    freezing.rollBack(new RollbackRequest(storage(), ONE, Optional.of(UUID.randomUUID())));
    assertThat(freeze.calls).startsWith("begin");
  }

  @Test
  void aLeaseThatSomebodyHoldsKeepsTheInstanceFromBeingStartedOnTheStorage() throws IOException {
    instance.leaseHeld = true;
    StorageSdkException e = fails(ErrorCode.STORAGE_BUSY, this::move);
    assertThat(e.stateLeft()).isEqualTo(StateLeft.RESUMABLE);
    assertThat(instance.running).isFalse();
    instance.leaseHeld = false;
    engine.resume(storage(), ONE);
    assertThat(instance.onStorage()).isTrue();
  }

  @Test
  void aMoveThatWaitsForItsRestartSaysSo() throws IOException {
    instance.leaseHeld = true;
    fails(ErrorCode.STORAGE_BUSY, this::move);
    assertThat(engine.status(storage(), ONE).notes()).anyMatch(note -> note.contains("restart"));
  }
}
