package org.nixwsl.storage.core.nixconf;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** How a system gets to the root disk. */
@Tag("once")
class SeedTest extends BootScripts {
  @Test
  void aBootNeedsNoCopyOfASystemThatTheRootDiskHas() throws IOException {
    fakeNix("exit 1");
    Files.createDirectories(root.resolve("var/nix/gcroots"));
    Path roots = Files.createDirectories(scratch.resolve("run/root-disk/nix/var/nix/gcroots"));
    Files.createSymbolicLink(roots.resolve("nix-storage-current"), scratch.resolve("system"));
    assertThat(seed("links").exitCode()).isZero();
    Files.delete(roots.resolve("nix-storage-current"));
    assertThat(seed("links").exitCode()).isNotZero();
  }

  @Test
  void b10SeedsTheRootDiskAndSyncsBeforeTheProfileNamesIt() throws IOException {
    fakeNix("exit 0");
    assertThat(seed("profile").exitCode()).isZero();
    assertThat(Files.readAllLines(scratch.resolve("calls")))
        .containsExactly(
            "nix --extra-experimental-features nix-command copy --no-check-sigs --to RUN/root-disk "
                + scratch.resolve("system"),
            "sync -f RUN/root-disk",
            "nix-env --store RUN/root-disk --profile RUN/root-disk/nix/var/nix/profiles/system"
                + " --set "
                + scratch.resolve("system"),
            "sync -f RUN/root-disk");
  }

  @Test
  void aTestedSystemIsCopiedButNotMadeTheOneToBoot() throws IOException {
    fakeNix("exit 0");
    assertThat(seed("links").exitCode()).isZero();
    assertThat(scratch.resolve("calls")).content().contains("copy").doesNotContain("nix-env");
  }

  @Test
  void b1ACopyThatFailsLeavesTheProfileAndFails() throws IOException {
    fakeNix("exit 1");
    assertThat(seed("profile").exitCode()).isNotZero();
    assertThat(scratch.resolve("calls")).content().doesNotContain("nix-env");
  }

  @Test
  void seedsNothingWhileTheRootDiskIsInUse() throws IOException {
    fakeNix("exit 0");
    Files.delete(scratch.resolve("run/active"));
    assertThat(seed("profile").exitCode()).isZero();
    assertThat(scratch.resolve("calls")).doesNotExist();
  }
}
