package org.nixwsl.storage.linux.freeze;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.core.platform.StoreFreezer;

/** Lines as systemctl 252 and 257 print them with --plain --no-legend. */
class NixUnitsTest {
  @Test
  void timersAndSocketsStopBeforeServicesAndSocketsStartBeforeThem() {
    NixUnits units =
        NixUnits.of(
            List.of(
                "nix-daemon.service  enabled enabled",
                "nix-daemon.socket   enabled enabled",
                "nix-gc.service      static  -",
                "nix-gc.timer        enabled enabled"),
            List.of(
                "nix-daemon.service loaded active running Nix Daemon",
                "nix-daemon.socket  loaded active running Nix Daemon Socket",
                "nix-gc.service     loaded inactive dead Nix Garbage Collector",
                "nix-gc.timer       loaded active waiting nix-gc.timer"));

    assertThat(units.stopped())
        .containsExactly("nix-gc.timer", "nix-daemon.socket", "nix-daemon.service");
    assertThat(units.restarted())
        .containsExactly("nix-daemon.socket", "nix-daemon.service", "nix-gc.timer");
    assertThat(units.blocked())
        .containsExactlyInAnyOrder(
            "nix-daemon.service", "nix-daemon.socket", "nix-gc.service", "nix-gc.timer");
    assertThat(units.awaited()).isEmpty();
  }

  @Test
  void theServiceOfAClientOfLixIsLeftToEndAndItsTemplateBlocked() {
    NixUnits units =
        NixUnits.of(
            List.of("lix-daemon-xp1.socket enabled enabled", "lix-daemon-xp1@.service static -"),
            List.of(
                "lix-daemon-xp1.socket loaded active listening Lix",
                "lix-daemon-xp1@7-1234-0.service loaded active running Lix (PID 1234/UID 0)"));

    assertThat(units.stopped()).containsExactly("lix-daemon-xp1.socket");
    assertThat(units.blocked())
        .containsExactlyInAnyOrder("lix-daemon-xp1.socket", "lix-daemon-xp1@.service");
  }

  @Test
  void aCollectionUnderWayIsStoppedAndNotBegunAgainAndAnUpgradeIsWaitedFor() {
    NixUnits units =
        NixUnits.of(
            List.of("nix-gc.service static -", "nixos-upgrade.service static -"),
            List.of(
                "nix-gc.service        loaded activating start Nix Garbage Collector",
                "nixos-upgrade.service loaded activating start NixOS Upgrade"));

    assertThat(units.stopped()).containsExactly("nix-gc.service");
    assertThat(units.restarted()).isEmpty();
    assertThat(units.awaited()).containsExactly("nixos-upgrade.service");
    assertThat(units.blocked()).contains("nixos-upgrade.service");
  }

  @Test
  void whatIsNotThereOrMaskedByTheUserOrNoNameIsLeftAlone() {
    NixUnits units =
        NixUnits.of(
            List.of("determinate-nixd.service masked enabled", "-x.service static -", ""),
            List.of("nix-daemon.socket not-found inactive dead nix-daemon.socket", "0 units"));

    assertThat(units).isEqualTo(new NixUnits(List.of(), List.of(), List.of(), List.of()));
  }

  @Test
  void whatIsNoUnitCannotBeNamedInAddition() {
    for (String name : List.of("a b.service", "--all", "-a.service", "x", "$(x).service", "*")) {
      assertThatThrownBy(
              () ->
                  new StoreFreezer.Options(
                      Duration.ZERO, Duration.ZERO, Duration.ofHours(1), List.of(name)))
          .as(name)
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
