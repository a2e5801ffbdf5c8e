package org.nixwsl.storage.testkit.wsl;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.platform.InstanceControl;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.mount.BootState;
import org.nixwsl.storage.testkit.wsl.command.WslOutput;
import org.nixwsl.storage.windows.WindowsPlatform;
import org.nixwsl.storage.windows.wsl.WslRunner;

/** What ends with an instance that has a systemd: its lease, and what its hook said. */
@Tag("once")
class InstanceControlInContainersTest {
  private static final Path LEASE = Path.of("/mnt/wsl/nixstorage/.nixwsl/locks/main");

  @RegisterExtension final SimulatedWsl wsl = SimulatedWsl.withContainers();

  @Test
  void theLeaseAndTheWordOfTheHookEndWithTheInstance(@TempDir Path notes) {
    wsl.addInstance("main");
    wsl.addInstance("peer");
    Path disk = wsl.addDisk("shared", "ext4");
    in("peer", "true");
    wsl.call("--mount", disk.toString(), "--vhd", "--name", "nixstorage", "--type", "ext4");
    InstanceControl control = control(notes);
    Operation.quiet(
        "restart",
        operation -> {
          assertThat(control.leaseIsFree(LEASE, operation)).as("there is none").isTrue();
          control.start(operation);
          // As the module leaves it: a shutdown that unmounts nothing for others, a child that
          // lives
          // as long as the instance, and a file in /run.
          in(
              "main",
              """
              mount --make-rslave /mnt/wsl
              mkdir -p /mnt/wsl/nixstorage/.nixwsl/locks /run/nix-storage
              systemd-run -q --unit=lease flock -x %s sh -c ': > /run/held; exec sleep infinity'
              until [ -e /run/held ]; do sleep 0.1; done
              printf '%%s\\n' '{"version":1,"decision":"disk","reason":"bound","findings":[],\
              "source":"/mnt/wsl/nixstorage/main","storageId":"6f1d"}' > /run/nix-storage/boot.json
              """
                  .formatted(LEASE));
          assertThat(control.leaseIsFree(LEASE, operation)).isFalse();
          assertThat(control.bootState(operation))
              .map(BootState::decision)
              .contains(BootState.Decision.DISK);

          control.terminate(operation);
          assertThat(control.running(operation)).isFalse();
          in("peer", "test -f " + LEASE);
          assertThat(control.leaseIsFree(LEASE, operation)).isTrue();
          assertThat(control.bootState(operation)).isEmpty();

          control.start(operation);
          assertThat(control.running(operation)).isTrue();
          assertThat(control.bootState(operation)).as("of this start").isEmpty();
          return true;
        });
  }

  private InstanceControl control(Path notes) {
    ProcessRunner processes = new ProcessRunner();
    return new WindowsPlatform(
            WslRunner.ofProgram(processes, wsl.executable().toString()), notes, Map.of())
        .instances(processes, Ticker.system())
        .control("main")
        .orElseThrow();
  }

  private void in(String instance, String script) {
    WslOutput output = wsl.call("-d", instance, "-u", "root", "--exec", "/bin/sh", "-ec", script);
    assertThat(output.exit()).as(output.text()).isZero();
  }
}
