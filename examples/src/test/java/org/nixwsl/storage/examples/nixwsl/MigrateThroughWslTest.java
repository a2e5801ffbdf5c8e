package org.nixwsl.storage.examples.nixwsl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.testkit.nix.NixProgram;
import org.nixwsl.storage.testkit.nix.RealNixStore;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;
import org.nixwsl.storage.testkit.wsl.command.WslOutput;

/** {@code nixwsl migrate} as on Windows: the store is in an instance, behind {@code wsl}. */
@Tag("once")
class MigrateThroughWslTest {
  @RegisterExtension final SimulatedWsl wsl = SimulatedWsl.withRealDisks();
  @TempDir private Path folder;

  @Test
  void eachCommandWorksOnTheInstanceBehindWsl() throws Exception {
    assumeTrue(NixProgram.installed(), "skipped: nix-store is missing");
    Path root = Files.createDirectories(folder.resolve("real"));
    RealNixStore.make(NixProgram.in(folder), root, 2, 5);
    wsl.addInstance("nixos");
    byte[] packed = run(Command.of("tar", "-C", root.toString(), "-c", "nix")).stdout();
    String program = wsl.executable().toString();
    run(Command.of(program, "-d", "nixos", "-e", "/bin/tar", "-C", "/", "-x").reading(packed));
    Path disk = folder.resolve("shared.vhdx");

    Cli gone = migrate("plan", "--instance", "gone", "--disk", disk, "--size", "512M");
    assertThat(gone.exitCode()).as(gone.err()).isEqualTo(1);
    assertThat(gone.out()).contains("DISTRO_NOT_FOUND");
    Cli plan = migrate("plan", "--instance", "nixos", "--disk", disk, "--size", "512M");
    assertThat(plan.exitCode()).as(plan.out() + plan.err()).isZero();
    Cli moved = migrate("run", "--instance", "nixos", "--disk", disk, "--size", "512M");
    assertThat(moved.exitCode()).as(moved.err()).isZero();
    assertThat(moved.json())
        .containsEntry("mountPoint", "/mnt/wsl/nixstorage")
        .containsEntry("paths", plan.json().get("paths"));
    assertThat(wsl.inVm("/mnt/wsl/nixstorage/nixos/.nix-storage-id"))
        .hasContent(Objects.requireNonNull(moved.json().get("storageId")) + "\n");
    assertThat(migrate("resume", "--instance", "nixos", "--disk", disk).exitCode()).isZero();
    assertThat(migrate("status", "--instance", "nixos", "--disk", disk).json())
        .containsEntry("phase", "committed")
        .containsEntry("storageSeen", true);
    String at = "/mnt/wsl/nixstorage/nixos";
    String built =
        sh("nix-store --store 'local?real=%s/store&state=%s/var/nix&log=/tmp' --add /etc/passwd"
                .formatted(at, at))
            .strip();
    Cli back = migrate("rollback", "--instance", "nixos", "--disk", disk);
    assertThat(back.exitCode()).as(back.err()).isZero();
    assertThat(back.json().get("broughtBack"))
        .asInstanceOf(InstanceOfAssertFactories.MAP)
        .containsEntry("paths", 1);
    sh("NIX_REMOTE=local nix-store --verify --check-contents");
    sh("NIX_REMOTE=local nix-store --check-validity " + built + " && cmp /etc/passwd " + built);
    assertThat(cli("wsl", "ensure", "--disk", disk).exitCode()).isZero();
    assertThat(migrate("reclaim", "--disk", disk).json())
        .containsEntry("removed", List.of(Objects.requireNonNull(back.json().get("trash"))));
    assertThat(wsl.<List<String>>ask(machine -> machine.accidents())).isEmpty();
  }

  private String sh(String script) {
    WslOutput output = wsl.call("-d", "nixos", "--exec", "/bin/sh", "-c", script + " 2>/tmp/said");
    assertThat(output.exit()).as("%s: %s", script, output.text()).isZero();
    return output.text();
  }

  private Cli migrate(Object... arguments) {
    return cli(
        Stream.concat(
                Stream.of("migrate"), Stream.concat(Stream.of(arguments), Stream.of("--json")))
            .toArray());
  }

  private Cli cli(Object... arguments) {
    return Cli.behind(wsl, arguments);
  }

  private static ProcessRunner.Result run(Command command) {
    return Operation.quiet("test", operation -> new ProcessRunner().run(command, operation));
  }
}
