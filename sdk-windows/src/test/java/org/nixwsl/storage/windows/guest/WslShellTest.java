package org.nixwsl.storage.windows.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.process.RunningProcess;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.windows.wsl.WslExe;
import org.nixwsl.storage.windows.wsl.WslRunner;

/** Talking with a shell through a program that passes on what stands after {@code --exec}. */
@EnabledOnOs(OS.LINUX)
class WslShellTest {
  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"dash", "bash", "busybox sh"})
  void theScriptIsTakenAsItStandsAndWhatIsSaidAfterItIsLeftForIt(String sh) throws Exception {
    assumeTrue(
        Files.isExecutable(Path.of("/bin", sh.split(" ", 2)[0])), "skipped: no " + sh + " here");
    byte[] said = new byte[300_000];
    new Random(8).nextBytes(said);
    String script =
        "set -eu\nx='* \"  a'\nprintf '%s\\n' \"$x\"\nfor i in 1 2; do echo *b; done\ncat\n";
    try (RunningProcess shell = shell(sh).start(script)) {
      Thread speaker =
          new Thread(
              () -> {
                try {
                  shell.input().write(said);
                  shell.input().close();
                } catch (IOException e) {
                  throw new IllegalStateException(e);
                }
              });
      speaker.start(); // at once, so that it is in the pipe with the script
      byte[] heard = shell.output().readAllBytes();
      speaker.join();
      byte[] before = "* \"  a\n*b\n*b\n".getBytes(StandardCharsets.UTF_8);
      assertThat(heard).startsWith(before);
      assertThat(heard).hasSize(before.length + said.length).endsWith(said);
    }
  }

  @Test
  void nothingOnTheCommandLineNeedsMoreThanOnePairOfQuotesOnWindows() throws Exception {
    try (RunningProcess shell = shell("dash").start("echo \"'quotes'\"\n")) {
      shell.input().close();
      assertThat(new String(shell.output().readAllBytes(), StandardCharsets.UTF_8))
          .isEqualTo("'quotes'\n");
    }
    List<String> words = Files.readAllLines(folder.resolve("words"));
    assertThat(words).startsWith("-d", "nixos", "-u", "root", "--exec", "/bin/sh", "-c");
    assertThat(words).hasSize(8).noneMatch(word -> word.matches(".*[\"'\\\\%^&<>|!].*"));
  }

  @Test
  void aProgramThatEndsAtOnceIsHeardToTheEnd() throws Exception {
    script("echo 'Wsl/Service/WSL_E_DISTRO_NOT_FOUND'; exit 255");
    try (RunningProcess shell = wsl().start("x".repeat(1 << 20))) {
      assertThat(new String(shell.output().readAllBytes(), StandardCharsets.UTF_8))
          .contains("WSL_E_DISTRO_NOT_FOUND");
    }
  }

  @Test
  void withoutTheProgramTheErrorSaysSo() {
    assertThatThrownBy(() -> wsl().start("true"))
        .isInstanceOfSatisfying(
            EnvironmentException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.WSL_NOT_AVAILABLE));
  }

  private WslShell shell(String sh) throws IOException {
    script(
        "printf '%s\\n' \"$@\" >"
            + folder.resolve("words")
            + "\nwhile [ \"$1\" != --exec ]; do shift; done\nshift 2\nexec "
            + sh
            + " \"$@\"");
    return wsl();
  }

  private WslShell wsl() {
    return new WslShell(
        new WslExe(WslRunner.ofProgram(new ProcessRunner(), folder.resolve("wsl").toString())),
        "nixos");
  }

  private void script(String text) throws IOException {
    Path file = folder.resolve("wsl");
    Files.writeString(file, "#!/bin/sh\n" + text + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
  }
}
