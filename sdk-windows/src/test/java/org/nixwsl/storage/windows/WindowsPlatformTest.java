package org.nixwsl.storage.windows;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Locale;
import java.util.Map;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.core.platform.Platform;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;

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
  void writesPathsAsWslComparesThem() {
    assertThat(WindowsPath.extended("D:\\x\\store.vhdx")).isEqualTo("\\\\?\\D:\\x\\store.vhdx");
    assertThat(WindowsPath.extended("\\\\srv\\share\\a.vhdx"))
        .isEqualTo("\\\\?\\UNC\\srv\\share\\a.vhdx");
    assertThat(WindowsPath.extended("\\\\?\\D:\\a.vhdx")).isEqualTo("\\\\?\\D:\\a.vhdx");
    assertThat(WindowsPath.extended("/mnt/a.vhdx")).isEqualTo("/mnt/a.vhdx");
  }
}
