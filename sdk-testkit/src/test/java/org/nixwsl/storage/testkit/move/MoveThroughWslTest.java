package org.nixwsl.storage.testkit.move;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.migrate.MigrationEngine;
import org.nixwsl.storage.core.nixwire.NixConfigEngine;
import org.nixwsl.storage.core.platform.Workplace;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.OperationCancelledException;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.event.CancellationToken;
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.migrate.MigrationPlan;
import org.nixwsl.storage.migrate.MigrationReport;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.MigrationStatus;
import org.nixwsl.storage.migrate.RollbackReport;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.windows.WindowsPlatform;
import org.nixwsl.storage.windows.wsl.WslRunner;

/**
 * Whole moves through {@code wsl}: the disk is a file here, the stores and the mounts are in the
 * instances, and a guest there does all that touches them.
 */
@Tag("once")
@Timeout(300)
class MoveThroughWslTest extends WslMoves {
  private static final String CONFIGURATION = "{ ... }: { imports = [ ]; }";

  @Test
  void aStoreIsMovedProvenLookedAtAndTakenBack() throws Exception {
    instance("nixos");
    sh(
        "nixos",
        "mkdir -p /home/nixos && printf '%s\\n' '"
            + CONFIGURATION
            + "' >/home/nixos/configuration.nix");
    MigrationRequest request =
        KilledMove.request(disk, "nixos").configDirectory(Path.of("/home/nixos")).build();
    MigrationEngine engine = engine();

    MigrationPlan plan = engine.plan(request);
    assertThat(plan.refusals()).isEmpty();
    assertThat(disk).as("a plan makes nothing").doesNotExist();
    MigrationReport report = engine.run(plan);

    assertThat(report.storage().mountPoint()).isEqualTo(Path.of(STORAGE));
    assertThat(report.copy().paths()).isEqualTo(plan.paths()).isPositive();
    String id = report.storageId().toString();
    assertThat(sh("nixos", "cat " + STORAGE + "/nixos/.nix-storage-id")).isEqualTo(id + "\n");
    assertThat(sh("nixos", "cat /home/nixos/nix-storage.nix")).contains(id);
    assertThat(sh("nixos", "cat /home/nixos/configuration.nix")).contains("nix-storage.nix");
    assertThat(sh("nixos", "stat -c %s /home/nix-storage.armed")).isEqualTo("0\n");
    assertSound("nixos");
    MigrationStatus status = engine.status(storage(), InstanceName.of("nixos"));
    assertThat(status.phase()).isEqualTo(MigrationStatus.Phase.COMMITTED);
    assertThat(status.storageSeen()).isTrue();
    assertNoGuestIsLeft("nixos");

    RollbackReport back = engine.rollBack(rollback("nixos"));

    assertThat(back.trash()).isPresent();
    assertThat(sh("nixos", "cat /home/nixos/configuration.nix")).isEqualTo(CONFIGURATION + "\n");
    assertThat(sh("nixos", "ls -A /home /home/nixos")).doesNotContain("nix-storage");
    assertThat(sh("nixos", "ls /mnt/wsl")).as("what the move attached").isEmpty();
    new BehindWsl(wsl, Map.of()).mounter().ensureMounted(storage());
    assertThat(sh("nixos", "ls " + STORAGE)).doesNotContain("nixos");
    assertThat(sh("nixos", "ls -d /nix/store")).isEqualTo("/nix/store\n");
    assertThat(engine.reclaim(storage()).removed()).containsExactly(back.trash().orElseThrow());
    assertThat(sh("nixos", "ls -A " + STORAGE + "/.nixwsl/trash")).isEmpty();
  }

  @Test
  void aMoveWhoseProcessIsKilledBeforeItsLastStageIsTakenUpByAnother() throws Exception {
    killAndResume(Stage.COMMIT);
  }

  @Tag("long")
  @ParameterizedTest
  @EnumSource(names = {"ATTACH", "COPY", "STATE", "PROVE"})
  void soIsOneThatIsKilledBeforeAnyOtherStage(Stage stage) throws Exception {
    killAndResume(stage);
  }

  private void killAndResume(Stage stage) throws Exception {
    instance("nixos");
    ProcessRunner.Result killed = killedMove("nixos", stage);
    assertThat(killed.exitCode()).as(killed.allText()).isEqualTo(137);
    assertNoGuestIsLeft("nixos");

    MigrationReport report = engine().resume(storage(), InstanceName.of("nixos"));

    assertThat(sh("nixos", "cat " + STORAGE + "/nixos/.nix-storage-id"))
        .isEqualTo(report.storageId() + "\n");
    assertSound("nixos");
    assertNoGuestIsLeft("nixos");
  }

  /** What was added to the store on the storage is not only in the trash at any of them. */
  @Tag("long")
  @ParameterizedTest
  @EnumSource(names = {"BRING_BACK", "COMMIT", "COPY"})
  void aRollbackThatBringsChangesBackAndIsKilledIsBroughtToItsEndByAnother(Stage stage)
      throws Exception {
    instance("nixos");
    MigrationEngine engine = engine();
    engine.run(engine.plan(KilledMove.request(disk, "nixos").build()));
    String at = STORAGE + "/nixos";
    String added =
        sh(
                "nixos",
                "nix-store --store 'local?real=%s/store&state=%s/var/nix&log=/tmp' --add /etc/passwd"
                        .formatted(at, at)
                    + " 2>/tmp/said")
            .strip();

    ProcessRunner.Result killed = killedRollback("nixos", stage);
    assertThat(killed.exitCode()).as(killed.allText()).isEqualTo(137);
    assertNoGuestIsLeft("nixos");

    sh("nixos", "NIX_REMOTE=local nix-store --verify --check-contents 2>/tmp/said");
    if (stage != Stage.BRING_BACK) {
      assertThat(engine().status(storage(), InstanceName.of("nixos")).broughtBack()).isPresent();
    }
    RollbackReport back = engine().rollBack(rollback("nixos"));
    assertThat(back.broughtBack().orElseThrow().paths()).isEqualTo(1);
    sh("nixos", "cmp /etc/passwd " + added + " && NIX_REMOTE=local nix-store -q --hash " + added);
    sh("nixos", "NIX_REMOTE=local nix-store --verify --check-contents 2>/tmp/said");
    assertThat(sh("nixos", "ls -A /nix")).doesNotContain(".nixwsl-copy");
    assertNoGuestIsLeft("nixos");
  }

  @Tag("long")
  @Test
  void severalInstancesMoveToOneDiskOneAfterTheOther() throws Exception {
    instance("one");
    instance("two");
    MigrationEngine engine = engine();
    List<MigrationPlan> plans = new ArrayList<>();
    for (String name : List.of("one", "two")) {
      plans.add(engine.plan(KilledMove.request(disk, name).build()));
    }

    List<MigrationReport> reports = engine.runAll(plans, RunOptions.ofDefaults());

    assertThat(reports).extracting(r -> r.instance().value()).containsExactly("one", "two");
    assertSound("one");
    assertSound("two");
    assertThat(sh("two", "ls " + STORAGE)).contains("one", "two");
  }

  @Tag("long")
  @Test
  void aMoveThatIsCancelledInTheMiddleIsResumedInTheSameProcess() throws Exception {
    instance("nixos");
    MigrationEngine engine = engine();
    CancellationToken token = new CancellationToken();
    RunOptions options =
        RunOptions.builder()
            .cancelWith(token)
            .on(
                StorageEvent.StageStarted.class,
                event -> {
                  if (event.stage() == Stage.PROVE) {
                    token.cancel();
                  }
                })
            .build();
    MigrationPlan plan = engine.plan(KilledMove.request(disk, "nixos").build());
    assertThatThrownBy(() -> engine.run(plan, options))
        .isInstanceOf(OperationCancelledException.class);
    assertNoGuestIsLeft("nixos");
    engine.resume(storage(), InstanceName.of("nixos"));
    assertSound("nixos");
  }

  @Tag("long")
  @Test
  void whatStandsAgainstAMoveIsInThePlan() throws Exception {
    assertThat(codes(engine().plan(KilledMove.request(disk, "gone").build())))
        .containsExactly(ErrorCode.DISTRO_NOT_FOUND);
    instance("nixos");
    MigrationPlan noJava =
        engine("NIXWSL_GUEST_JAVA", "/nowhere/java")
            .plan(KilledMove.request(disk, "nixos").build());
    assertThat(codes(noJava)).containsExactly(ErrorCode.TOOL_MISSING);
    assertThat(noJava.refusals().get(0).message()).contains("the WSL instance nixos");
    MigrationPlan noJar =
        engine("NIXWSL_GUEST_JAR", "/nowhere/guest.jar")
            .plan(KilledMove.request(disk, "nixos").build());
    assertThat(codes(noJar)).containsExactly(ErrorCode.NOT_FOUND);

    MigrationEngine engine = engine();
    engine.run(engine.plan(KilledMove.request(disk, "nixos").build()));
    assertThat(codes(engine.plan(KilledMove.request(disk, "nixos").build())))
        .as("moved already")
        .containsExactly(ErrorCode.TARGET_NOT_EMPTY);
    wsl.change(machine -> machine.takesNixFrom("nixos", "nixstorage"));
    wsl.call("--terminate", "nixos");
    assertThat(sh("nixos", "cat /nix/.nix-storage-id")).isNotBlank();
    assertThat(codes(engine.plan(KilledMove.request(disk, "nixos").build())))
        .as("runs from the disk already")
        .isNotEmpty();
    assertThatThrownBy(() -> engine.rollBack(rollback("nixos"))).hasMessageContaining("is in use");
  }

  private static List<ErrorCode> codes(MigrationPlan plan) {
    return plan.refusals().stream().map(Problem::code).toList();
  }

  @Test
  void withoutWslThereIsAnErrorThatSaysSo() {
    WindowsPlatform windows =
        new WindowsPlatform(
            WslRunner.ofProgram(PROCESSES, "/nowhere/wsl.exe"), BehindWsl.notes(wsl), Map.of());
    try (Workplace place =
        windows.workplace(
            Optional.of("nixos"),
            new NixConfigEngine(
                PROCESSES, Ticker.system(), name -> windows.instanceShell(name, PROCESSES)),
            PROCESSES,
            Ticker.system())) {
      assertThatThrownBy(() -> place.tree().there(Path.of("/nix")))
          .isInstanceOfSatisfying(
              EnvironmentException.class,
              e -> assertThat(e.code()).isEqualTo(ErrorCode.WSL_NOT_AVAILABLE));
    }
  }
}
