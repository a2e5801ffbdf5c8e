package org.nixwsl.storage.core.migrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.AnnotatedElementContext;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.io.TempDirFactory;
import org.nixwsl.storage.core.platform.StorageTree;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.migrate.MigrationReport;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.MigrationStatus;
import org.nixwsl.storage.migrate.MigrationStatus.Phase;
import org.nixwsl.storage.migrate.RollbackReport;
import org.nixwsl.storage.migrate.RollbackRequest;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.store.NixStore;

/**
 * The process is killed before and after each change of a move to a new disk, and before and after
 * each change of what follows; then the move is taken up, or taken back.
 */
final class CrashMatrixTest {
  private static final InstanceName INSTANCE = InstanceName.of("one");

  @TempDir(factory = InMemory.class)
  private Path folder = Path.of("/");

  /** What an undisturbed move changes. */
  private List<String> changes = List.of();

  /** Thousands of journal lines are forced: on a tmpfs that costs nothing. */
  private static final class InMemory implements TempDirFactory {
    @Override
    public Path createTempDirectory(AnnotatedElementContext element, ExtensionContext context)
        throws IOException {
      Path memory = Path.of("/dev/shm");
      return Files.isWritable(memory)
          ? Files.createTempDirectory(memory, "nixwsl-test-")
          : Files.createTempDirectory("nixwsl-test-");
    }
  }

  /** One machine with a new disk, and the move of one store to it. */
  private final class World extends MigrationFixture {
    private final SharedStorage storage;
    private final MigrationRequest request;

    World(String name) throws Exception {
      folder = Files.createDirectory(CrashMatrixTest.this.folder.resolve(name));
      file = folder.resolve("disk.vhdx");
      Path etc = Files.createDirectories(folder.resolve("etc/nixos"));
      storage = SharedStorage.onVhdx(file);
      request =
          MigrationRequest.builder()
              .source(NixStore.ofRoot(Path.of("/")))
              .instance(INSTANCE)
              .storage(storage)
              .createDisk(DiskSpec.ofSize(ByteSize.gibibytes(64)))
              .configDirectory(etc)
              .distribution("NixOS")
              .switchSystem(true)
              .restart(true)
              .addLogonCommand("nixwsl")
              .build();
      machine.hasTasks = true;
    }

    /** Whether it was killed. */
    boolean killed(ThrowingCallable call) {
      Throwable thrown = catchThrowable(call);
      assertThat(thrown == null || thrown instanceof FaultPlan.Killed).as("%s", thrown).isTrue();
      return thrown != null;
    }

    void assertMoved() {
      UUID id = machine.tree.id.orElseThrow();
      assertThat(machine.tree.directory).isEqualTo(StorageTree.Directory.STORE);
      assertThat(config.module).contains(id);
      assertThat(machine.tree.armed.stream().distinct())
          .containsExactly(folder.resolve("etc/nix-storage.armed"));
      assertThat(machine.tree.owner).contains("root-disk");
      assertThat(machine.mounted).isTrue();
      assertThat(machine.tree.trash).isEmpty();
      assertThat(instance.onStorage()).isTrue();
      assertThat(machine.tasks.installed).isPresent();
      assertThat(Files.exists(file)).isTrue();
      MigrationStatus status = engine.status(storage, INSTANCE);
      assertThat(status.phase()).isEqualTo(Phase.COMMITTED);
      assertThat(status.storageId()).contains(id);
    }

    /** What was there before; and the trash, where a copy had been begun. */
    void assertAsBefore() {
      assertThat(machine.tree.directory).isEqualTo(StorageTree.Directory.ABSENT);
      assertThat(machine.tree.id).isEmpty();
      assertThat(machine.tree.armed).isEmpty();
      assertThat(machine.tree.owner).isEmpty();
      assertThat(config.module).isEmpty();
      assertThat(instance.running).isTrue();
      assertThat(instance.onStorage()).isFalse();
      assertThat(instance.system).isEqualTo(FakeInstance.OLD);
      assertThat(machine.tasks.installed).isEmpty();
      assertThat(machine.mounted).isFalse();
      assertThat(Files.exists(file)).isEqualTo(!machine.tree.trash.isEmpty());
      assertThat(engine.status(storage, INSTANCE).phase()).isIn(Phase.ROLLED_BACK, Phase.NONE);
    }

    /** What a rollback takes from the instance is in the old store then. */
    void assertNothingBuiltIsLost() {
      if (machine.tree.id.isEmpty() || !instance.onStorage() || !machine.tree.trash.isEmpty()) {
        assertThat(machine.oldStore).isEqualTo("built");
      }
    }

    /** What is promised at every moment. */
    void assertNothingIsHalf() {
      if (machine.tree.id.isPresent()) {
        assertThat(machine.tree.directory).isEqualTo(StorageTree.Directory.STORE);
        assertThat(machine.changes).containsSubsequence("prove", "commit");
      }
      MigrationStatus status = engine.status(storage, INSTANCE);
      if (machine.tree.id.isPresent() && machine.mounted) {
        assertThat(status.phase()).isIn(Phase.COMMITTED, Phase.ROLLING_BACK);
      } else {
        assertThat(status.phase()).isNotEqualTo(Phase.COMMITTED);
      }
      assertThat(status.phase()).isNotEqualTo(Phase.RUNNING);
    }
  }

  @Test
  void afterAKillAnywhereTheMoveIsTakenUp() throws Exception {
    int points = countChanges();
    for (int point = 0; point < points; point++) {
      for (boolean after : List.of(false, true)) {
        World world = new World("up" + point + after);
        world.faults.killAt(point, after);
        assertThat(world.killed(() -> world.engine.run(world.engine.plan(world.request)))).isTrue();
        world.assertNothingIsHalf();
        world.faults.killNever();
        if (Files.exists(world.file.resolveSibling("disk.vhdx.nixwsl/one.journal"))) {
          MigrationReport report = world.engine.resume(world.storage, INSTANCE);
          assertThat(report.copy().paths()).as("point %s", point).isEqualTo(10);
          assertThat(report.storageId()).isEqualTo(world.machine.tree.id.orElseThrow());
        } else {
          world.engine.run(world.engine.plan(world.request));
        }
        world.assertMoved();
      }
    }
  }

  @Test
  void afterAKillAnywhereTheMoveIsTakenBack() throws Exception {
    int points = countChanges();
    for (int point = 0; point < points; point++) {
      for (boolean after : List.of(false, true)) {
        World world = new World("back" + point + after);
        world.faults.killAt(point, after);
        assertThat(world.killed(() -> world.engine.run(world.engine.plan(world.request)))).isTrue();
        world.faults.killNever();
        rollBackIfBegun(world);
        world.assertAsBefore();
        world.engine.run(world.engine.plan(world.request));
        assertThat(world.machine.tree.id).isPresent();
      }
    }
  }

  /** A rollback is killed too, at each of its changes, and called again. */
  @Test
  void aRollbackThatIsKilledAnywhereIsBroughtToItsEnd() throws Exception {
    int points = countChanges();
    for (int begun : new int[] {4, points - 1}) {
      boolean more = true;
      for (int point = 0; more; point++) {
        for (boolean after : List.of(false, true)) {
          World world = new World("again" + begun + "at" + point + after);
          world.faults.killAt(begun, true);
          world.killed(() -> world.engine.run(world.engine.plan(world.request)));
          world.faults.killAt(point, after);
          more = world.killed(() -> rollBackIfBegun(world));
          if (more) {
            world.assertNothingIsHalf();
            world.faults.killNever();
            if (world.engine.status(world.storage, INSTANCE).phase() == Phase.ROLLING_BACK) {
              assertThatThrownBy(() -> world.engine.resume(world.storage, INSTANCE))
                  .isInstanceOfSatisfying(
                      ConflictException.class,
                      e -> assertThat(e.code()).isEqualTo(ErrorCode.MOVE_UNFINISHED));
              assertThatThrownBy(() -> world.engine.run(world.engine.plan(world.request)))
                  .isInstanceOf(ConflictException.class);
            }
            rollBackIfBegun(world);
          }
          world.assertAsBefore();
        }
      }
    }
  }

  /** The instance went on on the storage: what it built is never only in the trash. */
  @Test
  void aRollbackThatBringsChangesBackAndIsKilledAnywhereIsBroughtToItsEnd() throws Exception {
    boolean more = true;
    for (int point = 0; more; point++) {
      for (boolean after : List.of(false, true)) {
        World world = new World("bring" + point + after);
        world.engine.run(world.engine.plan(world.request));
        world.machine.tree.targetFingerprint = "built";
        world.faults.killAt(point, after);
        more = world.killed(() -> rollBackIfBegun(world));
        world.assertNothingBuiltIsLost();
        if (more) {
          world.assertNothingIsHalf();
          world.faults.killNever();
          rollBackIfBegun(world);
        }
        assertThat(world.machine.oldStore).isEqualTo("built");
        assertThat(world.machine.merging).as("killed at %s %s", point, after).isFalse();
        world.assertAsBefore();
      }
    }
  }

  /** Nor what it built after the first rollback was killed; or it may go. */
  @Test
  void aRollbackThatBringsChangesBackIsKilledAndTheInstanceGoesOn() throws Exception {
    boolean more = true;
    for (int point = 0; more; point++) {
      for (boolean discard : List.of(false, true)) {
        World world = new World("goes-on" + point + discard);
        world.engine.run(world.engine.plan(world.request));
        Optional<UUID> id = world.machine.tree.id;
        world.machine.tree.targetFingerprint = "built";
        world.faults.killAt(point, point % 2 == 0);
        more = world.killed(() -> rollBackIfBegun(world));
        world.faults.killNever();
        boolean goesOn = world.instance.onStorage();
        if (goesOn) {
          world.machine.tree.targetFingerprint = "built since";
        }
        if (more) {
          try {
            world.engine.rollBack(
                new RollbackRequest(world.storage, INSTANCE, discard ? id : Optional.empty()));
          } catch (ConflictException e) {
            assertThat(e.code()).isEqualTo(ErrorCode.MOVE_NOT_FOUND);
          }
        }
        if (!discard) {
          assertThat(world.machine.oldStore).isEqualTo(goesOn ? "built since" : "built");
        }
        assertThat(world.machine.merging).as("point %s", point).isFalse();
        world.assertAsBefore();
      }
    }
  }

  /** A resume is killed too, at each of its changes, and called again. */
  @Test
  void aResumeThatIsKilledAnywhereIsBroughtToItsEnd() throws Exception {
    int points = countChanges();
    for (int begun : new int[] {5, changes.indexOf("write the id"), points - 3}) {
      boolean more = true;
      for (int point = 0; more; point++) {
        World world = new World("resume" + begun + "at" + point);
        world.faults.killAt(begun, true);
        world.killed(() -> world.engine.run(world.engine.plan(world.request)));
        world.faults.killAt(point, point % 2 == 0);
        more = world.killed(() -> world.engine.resume(world.storage, INSTANCE));
        if (more) {
          world.assertNothingIsHalf();
          world.faults.killNever();
          world.engine.resume(world.storage, INSTANCE);
        }
        world.assertMoved();
      }
    }
  }

  /** The instance is rescued twice: while the commit is taken back the process is killed. */
  @Test
  void aRestartThatFailsAndIsKilledAnywhereIsTakenUpOrBack() throws Exception {
    countChanges();
    boolean more = true;
    for (int point = changes.indexOf("write the id"); more; point++) {
      for (boolean up : List.of(false, true)) {
        World world = new World("rescue" + point + up);
        world.instance.rescues = 2;
        world.faults.killAt(point, point % 2 == 0);
        more = killedOrNotRestarted(world);
        world.instance.rescues = 0;
        world.faults.killNever();
        if (up) {
          world.engine.resume(world.storage, INSTANCE);
          world.assertMoved();
        } else {
          rollBackIfBegun(world);
          world.assertAsBefore();
        }
      }
    }
  }

  private static boolean killedOrNotRestarted(World world) {
    Throwable thrown = catchThrowable(() -> world.engine.run(world.engine.plan(world.request)));
    if (thrown instanceof StorageSdkException e) {
      assertThat(e.code()).isEqualTo(ErrorCode.RESTART_FAILED);
      return false;
    }
    assertThat(thrown).isInstanceOf(FaultPlan.Killed.class);
    return true;
  }

  private void rollBackIfBegun(World world) {
    try {
      RollbackReport report = world.engine.rollBack(RollbackRequest.of(world.storage, INSTANCE));
      assertThat(report.diskDeleted() && Files.exists(world.file)).isFalse();
    } catch (ConflictException e) {
      assertThat(e.code()).isEqualTo(ErrorCode.MOVE_NOT_FOUND);
    }
  }

  private int countChanges() throws Exception {
    World world = new World("count");
    world.engine.run(world.engine.plan(world.request));
    world.assertMoved();
    List<String> made = world.faults.made();
    changes = made;
    assertThat(made)
        .contains(
            "begin the journal",
            "create the disk",
            "format and mount the disk",
            "write the module",
            "switch the instance",
            "claim the directory",
            "begin the copy",
            "copy the store paths",
            "install the task",
            "copy the state",
            "read the rest back",
            "arm the instance",
            "write the id",
            "stop the instance",
            "start the instance");
    assertThat(made).hasSizeGreaterThan(24);
    return made.size();
  }
}
