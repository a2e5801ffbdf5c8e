package org.nixwsl.storage.examples.nixwsl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConfigCommandTest {
  private static final String ID = "6f1d5b1e-0c0a-4d0e-9a77-3a1f0d7c2b10";
  private static final String PLAIN = "{\r\n\timports = [ ];\r\n}";

  @Test
  void namesAtTheEdgesOfTheRulesAreTaken() {
    for (String name : List.of("a", "0", "0._-", "z".repeat(63), "a..b", "1-")) {
      Cli rendered = render(name, name);
      assertThat(rendered.exitCode()).as(name).isZero();
      assertThat(rendered.out()).contains("\"" + name + "\"");
    }
  }

  @Test
  void hostileNamesAreRefusedWithACode() {
    for (String name :
        List.of(
            "",
            ".",
            "..",
            "../x",
            "-x",
            "A",
            "a b",
            "a\"",
            "a${b}",
            "a''",
            "a\n",
            "é",
            "z".repeat(64))) {
      assertRefused(render(name, "nixstorage"));
      assertRefused(render("main", name));
    }
    for (String uuid : List.of("x", "", "1-2-3-4-5", ID + "\"", ID + "0", "${x}" + ID)) {
      assertRefused(Cli.run("config", "render", "--instance=a", "--storage-id=" + uuid));
      assertRefused(withOptions("--fs-uuid=" + uuid));
    }
    assertRefused(withOptions("--wait=16"));
  }

  @Test
  void everySettingOfTheModuleHasAnOption() {
    Cli rendered =
        withOptions(
            "--fs-uuid=" + ID,
            "--auto-optimise-store=true",
            "--fsync-store-paths=false",
            "--min-free=2GiB",
            "--max-free=8GiB",
            "--verify-schedule=Sun 03:00",
            "--gc-schedule=weekly",
            "--gc-older-than=30",
            "--data-directory=/srv/db",
            "--data-directory=/var/lib/my-app",
            "--seed-generations=3",
            "--wsl-conf=interop.appendWindowsPath=false",
            "--wsl-conf=boot.command=a=b # c",
            "--json");
    assertThat(rendered.exitCode()).as(rendered.err()).isZero();
    assertThat((String) rendered.json().get("module"))
        .contains(
            "fileSystemUuid = \"" + ID + "\";",
            "nix.settings.auto-optimise-store = true;",
            "nix.settings.fsync-store-paths = false;",
            "nix.settings.min-free = 2147483648;",
            "nix.settings.max-free = 8589934592;",
            "verifySchedule = \"Sun 03:00\";",
            "nix.gc.dates = \"weekly\";",
            "nix.gc.options = \"--delete-older-than 30d\";",
            "{ where = \"/srv/db\"; wait = \"nix-storage-data-srv-db\"; }",
            "{ where = \"/var/lib/my-app\"; wait = \"nix-storage-data-var-lib-my\\\\x2dapp\"; }",
            "nix-storage prune-seed 3",
            "wsl.wslConf.interop.appendWindowsPath = lib.mkDefault false;",
            "wsl.wslConf.boot.command = lib.mkDefault \"\\\"a=b # c\\\"\";");
    assertThat(withOptions().out())
        .contains("verifySchedule = \"monthly\";")
        .doesNotContain("nix.settings", "nix.gc.dates", "nix.gc.options");
  }

  @Test
  void settingsThatClashAreRefusedWithACode() {
    assertRefused(withOptions("--gc-older-than=30"));
    assertRefused(withOptions("--gc-schedule=weekly", "--gc-older-than=0"));
    assertRefused(withOptions("--min-free=2GiB", "--max-free=1GiB"));
    assertRefused(withOptions("--verify-schedule=$(reboot)"));
    assertRefused(withOptions("--gc-schedule=weekly\"; x"));
    assertRefused(withOptions("--seed-generations=0"));
    for (String path : List.of("", "srv", "/nix/x", "/a/../b", "/a b", "/a\"", "/${x}", "/é")) {
      assertRefused(withOptions("--data-directory=" + path));
    }
    assertRefused(withOptions("--data-directory=/srv", "--data-directory=/srv/db"));
    for (String option :
        List.of(
            "boot.systemdd=true",
            "boot=true",
            "x=y",
            "boot.systemd=true",
            "interop.enabled=yes",
            "automount.mountFsTab=true",
            "boot.initTimeout=1")) {
      assertRefused(withOptions("--wsl-conf=" + option));
    }
  }

  private static Cli withOptions(String... options) {
    return Cli.run(
        Stream.concat(
                Stream.of("config", "render", "--instance=main", "--storage-id", ID),
                Stream.of(options))
            .toArray());
  }

  @Test
  void writesValidatesAndRemoves(@TempDir Path directory) throws IOException {
    assumeTrue(hasNix(), "skipped: nix-instantiate is missing");
    Path configuration = Files.writeString(directory.resolve("configuration.nix"), PLAIN);
    Cli written =
        Cli.run(
            "config",
            "write",
            "--instance",
            "main",
            "--storage-id",
            ID,
            "--dir",
            directory,
            "--json");
    assertThat(written.exitCode()).as(written.err()).isZero();
    assertThat(written.json())
        .containsEntry("moduleChange", "created")
        .containsEntry("importState", "added")
        .containsEntry("toDo", List.of())
        .containsKey("keptCopy");

    Cli validated = Cli.run("config", "validate", "--dir", directory, "--json");
    assertThat(validated.exitCode()).as(validated.out()).isZero();
    assertThat(validated.json()).containsEntry("passed", true).containsEntry("findings", List.of());
    assertThat(Cli.run("config", "validate", "--dir", directory).out())
        .contains("passed  parse nix-storage.nix");

    Cli removed = Cli.run("config", "remove", "--dir", directory);
    assertThat(removed.exitCode()).isZero();
    assertThat(removed.out()).contains("nix-storage.nix: removed", "import: removed");
    assertThat(Files.readString(configuration)).isEqualTo(PLAIN);
    try (Stream<Path> files = Files.list(directory)) {
      assertThat(files).containsExactly(configuration);
    }
  }

  @Test
  void findingsExitWith1AndFailuresWith3(@TempDir Path directory) throws IOException {
    assumeTrue(hasNix(), "skipped: nix-instantiate is missing");
    Cli nothing = Cli.run("config", "validate", "--dir", directory, "--json");
    assertThat(nothing.exitCode()).isEqualTo(NixWsl.FAILED);
    assertThat(nothing.error()).containsEntry("code", "NOT_FOUND");
    Files.writeString(
        directory.resolve("configuration.nix"), "{ fileSystems.\"/nix\".device = \"x\"; }");
    Cli found = Cli.run("config", "validate", "--dir", directory, "--json");
    assertThat(found.exitCode()).isEqualTo(NixWsl.FINDINGS);
    assertThat(found.out()).contains("storeInFileSystems").contains("configuration.nix:1");
  }

  @Test
  void bootCommandsNeedAnInstanceWithTheModule() {
    assumeTrue(
        !Files.exists(Path.of("/run/current-system/sw/bin/nix-storage")),
        "skipped: a machine without the module is missing");
    assumeTrue(System.getProperty("os.name").equals("Linux"), "skipped: Linux is missing");
    for (String verb : List.of("reseed", "adopt", "disarm")) {
      Cli here = Cli.run("config", verb, "--json");
      assertThat(here.exitCode()).isEqualTo(NixWsl.FAILED);
      assertThat(here.error()).containsEntry("code", "TOOL_MISSING");
      Cli named = Cli.run("config", verb, "--distribution", "nixos", "--json");
      assertThat(named.exitCode()).isEqualTo(NixWsl.FAILED);
      assertThat(named.error()).containsEntry("code", "UNSUPPORTED_PLATFORM");
    }
  }

  private static void assertRefused(Cli run) {
    assertThat(run.exitCode()).isEqualTo(NixWsl.USAGE);
    assertThat(run.err()).contains("[BAD_SETTING]");
    assertThat(run.out()).isEmpty();
  }

  private static Cli render(String instance, String mountName) {
    return Cli.run(
        "config",
        "render",
        "--instance=" + instance,
        "--storage-id",
        ID,
        "--mount-name=" + mountName);
  }

  private static boolean hasNix() {
    return Stream.of(System.getenv().getOrDefault("PATH", "").split(":", -1))
        .filter(folder -> !folder.isEmpty())
        .anyMatch(folder -> Files.isExecutable(Path.of(folder, "nix-instantiate")));
  }
}
