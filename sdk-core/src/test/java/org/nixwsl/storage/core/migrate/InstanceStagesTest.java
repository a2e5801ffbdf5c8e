package org.nixwsl.storage.core.migrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
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
import org.nixwsl.storage.mount.InstanceName;

/** The stages that work on the instance itself: its system, its task at logon, its restart. */
final class InstanceStagesTest extends InstanceFixture {
  @Test
  void theInstanceIsSwitchedThenCopiedThenRestartedOnTheStorage() throws IOException {
    machine.hasTasks = true;
    MigrationPlan plan = engine.plan(whole());
    assertThat(plan.refusals()).isEmpty();
    MigrationReport report = engine.run(plan, options);
    List<Stage> stages =
        List.of(
            Stage.PREFLIGHT,
            Stage.DISK,
            Stage.ATTACH,
            Stage.CONFIG,
            Stage.SWITCH,
            Stage.COPY,
            Stage.PERSIST,
            Stage.STATE,
            Stage.PROVE,
            Stage.COMMIT,
            Stage.RESTART);
    assertThat(plan.steps()).extracting(MigrationPlan.Step::stage).isEqualTo(stages);
    assertThat(report.stages())
        .extracting(MigrationReport.StageTime::stage)
        .isEqualTo(stages)
        .isEqualTo(events.succeeded());
    assertThat(report.restartTime()).isPresent();
    assertThat(report.downtime()).as("nothing was frozen").isEmpty();
    assertThat(instance.onStorage()).isTrue();
    assertThat(instance.calls).contains("enter NixOS").containsSubsequence("stop", "start");
    assertThat(machine.tasks.installed).contains(COMMAND);
    assertThat(engine.status(storage(), ONE).phase()).isEqualTo(Phase.COMMITTED);
  }

  @Test
  void whatNeedsAConfigurationOrKeepsTheDiskIsNotMixed() {
    assertThatIllegalArgumentException().isThrownBy(() -> base(ONE).restart(true).build());
    assertThatIllegalArgumentException().isThrownBy(() -> base(ONE).switchSystem(true).build());
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> base(ONE).configDirectory(folder).restart(true).detachAtEnd(true).build());
  }

  @Test
  void aRestartIsRefusedWhereNoneCanBeDone() throws IOException {
    instance.controllable = false;
    MigrationPlan plan = engine.plan(whole());
    assertThat(plan.refusals())
        .extracting(Problem::code)
        .containsExactly(ErrorCode.UNSUPPORTED_PLATFORM);
    fails(ErrorCode.UNSUPPORTED_PLATFORM, () -> engine.run(plan));
    assertThat(machine.changes).isEmpty();
  }

  @Test
  void withoutSuchTasksTheMoveGoesOnWithoutOne() throws IOException {
    MigrationPlan plan = engine.plan(whole());
    assertThat(plan.steps()).extracting(MigrationPlan.Step::stage).doesNotContain(Stage.PERSIST);
    assertThat(plan.notes()).isEmpty();
    MigrationReport report = engine.run(plan);
    assertThat(report.copy().notes()).anyMatch(note -> note.contains("No task will attach"));
    assertThat(instance.onStorage()).isTrue();
  }

  @Test
  void withoutTheProgramForTasksPlanAndReportSayThatThereIsNone() throws IOException {
    machine.hasTasks = true;
    machine.tasks.broken =
        Optional.of(Problem.of(ErrorCode.TOOL_MISSING, "There is no schtasks.", "None."));
    MigrationPlan plan = engine.plan(whole());
    assertThat(plan.refusals()).isEmpty();
    assertThat(plan.notes()).anyMatch(note -> note.contains("There is no schtasks."));
    MigrationReport report = engine.run(plan);
    assertThat(report.copy().notes()).anyMatch(note -> note.contains("There is no schtasks."));
    assertThat(instance.onStorage()).isTrue();
  }

  @Test
  void aTaskThatCannotBeAskedForIsNotLeftOutUnsaid() throws IOException {
    machine.hasTasks = true;
    machine.tasks.broken =
        Optional.of(Problem.of(ErrorCode.COMMAND_FAILED, "The scheduler is busy.", "Again."));
    assertThat(engine.plan(whole()).refusals())
        .extracting(Problem::code)
        .containsExactly(ErrorCode.COMMAND_FAILED);
    machine.tasks.succeedsBefore = 2; // the plan, and the look before the first stage
    StorageSdkException e = fails(ErrorCode.COMMAND_FAILED, this::move);
    assertThat(e.stateLeft()).isEqualTo(StateLeft.RESUMABLE);
    assertThat(machine.committed).isFalse();
    assertThat(engine.status(storage(), ONE).failure().orElseThrow().stage())
        .isEqualTo(Stage.PERSIST);
    machine.tasks.broken = Optional.empty();
    engine.resume(storage(), ONE);
    assertThat(machine.tasks.installed).contains(COMMAND);
    assertThat(instance.onStorage()).isTrue();
  }

  @Test
  void aTaskThatWasThereBeforeStaysAndIsLeftAsItIs() throws IOException {
    machine.hasTasks = true;
    machine.tasks.installed = Optional.of(List.of("other"));
    move();
    assertThat(machine.tasks.installed).contains(List.of("other"));
    engine.rollBack(back());
    assertThat(machine.tasks.installed).contains(List.of("other"));
  }

  @Test
  void aTaskThatIsSwitchedOffIsReplaced() throws IOException {
    machine.hasTasks = true;
    machine.tasks.installed = Optional.of(List.of("other"));
    machine.tasks.enabled = false;
    move();
    assertThat(machine.tasks.installed).contains(COMMAND);
    assertThat(machine.tasks.enabled).isTrue();
  }

  @Test
  void theTaskStaysUntilTheLastInstanceThatNeedsItIsTakenBack() {
    machine.hasTasks = true;
    InstanceName two = InstanceName.of("two");
    engine.run(engine.plan(base(ONE).addAllLogonCommand(COMMAND).build()));
    machine.otherDirectory();
    engine.run(engine.plan(base(two).addAllLogonCommand(COMMAND).build()));
    RollbackReport report = engine.rollBack(RollbackRequest.of(storage(), two));
    assertThat(report.notes()).anyMatch(note -> note.contains("another instance"));
    assertThat(machine.tasks.installed).contains(COMMAND);
    machine.otherDirectory();
    engine.rollBack(new RollbackRequest(storage(), ONE, engine.status(storage(), ONE).storageId()));
    assertThat(machine.tasks.installed).isEmpty();
  }

  @Test
  void aSwitchThatFailsIsToldWithItsWordsAndTakenUp() throws IOException {
    instance.switchFails = true;
    StorageSdkException e = fails(ErrorCode.SWITCH_FAILED, this::move);
    assertThat(e.getMessage()).contains("undefined variable 'lunch'");
    assertThat(e.stateLeft()).isEqualTo(StateLeft.RESUMABLE);
    assertThat(machine.changes).doesNotContain("paths");
    assertThat(instance.system).isEqualTo(FakeInstance.OLD);
    instance.switchFails = false;
    engine.resume(storage(), ONE);
    assertThat(instance.onStorage()).isTrue();
  }

  @Test
  void aSystemThatSomebodySwitchedBackSinceIsSwitchedAgain() throws IOException {
    machine.failAt = 3; // the copy, after the switch
    fails(ErrorCode.IO_FAILED, this::move);
    machine.failAt = -1;
    instance.system = FakeInstance.OLD;
    instance.hook = Optional.empty();
    engine.resume(storage(), ONE);
    assertThat(instance.onStorage()).isTrue();
    engine.rollBack(back());
    assertThat(instance.system).isEqualTo(FakeInstance.OLD);
  }

  /** Its journal would have no word for what is asked now. */
  @Test
  void aMoveThatWasBegunIsNotTakenUpToDoMoreWithTheInstance() throws IOException {
    machine.failAt = 3;
    fails(ErrorCode.IO_FAILED, this::move);
    machine.failAt = -1;
    MigrationRequest noRestart =
        base(ONE)
            .configDirectory(folder.resolve("etc/nixos"))
            .distribution("NixOS")
            .switchSystem(true)
            .addAllLogonCommand(COMMAND)
            .build();
    fails(ErrorCode.MOVE_UNFINISHED, () -> engine.run(engine.plan(noRestart)));
    move();
    assertThat(instance.onStorage()).isTrue();
  }
}
