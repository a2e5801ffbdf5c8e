package org.nixwsl.storage.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.nixwsl.storage.examples.SimulatedWslExampleTest.mountBackup;

import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;
import org.nixwsl.storage.testkit.wsl.model.WslMachine;

/** The same with a systemd in each instance; docs/simulated-wsl.md shows it. */
@Tag("once")
class ContainersExampleTest {
  // region example
  @RegisterExtension final SimulatedWsl wsl = SimulatedWsl.withContainers();

  @Test
  void aServiceFindsItsDiskAfterTheMachineWasIdle() throws Exception {
    wsl.addInstance("nixos");
    Path disk = wsl.addDisk("backup", "ext4");
    assertThat(mountBackup(wsl.executable(), disk)).isTrue();
    String service =
        """
        printf '[Service]\\nExecStart=/bin/sh -c "date >> /mnt/wsl/backup/boots"\\n' \\
          > /etc/systemd/system/boots.service
        systemctl add-wants multi-user.target boots.service
        """;
    assertThat(inNixos(service)).isEmpty();

    wsl.change(WslMachine::idleStop);
    assertThat(inNixos("wc -l < /mnt/wsl/backup/boots")).isEqualTo("1\n");
  }

  private String inNixos(String script) {
    return wsl.call("-d", "nixos", "--exec", "/bin/sh", "-c", script).text();
  }

  // endregion
}
