package org.nixwsl.storage.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.Proxy;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.StoreVerifier;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.platform.InstanceShell;
import org.nixwsl.storage.core.platform.Platform;
import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.core.platform.Workplace;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;

class EngineTest {
  @Test
  void allCallsShareOneMounterSoThatItCanKeepThemApart() {
    try (Engine engine = new Engine(Optional.of(new MountersOnly()))) {
      assertThat(engine.mounter()).isSameAs(engine.mounter());
    }
  }

  @Test
  void withoutAPlatformWhatNeedsNoneWorksAndTheRestSaysWhatIsMissing() {
    try (Engine engine = new Engine(Optional.empty())) {
      assertThat(engine.vhdx()).isNotNull();
      assertThat(engine.configWriter()).isNotNull();
      assertThatThrownBy(engine::mounter)
          .isInstanceOfSatisfying(
              EnvironmentException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.NO_ENGINE));
    }
  }

  private static final class MountersOnly implements Platform {
    @Override
    public boolean suitsThisMachine() {
      return true;
    }

    @Override
    public WslMounter mounter(ProcessRunner processes, Ticker ticker) {
      return (WslMounter)
          Proxy.newProxyInstance(
              WslMounter.class.getClassLoader(),
              new Class<?>[] {WslMounter.class},
              (proxy, method, arguments) -> {
                throw new AssertionError("not used");
              });
    }

    @Override
    public StoreVerifier verifier(ProcessRunner processes, Ticker ticker) {
      throw new AssertionError("not used");
    }

    @Override
    public Workplace workplace(
        Optional<String> distribution,
        NixConfigWriter config,
        ProcessRunner processes,
        Ticker ticker) {
      throw new AssertionError("not used");
    }

    @Override
    public InstanceShell instanceShell(Optional<String> distribution, ProcessRunner processes) {
      throw new AssertionError("not asked for here");
    }

    @Override
    public StoreHost storeHost(ProcessRunner processes, Ticker ticker) {
      throw new AssertionError("not used");
    }
  }
}
