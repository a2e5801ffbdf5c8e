package org.nixwsl.storage.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.nixwsl.storage.examples.SimulatedWslExampleTest.mountBackup;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;

/** The same with disks that are really mounted; docs/simulated-wsl.md shows it. */
@Tag("once")
class RealDisksExampleTest {
  // region example
  @RegisterExtension final SimulatedWsl wsl = SimulatedWsl.withRealDisks();

  @Test
  void whatWasWrittenIsThereAfterACrash() throws Exception {
    wsl.addInstance("nixos");
    Path disk = wsl.addDisk("backup", "ext4");
    assertThat(mountBackup(wsl.executable(), disk)).isTrue();
    String letter = "/mnt/wsl/backup/letter";
    Files.writeString(wsl.inVm(letter), "Dear Sam");
    assertThat(wsl.call("-d", "nixos", "--exec", "/bin/sync", letter).exit()).isZero();

    wsl.change(machine -> machine.crash());
    assertThat(mountBackup(wsl.executable(), disk)).isTrue();
    assertThat(wsl.call("-d", "nixos", "--exec", "/bin/cat", letter).text()).isEqualTo("Dear Sam");
  }

  // endregion
}
