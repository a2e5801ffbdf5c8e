package org.nixwsl.storage.core.migrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.platform.StorageTree;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.migrate.BroughtBack;
import org.nixwsl.storage.migrate.MigrationStatus;
import org.nixwsl.storage.migrate.RollbackReport;
import org.nixwsl.storage.migrate.RollbackRequest;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.store.StoreFinding;
import org.nixwsl.storage.store.Verdict;

/** What came to the storage after the commit comes back into the old store by a rollback. */
final class BringBackTest extends InstanceFixture {
  private static final BroughtBack BROUGHT = new BroughtBack(3, ByteSize.ofBytes(30));

  @Test
  void whatTheInstanceBuiltSinceItsRestartIsInTheOldStoreBeforeTheIdGoes() throws IOException {
    move();
    machine.tree.targetFingerprint = "built";
    machine.changes.clear();
    EventGrammar grammar = new EventGrammar();
    RollbackReport report =
        engine.rollBack(back(), RunOptions.builder().on(StorageEvent.class, grammar).build());
    grammar.check(StorageEvent.Completed.class);
    assertThat(grammar.succeeded()).startsWith(Stage.PREFLIGHT, Stage.BRING_BACK, Stage.RESTART);
    assertThat(report.broughtBack()).contains(BROUGHT);
    assertThat(machine.oldStore).isEqualTo("built");
    assertThat(machine.merging).isFalse();
    assertThat(instance.onStorage()).isFalse();
    assertThat(instance.system).isEqualTo(FakeInstance.OLD);
    assertThat(report.trash()).isPresent();
    assertThat(report.undone()).startsWith(Stage.RESTART, Stage.COMMIT);
    assertThat(views).as("it keeps mounts").contains("closed");
    assertThat(machine.changes)
        .containsSubsequence(
            "begin merge into /hidden/nix",
            "merge paths",
            "merge state",
            "merge proof",
            "merge end");
  }

  @Test
  void theOldStoreIsReachedBeneathTheOneThatRunsAndThatStandsStill() throws IOException {
    FakeFreeze freeze = new FakeFreeze();
    MigrationEngine freezing = engine(freeze);
    freezing.run(freezing.plan(whole()));
    freeze.inForce = Optional.empty(); // the instance ended
    freeze.calls.clear();
    machine.tree.targetFingerprint = "built";
    assertThat(freezing.rollBack(back()).broughtBack()).contains(BROUGHT);
    assertThat(machine.changes).contains("begin merge into /hidden/nix");
    assertThat(freeze.calls).startsWith("begin").doesNotHaveDuplicates();
  }

  /** A rescue boot: the instance runs from the old store, and what it built before is not there. */
  @Test
  void anOldStoreThatIsInUseIsKeptFromOthersByNixsOwnLockAndNotByAFreezeWhichHasThatLock()
      throws IOException {
    FakeFreeze freeze = new FakeFreeze();
    MigrationEngine freezing = engine(freeze);
    freezing.run(freezing.plan(whole()));
    instance.rescues = 1;
    bootByHand();
    freeze.inForce = Optional.empty();
    freeze.calls.clear();
    machine.tree.targetFingerprint = "built";
    assertThat(instance.onStorage()).isFalse();
    assertThat(freezing.rollBack(back()).broughtBack()).contains(BROUGHT);
    assertThat(freeze.calls).doesNotContain("begin");
    assertThat(machine.oldStore).isEqualTo("built");
  }

  @Test
  void anOldStoreThatWasReducedGetsItAllBackThoughNothingWasBuilt() throws IOException {
    move();
    machine.oldStore = "reduced";
    assertThat(engine.rollBack(back()).broughtBack()).contains(BROUGHT);
    assertThat(machine.oldStore).isEqualTo("source");
  }

  @Test
  void nothingIsBroughtWhereNothingChanged() throws IOException {
    move();
    assertThat(engine.rollBack(back()).broughtBack()).isEmpty();
    assertThat(machine.changes).noneMatch(change -> change.contains("merge"));
  }

  @Test
  void changesThatMayGoAreNotBrought() throws IOException {
    move();
    machine.tree.targetFingerprint = "built";
    RollbackReport report = engine.rollBack(new RollbackRequest(storage(), ONE, machine.tree.id));
    assertThat(report.broughtBack()).isEmpty();
    assertThat(machine.oldStore).isEqualTo("source");
    assertThat(instance.onStorage()).isFalse();
  }

  @Test
  void anOldStoreWithoutADatabaseIsNothingToGoBackTo() throws IOException {
    FakeFreeze freeze = new FakeFreeze();
    MigrationEngine freezing = engine(freeze);
    freezing.run(freezing.plan(whole()));
    freeze.inForce = Optional.empty();
    machine.tree.hiddenIsThere = false;
    Optional<UUID> id = machine.tree.id;
    fails(ErrorCode.NOT_A_STORE, () -> freezing.rollBack(back()));
    fails(ErrorCode.NOT_A_STORE, () -> freezing.rollBack(new RollbackRequest(storage(), ONE, id)));
    assertThat(instance.onStorage()).isTrue();
    assertThat(machine.tree.id).isEqualTo(id);
    assertThat(freeze.inForce).isEmpty();
  }

  @Test
  void whatStandsAgainstItIsFoundBeforeAnythingIsBegun() throws IOException {
    move();
    machine.tree.targetFingerprint = "built";
    machine.mergeRefusals.add(
        Problem.of(ErrorCode.NO_SPACE, "No room in /hidden/nix.", "Make room."));
    StorageSdkException e = fails(ErrorCode.NO_SPACE, () -> engine.rollBack(back()));
    assertThat(e.problem().message()).isEqualTo("No room in /nix. That is the old store.");
    assertThat(e.remedy()).startsWith("Make room.").contains("discardChangesSince");
    assertThat(status().phase()).isEqualTo(MigrationStatus.Phase.COMMITTED);
    assertThat(instance.onStorage()).isTrue();
    assertThat(machine.changes).noneMatch(change -> change.contains("merge"));
  }

  @Test
  void aStoreThatChangesMeanwhileIsBroughtOnceMore() throws IOException {
    move();
    machine.tree.targetFingerprint = "built";
    machine.changesWhileMerging = true;
    StorageSdkException e = fails(ErrorCode.STORE_CHANGED, () -> engine.rollBack(back()));
    assertThat(e.stateLeft()).isEqualTo(StateLeft.RESUMABLE);
    assertThat(instance.onStorage()).isTrue();
    assertThat(machine.tree.id).isPresent();
    assertThat(status().phase()).isEqualTo(MigrationStatus.Phase.ROLLING_BACK);
    assertThat(status().notes()).anyMatch(note -> note.contains("began to bring"));
    machine.changesWhileMerging = false;
    assertThat(engine.rollBack(back()).broughtBack()).contains(BROUGHT);
    assertThat(machine.oldStore).isEqualTo("built+");
  }

  @Test
  void aDamagedStoreIsNotBroughtBackAndCanBeGivenUp() throws IOException {
    move();
    Optional<UUID> id = machine.tree.id;
    machine.tree.targetFingerprint = "built";
    machine.mergeFindings.add(new StoreFinding("/nix/store/x", Verdict.MODIFIED, "rotten"));
    StorageSdkException e = fails(ErrorCode.SOURCE_DAMAGED, () -> engine.rollBack(back()));
    assertThat(e).hasMessageContaining("not brought back");
    assertThat(machine.oldStore).isEqualTo("source");
    assertThat(machine.merging).isTrue();
    engine.rollBack(new RollbackRequest(storage(), ONE, id));
    assertThat(machine.merging).as("what was left of it").isFalse();
    assertThat(machine.oldStore).isEqualTo("source");
    assertThat(instance.onStorage()).isFalse();
  }

  /** Without a freeze the instance writes until it is stopped. */
  @Test
  void whatIsWrittenBetweenTheLastLookAndTheStopIsBroughtByTheNextCall() throws IOException {
    for (String built : List.of("source", "built")) {
      BringBackTest other = fresh(built);
      other.move();
      other.machine.tree.targetFingerprint = built;
      other.instance.buildsAtTheLast = Optional.of("built at the last");
      StorageSdkException e =
          fails(ErrorCode.STORE_CHANGED, () -> other.engine.rollBack(other.back()));
      assertThat(e.stateLeft()).isEqualTo(StateLeft.RESUMABLE);
      assertThat(other.instance.onStorage()).isFalse();
      assertThat(other.machine.tree.trash).isEmpty();
      assertThat(other.status().phase()).isEqualTo(MigrationStatus.Phase.ROLLING_BACK);
      other.engine.rollBack(other.back());
      assertThat(other.machine.oldStore).isEqualTo("built at the last");
      assertThat(other.machine.tree.trash).hasSize(1);
    }
  }

  @Test
  void whatIsWrittenBeforeTheStopMayGoWithTheOtherChanges() throws IOException {
    move();
    instance.buildsAtTheLast = Optional.of("built at the last");
    engine.rollBack(new RollbackRequest(storage(), ONE, machine.tree.id));
    assertThat(machine.oldStore).isEqualTo("source");
    assertThat(machine.tree.trash).hasSize(1);
  }

  /** The paths of the call that was cut short are in the count already. */
  @Test
  void whatWasCountedIsNotCountedAgainByTheCallAfterAKill() throws IOException {
    move();
    machine.tree.targetFingerprint = "built";
    faults.killAt(changesOfARollback().indexOf("end the way back"), false);
    assertThatThrownBy(() -> engine.rollBack(back())).isInstanceOf(FaultPlan.Killed.class);
    faults.killNever();
    assertThat(machine.merging).isTrue();
    assertThat(status().broughtBack()).contains(BROUGHT);
    assertThat(status().notes()).noneMatch(note -> note.contains("began to bring"));
    machine.tree.targetFingerprint = "built since";
    machine.changes.clear();
    assertThat(engine.rollBack(back()).broughtBack())
        .contains(new BroughtBack(6, ByteSize.ofBytes(60)));
    assertThat(machine.changes)
        .containsSubsequence("drop merge", "begin merge into /hidden/nix", "merge end");
  }

  @Test
  void aSecondWayBackThatIsCutShortIsToldOfAndWhatWasBroughtIsNotReportedWhereItMayGo()
      throws IOException {
    move();
    Optional<UUID> id = machine.tree.id;
    machine.tree.targetFingerprint = "built";
    instance.stopFails = true;
    fails(ErrorCode.WSL_FAILED, () -> engine.rollBack(back()));
    instance.stopFails = false;
    assertThat(status().notes()).noneMatch(note -> note.contains("began to bring"));
    machine.changesWhileMerging = true;
    machine.tree.targetFingerprint = "built since";
    fails(ErrorCode.STORE_CHANGED, () -> engine.rollBack(back()));
    assertThat(status().notes()).anyMatch(note -> note.contains("began to bring"));
    assertThat(engine.rollBack(new RollbackRequest(storage(), ONE, id)).broughtBack()).isEmpty();
    assertThat(machine.merging).isFalse();
  }

  private List<String> changesOfARollback() throws IOException {
    BringBackTest other = fresh("other");
    other.move();
    other.machine.tree.targetFingerprint = "built";
    other.faults.killNever();
    other.engine.rollBack(other.back());
    return other.faults.made();
  }

  private BringBackTest fresh(String name) throws IOException {
    BringBackTest other = new BringBackTest();
    other.folder = Files.createDirectory(folder.resolve(name));
    other.nameTheDisk();
    return other;
  }

  /** Such a directory looks unfinished, and a boot takes it. */
  @Test
  void whatWasBuiltAfterACommitThatWasKilledBeforeItsTidyingIsBroughtBack() throws IOException {
    moveIsKilledAtTheId(true);
    bootByHand();
    assertThat(instance.onStorage()).isTrue();
    machine.tree.targetFingerprint = "built";
    assertThat(engine.rollBack(back()).broughtBack()).contains(BROUGHT);
    assertThat(machine.oldStore).isEqualTo("built");
    assertThat(instance.onStorage()).isFalse();
  }

  @Test
  void whatIsBuiltInItAfterARollbackThatFailedIsBroughtBackToo() throws IOException {
    moveIsKilledAtTheId(true);
    bootByHand();
    machine.tree.targetFingerprint = "built";
    instance.stopFails = true;
    fails(ErrorCode.WSL_FAILED, () -> engine.rollBack(back()));
    assertThat(machine.tree.id).isEmpty();
    instance.stopFails = false;
    machine.tree.targetFingerprint = "built since";
    engine.rollBack(back());
    assertThat(machine.oldStore).isEqualTo("built since");
  }

  /** The id was never there, so that nobody used the copy; the old store went on meanwhile. */
  @Test
  void aCopyThatWasNeverCommittedIsNotBroughtBack() throws IOException {
    moveIsKilledAtTheId(false);
    machine.oldStore = "went on";
    assertThat(engine.rollBack(back()).broughtBack()).isEmpty();
    assertThat(machine.oldStore).isEqualTo("went on");
  }

  /** Between the id and the tidying, or right before the id. */
  private void moveIsKilledAtTheId(boolean after) throws IOException {
    BringBackTest other = fresh("other");
    other.move();
    machine.commitIsCutShort = true;
    faults.killAt(other.faults.made().indexOf("write the id"), after);
    assertThatThrownBy(this::move).isInstanceOf(FaultPlan.Killed.class);
    faults.killNever();
    assertThat(machine.tree.id.isPresent()).isEqualTo(after);
    assertThat(machine.tree.directory).isEqualTo(StorageTree.Directory.UNFINISHED);
  }

  private void bootByHand() {
    Operation.quiet(
        "restart",
        operation -> {
          instance.terminate(operation);
          instance.start(operation);
          return true;
        });
  }

  /** The first rollback brought it and removed the id, and the instance went on on the storage. */
  @Test
  void whatTheInstanceBuildsAfterARollbackThatFailedIsBroughtToo() throws IOException {
    move();
    machine.tree.targetFingerprint = "built";
    instance.stopFails = true;
    fails(ErrorCode.WSL_FAILED, () -> engine.rollBack(back()));
    assertThat(machine.tree.id).isEmpty();
    assertThat(status().broughtBack()).contains(BROUGHT);
    assertThat(instance.onStorage()).isTrue();
    instance.stopFails = false;
    machine.tree.targetFingerprint = "built since";
    assertThat(engine.rollBack(back()).broughtBack())
        .contains(new BroughtBack(6, ByteSize.ofBytes(60)));
    assertThat(machine.oldStore).isEqualTo("built since");
    assertThat(machine.tree.trash).hasSize(1);
  }

  /** From inside the machine that runs on the store nothing leads beneath it. */
  @Test
  void withoutAWayToTheOldStoreChangesAreRefused() throws IOException {
    FakeFreeze freeze = new FakeFreeze();
    MigrationEngine freezing = engine(freeze);
    freezing.run(freezing.plan(whole()));
    freeze.inForce = Optional.empty();
    hasView = false;
    machine.tree.targetFingerprint = "built";
    fails(ErrorCode.CHANGED_SINCE_COMMIT, () -> freezing.rollBack(back()));
    assertThat(instance.onStorage()).isTrue();
    assertThat(List.of(machine.oldStore)).containsExactly("source");
  }

  /** A rescue boot, from inside the machine, with nothing built on the storage. */
  @Test
  void withoutAWayToAnOldStoreThatWasReducedItIsNotMadeDoWith() throws IOException {
    FakeFreeze freeze = new FakeFreeze();
    MigrationEngine freezing = engine(freeze);
    freezing.run(freezing.plan(whole()));
    instance.rescues = 1;
    bootByHand();
    freeze.inForce = Optional.empty();
    hasView = false;
    instance.controllable = false;
    machine.oldStore = "reduced";
    StorageSdkException e = fails(ErrorCode.CHANGED_SINCE_COMMIT, () -> freezing.rollBack(back()));
    assertThat(e).hasMessageContaining("has lost");
    assertThat(machine.tree.trash).isEmpty();
  }

  private MigrationStatus status() {
    return engine.status(storage(), ONE);
  }
}
