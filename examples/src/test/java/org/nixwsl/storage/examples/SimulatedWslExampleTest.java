package org.nixwsl.storage.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;
import org.nixwsl.storage.testkit.wsl.command.FaultPlan.Fault;

/** How a program that calls wsl.exe is tested without Windows; docs/simulated-wsl.md shows it. */
class SimulatedWslExampleTest {
  // region example
  @RegisterExtension final SimulatedWsl wsl = new SimulatedWsl();

  @Test
  void theBackupDiskIsBackAfterAShutdown() throws Exception {
    wsl.addInstance("nixos");
    Path disk = wsl.addDisk("backup", "ext4");
    assertThat(mountBackup(wsl.executable(), disk)).isTrue();

    wsl.call("--shutdown");
    int attached = wsl.ask(machine -> machine.attached().size());
    assertThat(attached).isZero();

    // Something else holds the file once: the program has to try again.
    String held = "Wsl/Service/AttachDisk/MountDisk/HCS/ERROR_SHARING_VIOLATION";
    wsl.faults(plan -> plan.next("--mount", Fault.failing(held)));
    assertThat(mountBackup(wsl.executable(), disk)).isTrue();
    assertThat(wsl.call("-d", "nixos", "--exec", "/bin/cat", "/proc/self/mountinfo").text())
        .contains(" /mnt/wsl/backup ");
  }

  // endregion

  @ParameterizedTest
  @ValueSource(
      classes = {
        SimulatedWslExampleTest.class,
        RealDisksExampleTest.class,
        ContainersExampleTest.class
      })
  void theExampleInTheDocumentIsTheCompiledOne(Class<?> example) throws IOException {
    String source =
        Files.readString(
            Path.of(
                "src/test/java/org/nixwsl/storage/examples", example.getSimpleName() + ".java"));
    String region =
        source.substring(
            source.indexOf("// region example\n") + "// region example\n".length(),
            source.indexOf("  // endregion"));
    assertThat(Files.readString(Path.of("..", "docs", "simulated-wsl.md")))
        .contains("```java\n" + region.stripTrailing().stripIndent() + "\n```\n");
  }

  /** A program that a user may have: it tries three times. */
  static boolean mountBackup(Path wslExe, Path disk) throws IOException, InterruptedException {
    assumeTrue(Files.isExecutable(Path.of("/bin/sh")), "skipped: sh is missing");
    List<String> command =
        new ArrayList<>(List.of(wslExe.toString(), "--mount", disk.toString(), "--vhd"));
    command.addAll(List.of("--name", "backup", "--type", "ext4"));
    for (int attempt = 0; attempt < 3; attempt++) {
      Process process =
          new ProcessBuilder(command)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      process.getOutputStream().close();
      if (process.waitFor() == 0) {
        return true;
      }
    }
    return false;
  }
}
