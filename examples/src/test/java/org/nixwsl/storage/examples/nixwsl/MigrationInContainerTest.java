package org.nixwsl.storage.examples.nixwsl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.jr.ob.JSON;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.testkit.ScratchDirectory;
import org.nixwsl.storage.testkit.container.NixContainer;
import org.nixwsl.storage.testkit.nix.NixProgram;
import org.nixwsl.storage.testkit.nix.RealNixStore;
import org.testcontainers.containers.Container.ExecResult;

/** What runs inside an instance: Linux, systemd, Nix, and the JRE of a distribution. */
@Tag("once")
class MigrationInContainerTest {
  @Test
  void migratesAndVerifiesARealStoreInsideAnInstance() throws Exception {
    Optional<String> why = NixContainer.whyUnavailable();
    assumeTrue(why.isEmpty(), why.orElse(""));
    assumeTrue(NixProgram.installed(), "skipped: nix-store is missing");

    try (ScratchDirectory work = ScratchDirectory.in(Path.of("/var/tmp"), "nixwsl-test-");
        NixContainer instance = new NixContainer()) {
      Path source = work.path().resolve("source");
      RealNixStore.make(NixProgram.in(work.path()), source, 4, 42);
      instance.sharing(work.path(), "/stores");
      Cli.classPath().forEach(instance::showing);
      instance.start();

      Map<String, Object> migrated =
          nixwsl(
              instance,
              "migrate run --source /stores/source --instance inside --directory /stores --json");
      Map<String, Object> verified =
          nixwsl(instance, "store verify /stores/inside --level links --json");
      ExecResult nix =
          instance.execInContainer(
              "nix-store",
              "--store",
              "local?real=/stores/inside/store&state=/stores/inside/var/nix&log=/tmp",
              "--verify",
              "--check-contents");

      assertThat(migrated.get("paths")).isEqualTo(verified.get("paths"));
      assertThat(verified).containsEntry("status", "ok").containsEntry("findings", List.of());
      assertThat(nix.getExitCode()).as(nix.getStderr()).isZero();
    }
  }

  private static Map<String, Object> nixwsl(NixContainer instance, String arguments)
      throws Exception {
    List<String> command = new ArrayList<>();
    command.addAll(
        List.of(
            "java",
            "-cp",
            String.join(":", Cli.classPath().stream().map(Path::toString).toList()),
            NixWsl.class.getName()));
    command.addAll(List.of(arguments.split(" ")));
    ExecResult result = instance.execInContainer(command.toArray(String[]::new));
    assertThat(result.getExitCode()).as(arguments + ": " + result.getStderr()).isZero();
    return JSON.std.mapFrom(result.getStdout());
  }
}
