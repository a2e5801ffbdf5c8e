package org.nixwsl.storage.windows;

import static java.nio.charset.StandardCharsets.UTF_16LE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.error.CommandException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.mount.MountName;
import org.nixwsl.storage.windows.WslDistribution.State;

class WslExeTest {
  private static final String LIST =
      """
        NAME                   STATE           VERSION
      * nixos-main             Running         2
        Ubuntu-24.04           Stopped         2
        old                    Converting      1
        uralt                  Wird ausgeführt 2
      """
          .replace("\n", "\r\n");

  @TempDir Path scratch;
  private FakeWsl wsl;

  @BeforeEach
  void putProgramInPlace() throws IOException {
    wsl = new FakeWsl(scratch);
  }

  @Test
  void listsInstancesInEitherEncoding() throws IOException {
    wsl.answers("--list", 0, LIST, "", UTF_16LE).answers("--list", 0, LIST);
    for (int i = 0; i < 2; i++) {
      assertThat(FakeWsl.<List<WslDistribution>>call(op -> wsl.exe().list(op)))
          .containsExactly(
              new WslDistribution("nixos-main", State.RUNNING, 2, true),
              new WslDistribution("Ubuntu-24.04", State.STOPPED, 2, false),
              new WslDistribution("old", State.CONVERTING, 1, false),
              new WslDistribution("uralt", State.OTHER, 2, false));
    }
    assertThat(wsl.calls()).containsOnly(List.of("--list", "--verbose"));
    assertThat(wsl.noted("utf8", 1)).isEqualTo("1");
  }

  @Test
  void listsNothingWhereThereIsNoInstance() throws IOException {
    wsl.answers("--list", -1, "Es gibt keine Distribution.\r\n", "", UTF_16LE);
    assertThat(FakeWsl.<List<WslDistribution>>call(op -> wsl.exe().list(op))).isEmpty();
  }

  @Test
  void listsWhatRuns() throws IOException {
    wsl.answers("--list", 0, "nixos-main\r\nold\r\n", "", UTF_16LE).answers("--list", 0, "");
    assertThat(FakeWsl.<List<String>>call(op -> wsl.exe().running(op)))
        .containsExactly("nixos-main", "old");
    assertThat(FakeWsl.<List<String>>call(op -> wsl.exe().running(op))).isEmpty();
    assertThat(wsl.calls()).containsOnly(List.of("--list", "--running", "--quiet"));
  }

  @Test
  void readsTheVersionInAnyLanguage() throws IOException {
    wsl.answers("--version", 0, "WSL バージョン: 2.6.1.0\r\nカーネル: 6.6.87.2-1\r\n", "", UTF_16LE)
        .answers("--version", -1, "Invalid command line option: --version\r\n", "", UTF_16LE);
    assertThat(FakeWsl.<String>call(op -> wsl.exe().version(op))).isEqualTo("2.6.1.0");
    failsWith(ErrorCode.WSL_NOT_AVAILABLE, () -> FakeWsl.call(op -> wsl.exe().version(op)));
  }

  @Test
  void passesEveryArgumentAsItIs() throws IOException {
    wsl.answers("--mount", 0, "").answers("--unmount", 0, "").answers("--terminate", 0, "");
    String path = "\\\\?\\D:\\my disks\\\"ünï\" $x.vhdx";
    FakeWsl.call(op -> wsl.exe().mountVhd(path, MountName.of("nixstorage"), "ext4", op));
    FakeWsl.call(op -> wsl.exe().unmount(path, op));
    FakeWsl.call(
        op -> {
          wsl.exe().terminate("nixos-main", op);
          return true;
        });
    assertThat(wsl.calls())
        .containsExactly(
            List.of("--mount", path, "--vhd", "--name", "nixstorage", "--type", "ext4"),
            List.of("--unmount", path),
            List.of("--terminate", "nixos-main"));
  }

  @Test
  void neverDetachesAllDisks() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> FakeWsl.call(op -> wsl.exe().unmount(" ", op)));
    assertThat(scratch.resolve("call.1")).doesNotExist();
  }

  @Test
  void feedsScriptsThroughStandardInput() throws IOException {
    wsl.answers("mounts", 7, "été\n", "wsl: Warnung\r\n", UTF_8);
    String script = "printf '%s\n' \"é $x\"\n";
    WslAnswer answer = FakeWsl.call(op -> wsl.exe().exec("nixos-main", script, op));
    assertThat(wsl.calls())
        .containsExactly(List.of("-d", "nixos-main", "-u", "root", "--exec", "/bin/sh", "-s"));
    assertThat(wsl.noted("stdin", 1)).isEqualTo(script);
    assertThat(answer.exitCode()).isEqualTo(7);
    assertThat(answer.stdout()).isEqualTo("été\n");
    assertThat(answer.wslFailed()).isFalse();
  }

  @Test
  void refusesNamesThatCouldBeOptions() {
    for (String name : List.of("", "-d", "--shutdown", "a b", "a;b", "é")) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> FakeWsl.call(op -> wsl.exe().exec(name, "", op)));
    }
    assertThat(scratch.resolve("call.1")).doesNotExist();
  }

  @Test
  void tellsAnInstanceThatIsNotThereFromAScriptThatFails() throws IOException {
    wsl.answers(
        "mounts", -1, "??? Fehlercode: Wsl/Service/WSL_E_DISTRO_NOT_FOUND\r\n", "", UTF_16LE);
    failsWith(ErrorCode.DISTRO_NOT_FOUND, () -> FakeWsl.call(op -> wsl.exe().exec("x", "", op)));
  }

  @Test
  void aFailureThatIsNotKnownKeepsAllItCanTell() throws IOException {
    wsl.answers("--list", -1, "Kaputt.\r\nFehlercode: Wsl/0x8badf00d\r\n", "", UTF_16LE);
    assertThatThrownBy(() -> FakeWsl.call(op -> wsl.exe().running(op)))
        .isInstanceOfSatisfying(
            CommandException.class,
            e -> {
              assertThat(e.code()).isEqualTo(ErrorCode.WSL_FAILED);
              assertThat(e.command()).endsWith("--list", "--running", "--quiet");
              assertThat(e.output()).contains("Kaputt.");
              assertThat(e).hasMessageContaining("Wsl/0x8badf00d");
            });
  }

  @Test
  void saysWhenThereIsNoWsl() {
    WslExe absent = new WslExe(new ProcessRunner(), scratch.resolve("absent").toString());
    failsWith(ErrorCode.WSL_NOT_AVAILABLE, () -> FakeWsl.call(absent::list));
  }

  private static void failsWith(ErrorCode code, Runnable call) {
    assertThatThrownBy(call::run)
        .isInstanceOfSatisfying(
            StorageSdkException.class, e -> assertThat(e.code()).isEqualTo(code));
  }
}
