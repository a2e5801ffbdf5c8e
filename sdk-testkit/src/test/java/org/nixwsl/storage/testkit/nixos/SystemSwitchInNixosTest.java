package org.nixwsl.storage.testkit.nixos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.config.NixModuleSettings;
import org.nixwsl.storage.core.nixconf.NixModuleRenderer;
import org.nixwsl.storage.core.nixwire.SystemSwitch;
import org.nixwsl.storage.core.platform.InstanceControl;
import org.nixwsl.storage.core.platform.Instances;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.CommandException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.mount.BootState;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;
import org.nixwsl.storage.testkit.wsl.command.WslCall;
import org.nixwsl.storage.testkit.wsl.command.WslOutput;
import org.nixwsl.storage.windows.WindowsPlatform;
import org.nixwsl.storage.windows.wsl.WslRunner;

/** An instance is switched and switched back as a move does it: a real Nix, shell and systemd. */
@Tag("once")
@Timeout(300)
class SystemSwitchInNixosTest {
  private static final UUID ID = UUID.fromString("6f1d5b1e-0c0a-4d0e-9a77-3a1f0d7c2b10");
  private static final Path ETC = Path.of("/etc/nixos");

  @TempDir Path notes;
  private SimulatedWsl wsl;
  private SystemSwitch system;
  private InstanceControl control;

  @BeforeEach
  void makeAnInstance() {
    wsl = NixosMachine.make("nixos");
    ProcessRunner processes = new ProcessRunner();
    Instances instances =
        new WindowsPlatform(
                WslRunner.ofProgram(processes, wsl.executable().toString()), notes, Map.of())
            .instances(processes, Ticker.system());
    system = new SystemSwitch(instances.shell("nixos"));
    control = instances.control("nixos").orElseThrow();
  }

  @AfterEach
  void closeIt() {
    if (wsl != null) {
      wsl.close();
    }
  }

  @Test
  void theNextBootGoesThroughTheHookUntilTheInstanceIsSwitchedBack() {
    SystemSwitch.State before = look();
    assertThat(before.running()).isEqualTo(before.profile()).endsWith("-nixos-system-mini");
    assertThat(before.hooked()).isFalse();
    assertThat(restarted()).isEmpty();

    in("printf 'broken' > /etc/nixos/nix-storage.nix");
    in("sed -i 's|imports = .|&./nix-storage.nix|' /etc/nixos/configuration.nix");
    CommandException failed =
        catchThrowableOfType(CommandException.class, this::switchToConfiguration);
    assertThat(failed.code()).isEqualTo(ErrorCode.SWITCH_FAILED);
    assertThat(failed.output()).contains("broken");
    assertThat(look()).isEqualTo(before);

    write("/etc/nixos/nix-storage.nix", module());
    assertThat(switchToConfiguration()).isEmpty();
    SystemSwitch.State after = look();
    assertThat(after.running()).isEqualTo(after.profile()).endsWith("-nixos-system-mini-storage");
    assertThat(after.hooked()).isTrue();
    assertThat(restarted()).map(BootState::decision).contains(BootState.Decision.UNARMED);

    Optional<String> told =
        Operation.quiet("back", operation -> system.back(before, ID, operation));
    assertThat(told).isEmpty();
    assertThat(look()).isEqualTo(before);
    assertThat(restarted()).as("past the hook").isEmpty();
    assertThat(look()).isEqualTo(before);
    in("nix-store --verify --check-contents");
  }

  private static String module() {
    return new NixModuleRenderer()
        .render(
            NixModuleSettings.builder()
                .instance(InstanceName.of("nixos"))
                .storageId(ID)
                .waitSeconds(3)
                .build());
  }

  private SystemSwitch.State look() {
    return Operation.quiet("look", operation -> system.look(ID, operation));
  }

  private Optional<String> switchToConfiguration() {
    return Operation.quiet("switch", operation -> system.toConfiguration(ETC, ID, operation));
  }

  private Optional<BootState> restarted() {
    return Operation.quiet(
        "restart",
        operation -> {
          control.terminate(operation);
          control.start(operation);
          return control.bootState(operation);
        });
  }

  private void write(String file, String text) {
    List<String> line = List.of("-d", "nixos", "--exec", "/bin/sh", "-c", "cat > " + file);
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    assertThat(wsl.call(new WslCall(line, bytes, true, wsl.folder())).exit()).isZero();
  }

  private void in(String script) {
    WslOutput output = wsl.call("-d", "nixos", "--exec", "/bin/sh", "-ec", script);
    assertThat(output.exit()).as(script + "\n" + output.text() + output.errors()).isZero();
  }
}
