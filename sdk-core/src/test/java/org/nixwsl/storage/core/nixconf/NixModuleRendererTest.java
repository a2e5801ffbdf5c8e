package org.nixwsl.storage.core.nixconf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.config.DataDirectory;
import org.nixwsl.storage.config.NixModuleSettings;
import org.nixwsl.storage.config.WslConfOption;
import org.nixwsl.storage.core.escape.Interpreters;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.wslconf.WslReader;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountName;
import org.nixwsl.storage.mount.StorageLayout;

class NixModuleRendererTest {
  private static final UUID ID = UUID.fromString("6f1d5b1e-0c0a-4d0e-9a77-3a1f0d7c2b10");
  private static final List<String> OWN_STORE =
      List.of("|/run/nix-storage/active", "|!/etc/nix-storage.armed");

  private static final List<String> SCRIPTS =
      List.of(
          "init",
          "seed",
          "command",
          "data",
          "prune",
          "bootLoader",
          "seeding",
          "activation",
          "shell",
          "builder");

  @TempDir Path scratch;

  @Test
  void rendersTheApprovedFile() throws IOException {
    String rendered = rendered();
    Path got = Files.writeString(Path.of("target", "nix-storage.nix"), rendered);
    assertThat(rendered)
        .as("if the change is meant: cp %s src/test/resources/.../approved.nix", got)
        .isEqualTo(resource("approved.nix"));
  }

  @Test
  void equalSettingsGiveEqualText() {
    assertThat(rendered()).isEqualTo(rendered());
  }

  @Test
  void linesEndWithALineFeedAndTheTextIsPlain() {
    assertThat(rendered()).matches("[\\x20-\\x7e\n]*\n").doesNotContain(" \n");
  }

  @Test
  void nixParsesItForAllSettings() throws IOException {
    Interpreters.needs("nix-instantiate");
    Random random = new Random(20);
    for (int wait = 0; wait <= 15; wait++) {
      String name = name(random, 1 + random.nextInt(63));
      NixModuleSettings settings =
          NixModuleSettings.builder()
              .instance(InstanceName.of(name))
              .mountName(MountName.of(name(random, 1 + random.nextInt(63))))
              .storageId(new UUID(random.nextLong(), random.nextLong()))
              .waitSeconds(wait)
              .build();
      String rendered = new NixModuleRenderer().render(settings);
      new Interpreters(scratch).parses(rendered);
      assertThat(rendered).contains("instance = \"" + name + "\";");
    }
  }

  @Test
  void nixHandsTheScriptsOnUnchanged() throws IOException {
    Map<?, ?> module = evaluated("");
    assertThat((String) module.get("init"))
        .startsWith("#!/bin/bash\n")
        .contains(
            "\ninstance='main'\n",
            "\nstorageId='" + ID + "'\n",
            "\nmountPoint='/mnt/wsl/nixstorage'\n",
            "\nwaitSeconds='15'\n",
            "\nshim='/nix/store/stub-utils/bin/systemd-shim'\n",
            "\nPATH='/usr/bin:/usr/bin:/nix/store/stub-nix/bin'\n")
        .endsWith("\n" + Template.resource("nix-storage-init.sh"));
    assertThat((String) module.get("command")).contains("\nstateDir='/var/lib/nix-storage'\n");
    assertThat((String) module.get("seed"))
        .contains("\nPATH='/usr/bin:/usr/bin:/nix/store/stub-nix/bin'\n")
        .endsWith("\n" + Template.resource("nix-storage-seed.sh"));
  }

  @Test
  void bashAcceptsEveryScript() throws IOException {
    Interpreters.needs("bash");
    Map<?, ?> module = evaluated(new NixModuleRenderer().render(everySetting()), "");
    for (String script : SCRIPTS) {
      byte[] text = Interpreters.utf8((String) Objects.requireNonNull(module.get(script)));
      Interpreters.run(Command.of("bash", "-n", "-s").reading(text));
    }
  }

  @Test
  void shellcheckFindsNothingInAnyScript() throws IOException {
    Interpreters.needs("shellcheck");
    Map<?, ?> module = evaluated(new NixModuleRenderer().render(everySetting()), "");
    for (String script : SCRIPTS) {
      byte[] text = Interpreters.utf8((String) Objects.requireNonNull(module.get(script)));
      // 2154: NixOS sets the variables of activation steps and system builders.
      Interpreters.run(
          Command.of("shellcheck", "--shell=bash", "--exclude=SC2154", "-").reading(text));
    }
  }

  @Test
  void b1ActivationCopiesToTheRootDiskBeforeAnyOtherStep() throws IOException {
    Map<?, ?> module = evaluated("");
    assertThat(Objects.requireNonNull((List<?>) module.get("activationSteps")).get(0))
        .isEqualTo("0-nix-storage-seed");
    assertThat((String) module.get("seeding"))
        .contains("if ! /nix/store/stub-nix-storage-seed \"$systemConfig\" links; then")
        .contains("  exit 1\n");
  }

  @Test
  void b4EachSystemNamesItsOwnShim() throws IOException {
    assertThat(evaluated("").get("builder"))
        .isEqualTo("ln -s /nix/store/stub-utils/bin/systemd-shim \"$out\"/nix-storage-shim\n");
  }

  @Test
  void rendersSettingsForAStoreOnItsOwnDisk() throws IOException {
    String text =
        new NixModuleRenderer()
            .render(
                NixModuleSettings.builder()
                    .instance(InstanceName.of("main"))
                    .storageId(ID)
                    .fileSystemUuid(ID)
                    .autoOptimiseStore(true)
                    .fsyncStorePaths(false)
                    .minFree(ByteSize.gibibytes(2))
                    .maxFree(ByteSize.gibibytes(8))
                    .verifySchedule("Sun 03:00")
                    .gcSchedule("weekly")
                    .gcOlderThanDays(30)
                    .build());
    Map<?, ?> module = evaluated(text, "");
    assertThat(at(module, "nix", "settings"))
        .isEqualTo(
            Map.of(
                "auto-optimise-store",
                true,
                "fsync-store-paths",
                false,
                "min-free",
                2147483648L,
                "max-free",
                8589934592L));
    assertThat(at(module, "nix", "gc"))
        .isEqualTo(
            Map.of("automatic", true, "dates", "weekly", "options", "--delete-older-than 30d"));
    assertThat(at(module, "services", "nix-storage-verify", "startAt")).isEqualTo("Sun 03:00");
    assertThat((String) module.get("init")).contains("\nfileSystemUuid='" + ID + "'\n");
  }

  private static NixModuleSettings everySetting() {
    return NixModuleSettings.builder()
        .instance(InstanceName.of("main"))
        .storageId(ID)
        .fileSystemUuid(ID)
        .autoOptimiseStore(true)
        .fsyncStorePaths(false)
        .minFree(ByteSize.gibibytes(2))
        .maxFree(ByteSize.gibibytes(8))
        .verifySchedule("Sun 03:00")
        .gcSchedule("weekly")
        .gcOlderThanDays(30)
        .seedGenerations(3)
        .addDataDirectories(DataDirectory.of("/var/lib/my-app"), DataDirectory.of("/srv/db"))
        .putWslConf(WslConfOption.INTEROP_APPEND_WINDOWS_PATH, "0")
        .putWslConf(WslConfOption.FILESYSTEM_UMASK, "0022")
        .putWslConf(WslConfOption.FILE_SERVER_LOG_LEVEL, "3")
        .putWslConf(WslConfOption.BOOT_COMMAND, "echo \"a # b\"")
        .putWslConf(WslConfOption.BOOT_INIT_TIMEOUT, "55000")
        .build();
  }

  @Test
  void aBtrfsIsMountedWithItsOptionsAndHasItsPrograms() throws IOException {
    String text =
        new NixModuleRenderer()
            .render(
                NixModuleSettings.builder()
                    .instance(InstanceName.of("main"))
                    .storageId(UUID.randomUUID())
                    .layout(new StorageLayout.BtrfsSubvolumes(9))
                    .build());
    assertThat(text)
        .contains("  fileSystemType = \"btrfs\";\n")
        .contains("  mountOptions = \"compress=zstd:9,max_inline=0\";\n")
        .contains("  environment.systemPackages = [ command pkgs.btrfs-progs ];\n");
    assertThat(rendered()).doesNotContain("pkgs.btrfs-progs");
    new Interpreters(scratch).parses(text);
  }

  @Test
  void eachSettingThatIsAskedForAddsTheApprovedLines() throws IOException {
    List<String> plain = rendered().lines().toList();
    String added =
        new NixModuleRenderer()
            .render(everySetting())
            .lines()
            .filter(line -> !plain.contains(line))
            .collect(Collectors.joining("\n", "", "\n"));
    Path got = Files.writeString(Path.of("target", "every-setting.txt"), added);
    assertThat(added)
        .as("if the change is meant: cp %s src/test/resources/.../every-setting.txt", got)
        .isEqualTo(resource("every-setting.txt"));
  }

  @Test
  void dataDirectoriesAreMountedAfterAUnitThatWaitsForThem() throws IOException {
    Map<?, ?> module = evaluated(new NixModuleRenderer().render(everySetting()), "");
    String wait = "nix-storage-data-var-lib-my\\x2dapp";
    assertThat(at(module, "services", wait, "unitConfig"))
        .isEqualTo(
            Map.of("DefaultDependencies", false, "ConditionPathExists", "/etc/nix-storage.armed"));
    assertThat((List<?>) module.get("mounts"))
        .hasSize(2)
        .first()
        .isEqualTo(
            Map.of(
                "what",
                "/mnt/wsl/nixstorage/.nixwsl/data/main/var/lib/my-app",
                "where",
                "/var/lib/my-app",
                "type",
                "none",
                "options",
                "bind,private",
                "wantedBy",
                List.of("local-fs.target"),
                "requires",
                List.of(wait + ".service"),
                "after",
                List.of(wait + ".service"),
                "unitConfig",
                Map.of("ConditionPathExists", "/etc/nix-storage.armed")));
    assertThat((String) at(module, "services", wait, "serviceConfig", "ExecStart"))
        .isEqualTo("/nix/store/stub-nix-storage-data /var/lib/my-app");
    for (String taken : List.of("root = \"/var/lib\";", "fileSystems.\"/srv/db\" = { };")) {
      Map<?, ?> other =
          evaluated(
              new NixModuleRenderer()
                  .render(
                      NixModuleSettings.builder()
                          .instance(InstanceName.of("main"))
                          .storageId(ID)
                          .addDataDirectories(
                              DataDirectory.of("/srv/db"), DataDirectory.of("/var/lib/wsl/x"))
                          .build()),
              taken);
      assertThat((List<?>) other.get("failed")).hasSize(1).first().asString().contains("mounts");
    }
  }

  @Test
  void b2OldSystemsLeaveTheRootDiskOnlyWhereThatIsAskedForAndTheOldStoreWasGivenUp()
      throws IOException {
    assertThat(at(evaluated(""), "services", "nix-storage-prune-seed")).isNull();
    Map<?, ?> module = evaluated(new NixModuleRenderer().render(everySetting()), "");
    assertThat(
            at(module, "services", "nix-storage-prune-seed", "unitConfig", "ConditionPathExists"))
        .isEqualTo(List.of("/run/nix-storage/active", "/var/lib/nix-storage/old-store-released"));
    assertThat((String) at(module, "services", "nix-storage-prune-seed", "script"))
        .isEqualTo("exec /nix/store/stub-nix-storage/bin/nix-storage prune-seed 3");
    assertThat(at(module, "timers", "nix-storage-prune-seed", "timerConfig"))
        .isEqualTo(Map.of("Persistent", true));
  }

  @Test
  void optionsOfWslConfAreInNixsOwnTypesAndReadByWslAsTheyWereMeant() throws IOException {
    Map<?, ?> module = evaluated(new NixModuleRenderer().render(everySetting()), "");
    assertThat(at(module, "wslConf", "interop", "appendWindowsPath")).isEqualTo(false);
    assertThat(at(module, "wslConf", "filesystem", "umask")).isEqualTo("0022");
    assertThat(at(module, "wslConf", "fileServer", "logLevel")).isEqualTo(3);
    assertThat(at(module, "wslConf", "boot", "initTimeout")).isEqualTo(55000);
    // As NixOS writes it, and as WSL's own reader takes it.
    String file = "[boot]\ncommand=" + at(module, "wslConf", "boot", "command") + "\n";
    assertThat(WslReader.of(file).values()).containsEntry("boot.command", "echo \"a # b\"");
  }

  @Test
  void optionsThatTheModuleCannotHaveAreRefused() {
    for (Map.Entry<WslConfOption, String> bad :
        List.of(
            Map.entry(WslConfOption.BOOT_SYSTEMD, "true"),
            Map.entry(WslConfOption.USER_DEFAULT, "root"),
            Map.entry(WslConfOption.AUTOMOUNT_MOUNT_FSTAB, "true"),
            Map.entry(WslConfOption.AUTOMOUNT_ROOT, "/my drives"),
            Map.entry(WslConfOption.BOOT_INIT_TIMEOUT, "39999"),
            Map.entry(WslConfOption.BOOT_INIT_TIMEOUT, "0x10000"),
            Map.entry(WslConfOption.BOOT_COMMAND, "mount --bind /x /nix"),
            Map.entry(WslConfOption.INTEROP_ENABLED, "yes\"; x"),
            Map.entry(WslConfOption.AUTOMOUNT_OPTIONS, "\u00e9"))) {
      NixModuleSettings.Builder builder =
          NixModuleSettings.builder()
              .instance(InstanceName.of("main"))
              .storageId(ID)
              .putWslConf(bad.getKey(), bad.getValue());
      assertThatIllegalArgumentException().as("%s", bad).isThrownBy(builder::build);
    }
    assertThatIllegalArgumentException().isThrownBy(() -> WslConfOption.of("boot", "systemdd"));
  }

  @Test
  void directoriesThatMustNotBeMountedOverAreRefused() {
    for (String path :
        List.of(
            "",
            "/",
            "a",
            "/a/",
            "//a",
            "/a//b",
            "/a/.",
            "/../a",
            "/a/..",
            "/nix",
            "/nix/var",
            "/etc/x",
            "/run/x",
            "/mnt/wsl/x",
            "/var",
            "/var/lib",
            "/var/lib/nix-storage/x",
            "/a b",
            "/a\n",
            "/a%n",
            "/a\"",
            "/a${x}",
            "/é",
            "/a\\x2d",
            "/" + "a".repeat(201),
            "/" + "-".repeat(51))) {
      assertThatIllegalArgumentException().as(path).isThrownBy(() -> DataDirectory.of(path));
    }
    for (String other : List.of("/srv/db", "/srv/db/x", "/srv")) {
      NixModuleSettings.Builder builder =
          NixModuleSettings.builder()
              .instance(InstanceName.of("main"))
              .storageId(ID)
              .addDataDirectories(DataDirectory.of("/srv/db"), DataDirectory.of(other));
      assertThatIllegalArgumentException().as(other).isThrownBy(builder::build);
    }
    assertThat(DataDirectory.of("/srv/db").overlaps(DataDirectory.of("/srv/dbs"))).isFalse();
    assertThat(DataDirectory.of("/home/.x/a-b+c@d:e=f,g").path()).endsWith("g");
  }

  @Test
  void settingsThatClashOrAreNoTimesAreRefused() {
    NixModuleSettings.Builder[] bad = new NixModuleSettings.Builder[5];
    for (int i = 0; i < bad.length; i++) {
      bad[i] = NixModuleSettings.builder().instance(InstanceName.of("main")).storageId(ID);
    }
    bad[0].gcSchedule("weekly\"; x");
    bad[1].gcOlderThanDays(3);
    bad[2].gcSchedule("weekly").gcOlderThanDays(0);
    bad[3].minFree(ByteSize.gibibytes(2)).maxFree(ByteSize.gibibytes(1));
    bad[4].verifySchedule("$(reboot)");
    for (NixModuleSettings.Builder builder : bad) {
      assertThatIllegalArgumentException().isThrownBy(builder::build);
    }
  }

  @Test
  void b3TheHookTakesTheActivationStepOfTheShim() throws IOException {
    Map<?, ?> module = evaluated("");
    assertThat(module.get("activationSteps"))
        .isEqualTo(List.of("0-nix-storage-seed", "shimSystemd"));
    assertThat((String) module.get("activation"))
        .contains("ln -sfn /nix/store/stub-nix-storage-init /sbin/.init.new\n")
        .contains("mv -T /sbin/.init.new /sbin/init\n")
        .doesNotContain("systemd-shim");
  }

  @Test
  void b3NixMayChangeAStoreOnlyWhereItIsTheInstancesOwn() throws IOException {
    Map<?, ?> module = evaluated("");
    assertThat(condition(module, "services", "nix-daemon")).isEqualTo(OWN_STORE);
    assertThat(condition(module, "sockets", "nix-daemon")).isEqualTo(OWN_STORE);
    assertThat(condition(module, "services", "nix-gc")).isEqualTo(OWN_STORE);
  }

  @Test
  void b2AddsNoGarbageCollection() throws IOException {
    Map<?, ?> module = evaluated("gc = false;");
    assertThat(at(module, "services", "nix-gc")).isNull();
    assertThat(module.get("hasGc")).isEqualTo(false);
  }

  @Test
  void b2TheVerifyServiceOnlyReads() throws IOException {
    String script = (String) at(evaluated(""), "services", "nix-storage-verify", "script");
    assertThat(script)
        .isEqualTo(
            "exec nix --extra-experimental-features nix-command store verify --all --no-trust");
  }

  @Test
  void b10TheSeedIsComparedWithItsHashesOnTheSameDays() throws IOException {
    Map<?, ?> module = evaluated("");
    assertThat(at(module, "services", "nix-storage-verify-seed", "startAt")).isEqualTo("monthly");
    assertThat((String) at(module, "services", "nix-storage-verify-seed", "script"))
        .isEqualTo("exec /nix/store/stub-nix-storage/bin/nix-storage verify-seed");
    assertThat((String) module.get("command")).contains("store verify --recursive --no-trust");
  }

  @Test
  void b8WslWaitsLongerThanTheHook() throws IOException {
    assertThat(at(evaluated(""), "wslConf", "boot", "initTimeout")).isEqualTo(40000);
  }

  @Test
  void followsTheRootOfTheDrives() throws IOException {
    assertThat((String) evaluated("root = \"/\";").get("init"))
        .contains("\nmountPoint='/wsl/nixstorage'\n");
  }

  @Test
  void evaluationStopsWhereTheModuleCouldNotWork() throws IOException {
    assertThat(failed("")).isEmpty();
    assertThat(failed("root = \"/my drives\";")).singleElement().asString().contains("root");
    assertThat(failed("mountFsTab = true;")).singleElement().asString().contains("mountFsTab");
    for (String store : List.of("/nix", "/nix/", "/nix/store", "/nix/store/")) {
      for (String how :
          List.of(
              "fileSystems.\"@\" = { };",
              "fileSystems.x = { mountPoint = \"@\"; };",
              "mounts = [ { where = \"/a\"; } { where = \"@\"; } ];",
              "automounts = [ { where = \"@\"; } ];")) {
        assertThat(failed(how.replace("@", store))).singleElement().asString().contains("/nix");
      }
    }
    assertThat(failed("fileSystems.\"/nixos\" = { }; mounts = [ { where = \"/nix/var\"; } ];"))
        .isEmpty();
  }

  @Test
  void b8EvaluationWarnsWhereWslWouldNotWaitForTheHook() throws IOException {
    assertThat(evaluated("").get("warnings")).isEqualTo(List.of());
    for (String tooShort : List.of("39999", "null")) {
      assertThat((List<?>) evaluated("initTimeout = " + tooShort + ";").get("warnings"))
          .singleElement()
          .asString()
          .contains("initTimeout");
    }
  }

  @Test
  void hostileNamesDoNotGetAsFarAsHere() {
    for (String name :
        List.of("", ".", "..", "-x", "a b", "a/b", "a\"", "a${b}", "a''", "a\n", "é", "A")) {
      assertThatIllegalArgumentException().isThrownBy(() -> InstanceName.of(name));
      assertThatIllegalArgumentException().isThrownBy(() -> MountName.of(name));
    }
  }

  private List<?> failed(String arguments) throws IOException {
    return (List<?>) Objects.requireNonNull(evaluated(arguments).get("failed"));
  }

  private static @Nullable Object condition(Map<?, ?> module, String kind, String unit) {
    return at(module, kind, unit, "unitConfig", "ConditionPathExists");
  }

  private static @Nullable Object at(Map<?, ?> map, String... keys) {
    Object value = map;
    for (String key : keys) {
      value = value instanceof Map<?, ?> inner ? inner.get(key) : null;
    }
    return value;
  }

  private static String rendered() {
    return new NixModuleRenderer()
        .render(
            NixModuleSettings.builder().instance(InstanceName.of("main")).storageId(ID).build());
  }

  private Map<?, ?> evaluated(String arguments) throws IOException {
    return evaluated(rendered(), arguments);
  }

  private Map<?, ?> evaluated(String module, String arguments) throws IOException {
    Interpreters.needs("nix-instantiate");
    Files.writeString(scratch.resolve("module.nix"), module);
    Files.writeString(scratch.resolve("stub.nix"), resource("stub.nix"));
    return (Map<?, ?>)
        new Interpreters(scratch)
            .evaluate("(import ./stub.nix { module = ./module.nix; " + arguments + " }).texts");
  }

  private static String name(Random random, int length) {
    String first = "abcdefghijklmnopqrstuvwxyz0123456789";
    StringBuilder name = new StringBuilder().append(first.charAt(random.nextInt(36)));
    while (name.length() < length) {
      name.append((first + "._-").charAt(random.nextInt(39)));
    }
    return name.toString();
  }

  private static String resource(String name) throws IOException {
    try (InputStream in = NixModuleRendererTest.class.getResourceAsStream(name)) {
      return new String(Objects.requireNonNull(in, name).readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
