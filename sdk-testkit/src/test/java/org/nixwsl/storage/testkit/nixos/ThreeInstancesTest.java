package org.nixwsl.storage.testkit.nixos;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.migrate.MigrationEngine;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.migrate.MigrationPlan;
import org.nixwsl.storage.migrate.MigrationReport;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.MigrationStatus;
import org.nixwsl.storage.migrate.RollbackReport;
import org.nixwsl.storage.migrate.RollbackRequest;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.testkit.move.BehindWsl;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;
import org.nixwsl.storage.testkit.wsl.command.WslOutput;
import org.nixwsl.storage.testkit.wsl.model.WslMachine;

/** What a user does in some months: instances come to a disk, work on it, and one leaves again. */
@Tag("long")
@Timeout(900)
class ThreeInstancesTest {
  private SimulatedWsl wsl;
  private MigrationEngine engine;
  private SharedStorage storage;

  @BeforeEach
  void makeTheInstances() {
    wsl = NixosMachine.make("alpha", "beta", "gamma");
    engine = new BehindWsl(wsl, Map.of()).engine();
    storage = SharedStorage.onVhdx(wsl.folder().resolve("shared.vhdx"));
  }

  @AfterEach
  void closeIt() {
    if (wsl != null) {
      wsl.close();
    }
  }

  @Test
  void twoMoveInOneRequestAThirdFollowsOneGoesBackAndNoneOfTheOthersIsTouched() {
    List<MigrationPlan> plans = List.of(plan("alpha"), plan("beta"));
    assertThat(plans).allSatisfy(plan -> assertThat(plan.refusals()).isEmpty());
    List<MigrationReport> moved = engine.runAll(plans, RunOptions.ofDefaults());
    assertThat(moved)
        .extracting(report -> report.instance().value())
        .containsExactly("alpha", "beta");
    assertRunsFromTheDisk("alpha");
    assertRunsFromTheDisk("beta");
    assertRunsFromItsRoot("gamma");

    wsl.change(WslMachine::reboot);
    new BehindWsl(wsl, Map.of()).mounter().ensureMounted(storage);
    assertRunsFromTheDisk("alpha");
    assertRunsFromTheDisk("beta");

    String added = in("alpha", "echo used > /tmp/used && nix-store --add /tmp/used").strip();
    in("beta", "nix-store --verify --check-contents");
    assertThat(in("beta", "ls /nix/store")).doesNotContain("-used");

    engine.run(plan("gamma"));
    assertRunsFromTheDisk("gamma");

    String built =
        in(
                "beta",
                """
                nix-build --no-out-link -E 'derivation { name = "kept"; builder = "/bin/sh";
                  system = builtins.currentSystem; args = [ "-c" "echo kept > $out" ]; }'
                """)
            .strip();
    in("beta", "nix-env --profile /nix/var/nix/profiles/mine --set " + built);
    RollbackReport back = engine.rollBack(RollbackRequest.of(storage, InstanceName.of("beta")));
    assertThat(back.diskDeleted()).isFalse();
    assertRunsFromItsRoot("beta");
    assertThat(back.broughtBack().orElseThrow().paths()).as("with its derivation").isEqualTo(2);
    assertThat(in("beta", "nix-store --check-validity " + built + " && cat " + built))
        .isEqualTo("kept\n");
    assertThat(in("beta", "readlink -f /nix/var/nix/profiles/mine").strip()).isEqualTo(built);
    assertThat(in("beta", "ls -A /nix")).as("nothing is left of it").doesNotContain(".nixwsl");
    assertThat(engine.reclaim(storage).removed()).containsExactly(back.trash().orElseThrow());

    for (String instance : List.of("alpha", "gamma")) {
      wsl.call("--terminate", instance);
      assertRunsFromTheDisk(instance);
      assertThat(status(instance).phase()).isEqualTo(MigrationStatus.Phase.COMMITTED);
    }
    assertThat(in("alpha", "cat " + added)).isEqualTo("used\n");
    for (String instance : List.of("alpha", "beta", "gamma")) {
      in(instance, "nix-store --verify --check-contents");
    }
    assertThat(wsl.<List<String>>ask(WslMachine::accidents)).isEmpty();
  }

  private MigrationPlan plan(String instance) {
    return engine.plan(
        MigrationRequest.builder()
            .source(NixStore.ofRoot(Path.of("/")))
            .instance(InstanceName.of(instance))
            .storage(storage)
            .createDisk(DiskSpec.ofSize(ByteSize.gibibytes(8)))
            .configDirectory(Path.of("/etc/nixos"))
            .switchSystem(true)
            .restart(true)
            .build());
  }

  private MigrationStatus status(String instance) {
    return engine.status(storage, InstanceName.of(instance));
  }

  /** By the mount itself, and by what the hook wrote. */
  private void assertRunsFromTheDisk(String instance) {
    assertThat(nixIs(instance)).isEqualTo(Optional.of("/" + instance));
    assertThat(in(instance, "cat /run/nix-storage/boot.json")).contains("\"decision\":\"disk\"");
  }

  private void assertRunsFromItsRoot(String instance) {
    assertThat(nixIs(instance)).isEmpty();
    assertThat(in(instance, "ls -d /nix/store /nix/var/nix/db/db.sqlite")).contains("db.sqlite");
  }

  private Optional<String> nixIs(String instance) {
    String top = in(instance, "findmnt -n -o FSROOT --mountpoint /nix || true").strip();
    return Optional.of(top).filter(text -> !text.isEmpty());
  }

  private String in(String instance, String script) {
    WslOutput output = wsl.call("-d", instance, "--exec", "/bin/sh", "-c", script);
    assertThat(output.exit()).as("%s in %s: %s", script, instance, output.text()).isZero();
    return output.text();
  }
}
