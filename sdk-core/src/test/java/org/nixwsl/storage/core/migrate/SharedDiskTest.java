package org.nixwsl.storage.core.migrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
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
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.migrate.MigrationPlan;
import org.nixwsl.storage.migrate.MigrationReport;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.RollbackReport;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.store.NixStore;

/** Several instances on one disk: none pulls it from under another, or takes what is another's. */
final class SharedDiskTest extends MoveFixture {
  /** A store of an instance that goes on is not even tidied. */
  @Test
  void aStoreOfAnotherInstanceIsSaidToBeThatBeforeAnythingIsDoneWithIt() throws IOException {
    machine.formatted = true;
    machine.tree.directory = StorageTree.Directory.STORE;
    machine.tree.id = Optional.of(UUID.randomUUID());
    machine.tree.owner = Optional.of("another root disk");
    MigrationPlan plan = engine.plan(existingDisk());
    refused(ErrorCode.OTHER_OWNER, () -> engine.run(plan));
  }

  @Test
  void theDirectoryOfAnotherInstanceIsRefusedInThePlanAndLater() throws IOException {
    machine.mounted = true;
    machine.formatted = true;
    MigrationRequest request = existingDisk();
    MigrationPlan plan = engine.plan(request);
    machine.tree.owner = Optional.of("another-root-disk");
    assertThat(engine.plan(request).refusals())
        .extracting(Problem::code)
        .containsExactly(ErrorCode.OTHER_OWNER);
    refused(ErrorCode.OTHER_OWNER, () -> engine.run(plan));
    // A root disk that cannot be told is not taken for the right one.
    machine.tree.us = Optional.empty();
    refused(ErrorCode.OTHER_OWNER, () -> engine.run(plan));
    machine.mounted = false;
    refused(ErrorCode.OTHER_OWNER, () -> engine.run(engine.plan(request)));
    machine.tree.us = machine.tree.owner;
    engine.run(engine.plan(request));
    engine.rollBack(back());
    assertThat(machine.tree.owner).as("was there before").contains("another-root-disk");
  }

  @Test
  void severalInstancesShareTheDiskAndItsAttachment() {
    List<MigrationPlan> plans =
        List.of(
            engine.plan(newDisk()),
            engine.plan(
                MigrationRequest.builder()
                    .source(NixStore.ofRoot(folder))
                    .instance(InstanceName.of("two"))
                    .storage(storage())
                    .createDisk(DiskSpec.ofSize(ByteSize.gibibytes(64)))
                    .build()));
    // The fake has one directory: it is another one for the second instance.
    RunOptions next =
        RunOptions.builder()
            .on(StorageEvent.Completed.class, event -> machine.otherDirectory())
            .build();
    List<MigrationReport> reports = engine.runAll(plans, next);
    assertThat(reports)
        .extracting(report -> report.instance().value())
        .containsExactly("one", "two");
    assertThat(machine.changes)
        .containsOnlyOnce("create", "format and mount", "unmount")
        .containsSubsequence("begin /fake/mount/one", "begin /fake/mount/two", "unmount");
    assertThatThrownBy(() -> engine.runAll(List.of(plans.get(0), plans.get(0))))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> engine.runAll(List.of())).isInstanceOf(IllegalArgumentException.class);
  }

  private void moveToANewDisk() {
    engine.run(
        engine.plan(
            request()
                .storage(storage())
                .createDisk(DiskSpec.ofSize(ByteSize.gibibytes(64)))
                .build()));
  }

  @Test
  void theStorageStaysAttachedForTheInstanceThatWasMovedAfterTheOneThatIsTakenBack() {
    moveToANewDisk();
    StorageTree.Directory first = machine.tree.directory;
    Optional<UUID> id = machine.tree.id;
    machine.otherDirectory();
    engine.run(
        engine.plan(
            MigrationRequest.builder()
                .source(NixStore.ofRoot(folder))
                .instance(InstanceName.of("two"))
                .storage(storage())
                .build()));
    machine.tree.directory = first;
    machine.tree.id = id;
    RollbackReport report = engine.rollBack(back());
    assertThat(machine.mounted).isTrue();
    assertThat(report.diskDeleted()).isFalse();
    assertThat(report.notes()).anyMatch(note -> note.contains("stays attached"));
    refused(ErrorCode.MOVE_NOT_FOUND, () -> engine.rollBack(back()));
  }

  @Test
  void theStorageStaysAttachedWhereTheRegisterHasAnotherInstance() {
    moveToANewDisk();
    machine.tree.owners = List.of("one", "two");
    RollbackReport report = engine.rollBack(back());
    assertThat(machine.mounted).isTrue();
    assertThat(report.notes()).anyMatch(note -> note.contains("stays attached"));
  }

  @Test
  void aRollbackEndsAlsoWhereSomebodyKeepsTheDisk() {
    killAtCopy();
    machine.unmountFails = true;
    RollbackReport report = engine.rollBack(back());
    assertThat(report.notes()).anyMatch(note -> note.contains("stays attached"));
    refused(ErrorCode.MOVE_NOT_FOUND, () -> engine.rollBack(back()));
  }
}
