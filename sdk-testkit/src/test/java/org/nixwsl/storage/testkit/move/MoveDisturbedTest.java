package org.nixwsl.storage.testkit.move;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.IOException;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.migrate.MigrationEngine;
import org.nixwsl.storage.core.migrate.stage.SideEffects;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.migrate.MigrationPlan;
import org.nixwsl.storage.migrate.MigrationStatus;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.testkit.wsl.model.WslMachine;

/** What users and Windows do to a move that runs: it says so, and is taken up to the same end. */
@Tag("once")
@Timeout(300)
class MoveDisturbedTest extends WslMoves {
  private static final InstanceName NIXOS = InstanceName.of("nixos");

  /** Sends a signal to the guest, which is found by the directory that it runs from. */
  private static final String TO_THE_GUEST =
      """
      for process in /proc/[0-9]*; do
        if tr '\\0' ' ' <$process/cmdline | grep -q 'java.*/nixwsl-guest[.]'; then
          kill -%s ${process#/proc/}
        fi
      done
      """;

  /** What happens while store paths are copied. */
  enum Event {
    SHUTDOWN,
    INSTANCE_STOPPED,
    INSTANCE_RESTARTED,
    WINDOWS_RESTARTED,
    DISK_UNMOUNTED
  }

  private void happens(Event event) {
    switch (event) {
      case SHUTDOWN -> wsl.call("--shutdown");
      case INSTANCE_STOPPED -> wsl.call("--terminate", "nixos");
      case INSTANCE_RESTARTED -> {
        wsl.call("--terminate", "nixos");
        wsl.call("-d", "nixos", "--exec", "/bin/true");
      }
      case WINDOWS_RESTARTED -> wsl.change(WslMachine::reboot);
      case DISK_UNMOUNTED -> wsl.call("--unmount", disk.toString());
    }
  }

  @Test
  void aShutdownDuringTheCopyIsToldAndTheMoveIsTakenUp() throws Exception {
    isTakenUpAfter(Event.SHUTDOWN);
  }

  @ParameterizedTest
  @EnumSource(names = "SHUTDOWN", mode = EnumSource.Mode.EXCLUDE)
  @Tag("long")
  void soIsWhateverElseHappensDuringTheCopy(Event event) throws Exception {
    isTakenUpAfter(event);
  }

  private void isTakenUpAfter(Event event) throws Exception {
    instance("nixos");
    String before = listing();
    boolean[] happened = new boolean[1];
    RunOptions options =
        RunOptions.builder()
            .on(
                StorageEvent.Progress.class,
                progress -> {
                  if (progress.stage() == Stage.COPY && !happened[0]) {
                    happened[0] = true;
                    happens(event);
                  }
                })
            .build();
    MigrationEngine engine = engine();
    MigrationPlan plan = engine.plan(KilledMove.request(disk, "nixos").build());
    Throwable failure = catchThrowable(() -> engine.run(plan, options));
    assertThat(happened[0]).as("it happened in the middle of the copy").isTrue();
    System.out.println(event + " during the copy: " + failure);
    if (failure != null) {
      assertThat(failure)
          .isInstanceOfSatisfying(
              StorageSdkException.class,
              e -> {
                assertThat(e.code())
                    .isIn(Set.of(ErrorCode.GUEST_LOST, ErrorCode.IO_FAILED, ErrorCode.NOT_MOUNTED));
                assertThat(e.stateLeft()).isEqualTo(StateLeft.RESUMABLE);
              });
      assertThat(engine().status(storage(), NIXOS).phase())
          .isEqualTo(MigrationStatus.Phase.UNFINISHED);
      assertThat(listing()).as("the old store").isEqualTo(before);
      engine().resume(storage(), NIXOS);
    }
    assertThat(listing()).as("the old store").isEqualTo(before);
    assertSound("nixos");
  }

  /** All of the old store but what SQLite leaves beside a database that is read. */
  private String listing() {
    return sh(
        "nixos", "cd /nix && find . ! -path './var/nix/db*' -printf '%p %m %T@ %s %l\\n' | sort");
  }

  @Test
  @Tag("long")
  void aGuestThatIsKilledRightAfterTheCommitLosesNothing() throws Exception {
    instance("nixos");
    SideEffects killing =
        new SideEffects() {
          @Override
          public <T> T make(String what, Operation.Work<T> change)
              throws IOException, InterruptedException {
            T result = change.run();
            if (what.equals("write the id")) {
              sh("nixos", TO_THE_GUEST.formatted("KILL"));
            }
            return result;
          }
        };
    MigrationEngine engine = new BehindWsl(wsl, Map.of()).engine(killing);
    MigrationPlan plan = engine.plan(KilledMove.request(disk, "nixos").build());
    assertThatThrownBy(() -> engine.run(plan))
        .isInstanceOfSatisfying(
            StorageSdkException.class,
            e -> {
              assertThat(e.code()).as(e.getMessage()).isEqualTo(ErrorCode.GUEST_LOST);
              assertThat(e.stateLeft()).isEqualTo(StateLeft.RESUMABLE);
            });
    assertThat(engine().status(storage(), NIXOS).phase())
        .as("the disk was detached again")
        .isEqualTo(MigrationStatus.Phase.COMMIT_NOT_KNOWN);
    engine().resume(storage(), NIXOS);
    assertThat(engine().status(storage(), NIXOS).phase())
        .isEqualTo(MigrationStatus.Phase.COMMITTED);
    assertSound("nixos");
  }

  /** Its host is gone, and it does not know that yet. */
  @Test
  @Tag("long")
  void aGuestThatWasLeftBehindKeepsTheNextOneOutUntilItEnds() throws Exception {
    instance("nixos");
    int exit = killedMove("nixos", Stage.PROVE, TO_THE_GUEST.formatted("STOP")).exitCode();
    assertThat(exit).isEqualTo(137);
    assertThatThrownBy(() -> engine().resume(storage(), NIXOS))
        .isInstanceOfSatisfying(
            StorageSdkException.class,
            e -> {
              assertThat(e.code()).as(e.getMessage()).isEqualTo(ErrorCode.STORAGE_BUSY);
              assertThat(e.stateLeft())
                  .as("the disk cannot be detached either")
                  .isEqualTo(StateLeft.NEEDS_CLEANUP);
            });
    sh("nixos", TO_THE_GUEST.formatted("CONT"));
    assertNoGuestIsLeft("nixos");
    assertThat(engine().status(storage(), NIXOS).phase())
        .as("it began nothing more")
        .isEqualTo(MigrationStatus.Phase.UNFINISHED);
    engine().resume(storage(), NIXOS);
    assertSound("nixos");
  }
}
