package org.nixwsl.storage.examples.nixwsl;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;

/** {@code nixwsl wsl} as a process of its own, with a simulator in the place of wsl.exe. */
@Tag("once")
class WslCommandTest {
  private static final UUID ID = UUID.fromString("0b7f6f0e-6f38-4c3c-8a47-5f6b3a0d1c2e");

  @RegisterExtension final SimulatedWsl wsl = new SimulatedWsl();

  @Test
  void preparesMountsListsPersistsAndUnmounts() {
    wsl.addInstance("nixos");
    Path disk = wsl.addDisk("shared");
    Cli prepared = run("mount", "--format-blank", "--disk", disk, "--uuid", ID, "--json");
    assertThat(prepared.exitCode()).as(prepared.err()).isZero();
    assertThat(prepared.json())
        .containsEntry("mounted", true)
        .containsEntry("mountPoint", "/mnt/wsl/nixstorage")
        .containsEntry("fileSystemType", "ext4")
        .containsEntry("fileSystemUuid", ID.toString());
    List<?> rows = (List<?>) Objects.requireNonNull(run("list", "--json").json().get("instances"));
    Map<?, ?> row = (Map<?, ?>) Objects.requireNonNull(rows.get(0));
    assertThat(row.get("name")).isEqualTo("nixos");
    assertThat(row.get("running")).isEqualTo(true);
    wsl.call("--shutdown");
    assertThat(run("status", "--disk", disk, "--json").exitCode()).isEqualTo(1);

    assertThat(run("persist", "query", "--json").exitCode()).isEqualTo(1);
    Cli installed = run("persist", "install", "--disk", disk, "--uuid", ID, "--json");
    assertThat(installed.exitCode()).as(installed.err()).isZero();
    assertThat(installed.json()).containsEntry("installed", true).containsEntry("asUser", true);
    assertThat(run("ensure", "--disk", disk, "--uuid", ID).exitCode()).isZero();
    assertThat(run("status", "--disk", disk).exitCode()).isZero();
    assertThat(run("persist", "remove", "--json").json()).containsEntry("removed", true);

    assertThat(run("unmount", "--disk", disk, "--json").json()).containsEntry("mounted", false);
    Cli twice = run("mount", "--format-blank", "--disk", disk, "--json");
    assertThat(twice.exitCode()).isEqualTo(3);
    assertThat(twice.error()).containsEntry("code", "DISK_NOT_BLANK");
    assertThat(wsl.<List<String>>ask(machine -> machine.accidents())).isEmpty();
  }

  private Cli run(Object... arguments) {
    return Cli.behind(wsl, Stream.concat(Stream.of("wsl"), Stream.of(arguments)).toArray());
  }
}
