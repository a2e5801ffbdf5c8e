package org.nixwsl.storage.testkit.nixos;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.nixwsl.storage.config.NixModuleSettings;
import org.nixwsl.storage.core.nixconf.NixModuleRenderer;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;
import org.nixwsl.storage.testkit.wsl.command.WslCall;
import org.nixwsl.storage.testkit.wsl.command.WslOutput;

/** What a move asks of an instance, done by hand. */
@Tag("once")
@Timeout(300)
class MiniNixosTest {
  private static final UUID ID = UUID.fromString("6f1d5b1e-0c0a-4d0e-9a77-3a1f0d7c2b10");
  private static final UUID DISK = UUID.fromString("c3b0f0de-9f6a-4f3e-8a52-1f8c0a6c9d02");

  private static final String EVALUATED =
      "(import <nixpkgs/nixos> { configuration = /etc/nixos/configuration.nix; })"
          + ".config.wsl.wslConf.boot.initTimeout";

  private SimulatedWsl wsl;

  @BeforeEach
  void makeAMachine() {
    wsl = NixosMachine.make("nixos");
  }

  @AfterEach
  void closeIt() {
    if (wsl != null) {
      wsl.close();
    }
  }

  @Test
  void aSwitchPutsTheHookInPlaceWhichBootsFromTheDiskOnceItIsArmed() {
    Path disk = wsl.addDisk("shared", "ext4", DISK);
    mount(disk);
    assertThat(ok("cat /proc/1/comm; basename $(readlink -f /run/current-system)"))
        .containsPattern("systemd\n\\w+-nixos-system-mini\n");

    write(
        "/etc/nixos/nix-storage.nix",
        new NixModuleRenderer()
            .render(
                NixModuleSettings.builder()
                    .instance(InstanceName.of("nixos"))
                    .storageId(ID)
                    .fileSystemUuid(DISK)
                    .waitSeconds(3)
                    .build()));
    ok("sed -i 's|imports = .|&./nix-storage.nix|' /etc/nixos/configuration.nix");
    ok("nixos-rebuild dry-build -I nixos-config=/etc/nixos/configuration.nix");
    assertThat(ok("nix-instantiate --eval -E '" + EVALUATED + "'")).isEqualTo("40000\n");
    ok("nixos-rebuild switch");
    assertThat(ok("readlink -f /run/current-system")).endsWith("-nixos-system-mini-storage\n");
    restart();
    assertThat(ok("cat /run/nix-storage/boot.json")).contains("\"decision\":\"unarmed\"");

    ok(
        """
        mkdir /mnt/wsl/nixstorage/nixos
        cp -a /nix/. /mnt/wsl/nixstorage/nixos/
        echo %s > /mnt/wsl/nixstorage/nixos/.nix-storage-id
        touch /etc/nix-storage.armed
        """
            .formatted(ID));
    restart();
    assertThat(ok("cat /run/nix-storage/boot.json")).contains("\"decision\":\"disk\"");
    assertThat(ok("findmnt -n -o FSROOT --mountpoint /nix")).isEqualTo("/nixos\n");
    // Nix works there, and the next system is started from there as well.
    ok("sed -i 's|wsl.enable|system.nixos.label = \"next\"; &|' /etc/nixos/configuration.nix");
    ok("nixos-rebuild switch");
    restart();
    assertThat(ok("readlink -f /run/current-system")).endsWith("-nixos-system-next-storage\n");
    assertThat(ok("cat /run/nix-storage/boot.json")).contains("\"decision\":\"disk\"");
    assertThat(ok("nix-store --verify --check-contents 2>&1")).doesNotContain("error");

    wsl.call("--shutdown");
    assertThat(ok("cat /run/nix-storage/boot.json"))
        .contains("\"decision\":\"rescue\"")
        .contains("nothing is mounted");
    assertThat(ok("nix-store --query --requisites /run/current-system | grep -c ."))
        .isNotEqualTo("0\n");
  }

  private void mount(Path disk) {
    WslOutput mounted = wsl.call("--mount", disk.toString(), "--vhd", "--name", "nixstorage");
    assertThat(mounted.exit()).as(mounted.text()).isZero();
  }

  private void restart() {
    assertThat(wsl.call("--terminate", "nixos").exit()).isZero();
  }

  private void write(String file, String text) {
    List<String> line = List.of("-d", "nixos", "--exec", "/bin/sh", "-c", "cat > " + file);
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    assertThat(wsl.call(new WslCall(line, bytes, true, wsl.folder())).exit()).isZero();
  }

  private String ok(String script) {
    WslOutput output = wsl.call("-d", "nixos", "--exec", "/bin/sh", "-ec", script);
    assertThat(output.exit()).as(script + "\n" + output.text() + output.errors()).isZero();
    return output.text();
  }
}
