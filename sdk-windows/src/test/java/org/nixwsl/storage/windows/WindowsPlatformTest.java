package org.nixwsl.storage.windows;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.platform.InstanceShell;
import org.nixwsl.storage.core.platform.Platform;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.windows.wsl.FakeWsl;

class WindowsPlatformTest {
  private final Platform platform = new WindowsPlatform(Map.of());

  @Test
  void isFoundAsAService() {
    assertThat(ServiceLoader.load(Platform.class))
        .hasAtLeastOneElementOfType(WindowsPlatform.class);
  }

  @Test
  void isForWindowsOnly() {
    String name = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    assertThat(platform.suitsThisMachine()).isEqualTo(name.startsWith("windows"));
  }

  @Test
  void mountsThroughWslExe() {
    assertThat(platform.mounter(new ProcessRunner(), Ticker.system()))
        .isInstanceOf(WslExeMounter.class);
  }

  @Test
  void sendsStoresToWhereTheFilesAre() {
    assertThatThrownBy(() -> platform.verifier(new ProcessRunner(), Ticker.system()))
        .isInstanceOfSatisfying(
            StorageSdkException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.UNSUPPORTED_PLATFORM));
    assertThatThrownBy(() -> platform.storeHost(new ProcessRunner(), Ticker.system()))
        .isInstanceOf(StorageSdkException.class)
        .hasMessageContaining("inside the instance");
  }

  @Test
  void goesIntoAnInstanceByItsNameOnly(@TempDir Path scratch) throws IOException {
    assertThatThrownBy(() -> platform.instanceShell(Optional.empty(), new ProcessRunner()))
        .isInstanceOfSatisfying(
            StorageSdkException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.UNSUPPORTED_PLATFORM));
    FakeWsl wsl = new FakeWsl(scratch);
    Platform simulated = new WindowsPlatform(wsl.runner(), scratch, Map.of());
    assertThatIllegalArgumentException()
        .isThrownBy(() -> simulated.instanceShell(Optional.of("-d"), new ProcessRunner()));
    InstanceShell shell = simulated.instanceShell(Optional.of("nixos"), new ProcessRunner());
    assertThat(shell.instance()).isEqualTo("the WSL instance nixos");
    wsl.answers("script", 3, "nix-storage: é [NOT_MOUNTED]\n");
    ProcessRunner.Result result =
        Operation.quiet(
            "test", operation -> shell.run("exit 3\n", Duration.ofMinutes(1), operation));
    assertThat(result.exitCode()).isEqualTo(3);
    assertThat(result.text()).isEqualTo("nix-storage: é [NOT_MOUNTED]\n");
    assertThat(wsl.calls())
        .containsExactly(List.of("-d", "nixos", "-u", "root", "--exec", "/bin/sh", "-s"));
    assertThat(wsl.scripts()).containsExactly("exit 3\n");
    wsl.clear("script")
        .answers("script", -1, "x\nError code: Wsl/Service/WSL_E_DISTRO_NOT_FOUND\n");
    assertThatThrownBy(
            () ->
                Operation.quiet(
                    "test", operation -> shell.run("true\n", Duration.ofMinutes(1), operation)))
        .isInstanceOfSatisfying(
            StorageSdkException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.DISTRO_NOT_FOUND));
  }

  @Test
  void writesPathsAsWslComparesThem() {
    assertThat(WindowsPath.extended("D:\\x\\store.vhdx")).isEqualTo("\\\\?\\D:\\x\\store.vhdx");
    assertThat(WindowsPath.extended("\\\\srv\\share\\a.vhdx"))
        .isEqualTo("\\\\?\\UNC\\srv\\share\\a.vhdx");
    assertThat(WindowsPath.extended("\\\\?\\D:\\a.vhdx")).isEqualTo("\\\\?\\D:\\a.vhdx");
    assertThat(WindowsPath.extended("/mnt/a.vhdx")).isEqualTo("/mnt/a.vhdx");
  }
}
