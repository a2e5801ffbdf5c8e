package org.nixwsl.storage.windows.guest;

import static java.nio.charset.StandardCharsets.UTF_16LE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.nixwsl.storage.windows.wsl.FakeWsl.call;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.mount.BootState;
import org.nixwsl.storage.windows.wsl.FakeWsl;

/** What is called to stop and start an instance, and what is believed of the answers. */
class WslInstanceControlTest {
  private static final Path LEASE = Path.of("/mnt/wsl/nixstorage/.nixwsl/locks/main");
  private static final String BOOT =
      "{\"version\":1,\"decision\":\"disk\",\"reason\":\"bound\",\"findings\":[],"
          + "\"source\":\"/mnt/wsl/nixstorage/main\",\"storageId\":\"6f1d\"}\n";

  @TempDir Path scratch;
  private FakeWsl wsl;
  private WslInstanceControl control;

  @BeforeEach
  void layOut() throws IOException {
    wsl = new FakeWsl(scratch);
    control = new WslInstanceControl(wsl.exe(), "nixos");
  }

  private List<String> verbs() throws IOException {
    return wsl.calls().stream().map(call -> call.get(0)).toList();
  }

  @Test
  void namesThatDifferInCaseOnlyAreTheSame() throws IOException {
    wsl.answers("--running", 0, "Ubuntu\nNixOS\n").answers("--list", 0, "");
    assertThat(call(control::running)).isTrue();
    wsl.clear("--running").answers("--running", 0, "nixos-2\n");
    assertThat(call(control::running)).isFalse();
    assertThat(control.instance()).isEqualTo("the WSL instance nixos");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new WslInstanceControl(wsl.exe(), "--all"));
  }

  @Test
  void stopsAndWaitsUntilItIsGone() throws IOException {
    wsl.answers("--list", 0, "").answers("--terminate", 0, "");
    wsl.answers("--running", 0, "nixos\n").answers("--running", 0, "nixos\n");
    wsl.answers("--running", 0, "");
    call(
        operation -> {
          control.terminate(operation);
          return true;
        });
    assertThat(verbs()).containsExactly("--list", "--terminate", "--list", "--list");
    assertThat(wsl.calls().get(1)).containsExactly("--terminate", "nixos");
  }

  @Test
  void whatDoesNotRunIsNotStopped() throws IOException {
    wsl.answers("--list", 0, "").answers("--running", 0, "");
    call(
        operation -> {
          control.terminate(operation);
          return true;
        });
    assertThat(verbs()).containsExactly("--list");
  }

  @Test
  void anInstanceThatIsSaidToBeStoppedAndRunsIsAnError() throws IOException {
    wsl.answers("--list", 0, "").answers("--terminate", 0, "");
    wsl.answers("--running", 0, "nixos\n");
    assertThatThrownBy(
            () ->
                Operation.run(
                    "stop",
                    RunOptions.ofDefaults(),
                    new Skipping(),
                    Map.of(),
                    operation -> {
                      control.terminate(operation);
                      return true;
                    }))
        .isInstanceOfSatisfying(
            StorageSdkException.class,
            e -> {
              assertThat(e.code()).isEqualTo(ErrorCode.WSL_FAILED);
              assertThat(e.getMessage()).contains("still runs after 120 s");
            });
  }

  /** Pauses take no time of the test, and all of the clock's. */
  private static final class Skipping implements Ticker {
    private long skipped;

    @Override
    public Instant now() {
      return Instant.now();
    }

    @Override
    public long nanos() {
      return System.nanoTime() + skipped;
    }

    @Override
    public void pause(Duration time) {
      skipped += Duration.ofSeconds(30).toNanos();
    }
  }

  @Test
  void startsByACommandAndSaysWhyIfItCannot() throws IOException {
    wsl.answers("script", 0, "");
    call(
        operation -> {
          control.start(operation);
          return true;
        });
    assertThat(wsl.calls())
        .containsExactly(List.of("-d", "nixos", "-u", "root", "--exec", "/bin/sh", "-s"));
    wsl.clear("script").answers("script", -1, "x\nError code: Wsl/Service/WSL_E_VM_CRASHED\n");
    assertThatThrownBy(
            () ->
                call(
                    operation -> {
                      control.start(operation);
                      return true;
                    }))
        .isInstanceOf(StorageSdkException.class)
        .hasMessageContaining("nixos");
  }

  @Test
  void tellsHowItBootedAndStartsNothingForThat() throws IOException {
    wsl.answers("--list", 0, "").answers("--running", 0, "");
    assertThat(call(control::bootState)).isEmpty();
    assertThat(verbs()).containsExactly("--list");
    wsl.clear("--running").answers("--running", 0, "nixos\n").answers("boot", 0, BOOT);
    BootState boot = call(control::bootState).orElseThrow();
    assertThat(boot.decision()).isEqualTo(BootState.Decision.DISK);
    assertThat(boot.storageId()).contains("6f1d");
    wsl.clear("boot").answers("boot", 0, "");
    assertThat(call(control::bootState)).as("no hook").isEmpty();
  }

  @Test
  void howAnInstanceBootedThatCannotBeAskedIsNotTakenForNoHook() throws IOException {
    wsl.answers("--list", 0, "").answers("--running", 0, "nixos\n");
    wsl.answers("boot", 1, "cat: Input/output error\n");
    assertThatThrownBy(() -> call(control::bootState))
        .isInstanceOf(StorageSdkException.class)
        .hasMessageContaining("Cannot learn how the WSL instance nixos booted");
    wsl.clear("boot").answers("boot", 0, BOOT.substring(1));
    assertThatThrownBy(() -> call(control::bootState))
        .isInstanceOf(StorageSdkException.class)
        .hasMessageContaining("is not what its hook writes");
  }

  @Test
  void asksAnotherInstanceForTheLeaseAndStartsNone() throws IOException {
    wsl.answers("--list", 0, "").answers("--running", 0, "docker-desktop\n");
    assertThat(free()).as("nobody runs who could hold it").isTrue();
    assertThat(verbs()).containsExactly("--list");
    wsl.clear("--running").answers("--running", 0, "nixos\nbroken\nUbuntu\n");
    wsl.answers("lease-broken", -1, "x\nError code: Wsl/Service/WSL_E_DISTRO_NOT_FOUND\n");
    wsl.answers("lease-Ubuntu", 42, "");
    assertThat(free()).isFalse();
    wsl.clear("lease-Ubuntu").answers("lease-Ubuntu", 0, "");
    assertThat(free()).isTrue();
    assertThat(wsl.calls()).noneMatch(call -> call.contains("nixos"));
    assertThat(wsl.scripts()).anyMatch(script -> script.startsWith("set -- 'lease' '" + LEASE));
  }

  private boolean free() {
    return call(operation -> control.leaseIsFree(LEASE, operation));
  }

  @Test
  void aCancellationIsNoAnswerOfAnInstance() throws IOException {
    wsl.answers("--list", 0, "").answers("--running", 0, "Ubuntu\n");
    wsl.answers("lease", -1, "?: Wsl/Service/E_FAIL\r\n", "", UTF_16LE);
    assertThat(free()).as("nobody could be asked").isTrue();
    Thread.currentThread().interrupt();
    try {
      assertThatThrownBy(this::free)
          .isInstanceOfSatisfying(
              StorageSdkException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.CANCELLED));
    } finally {
      assertThat(Thread.interrupted()).isTrue();
    }
  }
}
