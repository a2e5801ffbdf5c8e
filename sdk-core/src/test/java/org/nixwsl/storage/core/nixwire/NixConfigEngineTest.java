package org.nixwsl.storage.core.nixwire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.config.ConfigChange;
import org.nixwsl.storage.config.ConfigChange.FileChange;
import org.nixwsl.storage.config.ConfigChange.ImportState;
import org.nixwsl.storage.config.ConfigCheck;
import org.nixwsl.storage.config.ConfigCheck.Outcome;
import org.nixwsl.storage.config.ConfigFinding.Basis;
import org.nixwsl.storage.config.ConfigFinding.Rule;
import org.nixwsl.storage.config.NixModuleSettings;
import org.nixwsl.storage.core.escape.Interpreters;
import org.nixwsl.storage.core.io.Caller;
import org.nixwsl.storage.core.platform.InstanceShell;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.mount.InstanceName;

@Tag("once")
class NixConfigEngineTest {
  private static final String COPY = "configuration.nix.before-nix-storage";
  private static final String PLAIN = "{ config, ... }:\n{\n  imports = [ ./hw.nix ];\n}\n";

  @TempDir Path scratch;
  private Path directory;
  private NixConfigWriter writer;

  @BeforeEach
  void prepare() throws IOException {
    assumeTrue(
        System.getProperty("os.name").equals("Linux"), "skipped: Linux, where Nix is, is missing");
    Interpreters.needs("nix-instantiate");
    directory = Files.createDirectory(scratch.resolve("nixos"));
    writer =
        new NixConfigEngine(new ProcessRunner(), Ticker.system(), NixConfigEngineTest::noInstance);
  }

  @Test
  void writesTheModuleAddsTheImportAndKeepsACopy() throws IOException {
    Path configuration = configuration(PLAIN);
    mode(configuration, "rw-------");
    ConfigChange change = writer.write(directory, settings("main"));
    assertThat(change.moduleChange()).isEqualTo(FileChange.CREATED);
    assertThat(change.importState()).isEqualTo(ImportState.ADDED);
    assertThat(change.toDo()).isEmpty();
    assertThat(change.keptCopy()).hasValueSatisfying(c -> assertThat(c).hasContent(PLAIN));
    assertThat(Files.readString(configuration))
        .contains("[ /* nix-storage: begin */ ./nix-storage");
    assertThat(modeOf(configuration)).isEqualTo("rw-------");
    assertThat(modeOf(change.keptCopy().orElseThrow())).isEqualTo("rw-------");
    assertThat(modeOf(change.module())).isEqualTo("rw-r--r--");
    assertThat(Files.readString(change.module())).isEqualTo(writer.render(settings("main")));
  }

  @Test
  void callingItAgainChangesNothingAndOtherSettingsOnlyTheModule() throws IOException {
    configuration(PLAIN);
    writer.write(directory, settings("main"));
    Map<String, String> before = listing();
    ConfigChange again = writer.write(directory, settings("main"));
    assertThat(again.moduleChange()).isEqualTo(FileChange.UNCHANGED);
    assertThat(again.importState()).isEqualTo(ImportState.PRESENT);
    assertThat(listing()).isEqualTo(before);
    assertThat(writer.write(directory, settings("other")).moduleChange())
        .isEqualTo(FileChange.REPLACED);
    assertThat(listing().get("configuration.nix")).isEqualTo(before.get("configuration.nix"));
  }

  @Test
  void removingRestoresTheExactBytesOfWhateverWasThere() throws IOException {
    long seed = Long.getLong("nixwsl.seed", System.nanoTime());
    System.out.println("removingRestores: -Dnixwsl.seed=" + seed);
    Configurations configurations = new Configurations(new Random(seed));
    for (int i = 0; i < 25; i++) {
      byte[] text = configurations.next();
      Files.write(directory.resolve("configuration.nix"), text);
      assertThat(writer.write(directory, settings("main")).importState())
          .isEqualTo(ImportState.ADDED);
      ConfigChange removed = writer.remove(directory);
      assertThat(removed.moduleChange()).isEqualTo(FileChange.REMOVED);
      assertThat(removed.importState()).isEqualTo(ImportState.REMOVED);
      assertThat(listing().keySet()).containsExactly("configuration.nix");
      assertThat(Files.readAllBytes(directory.resolve("configuration.nix"))).isEqualTo(text);
    }
    assertThat(writer.remove(directory).moduleChange()).isEqualTo(FileChange.ABSENT);
  }

  @Test
  void whatTheUserChangedMeanwhileStaysAndSoDoesTheCopy() throws IOException {
    Path configuration = configuration(PLAIN);
    writer.write(directory, settings("main"));
    String edited = Files.readString(configuration).replace("}\n", "  x = 1;\n}\n");
    Files.writeString(configuration, edited);
    ConfigChange removed = writer.remove(directory);
    assertThat(Files.readString(configuration)).isEqualTo(PLAIN.replace("}\n", "  x = 1;\n}\n"));
    assertThat(removed.keptCopy()).hasValueSatisfying(c -> assertThat(c).hasContent(PLAIN));
  }

  @Test
  void anImportThatTheUserWroteIsTheUsers() throws IOException {
    configuration("{ imports = [ ./nix-storage.nix ]; }\n");
    assertThat(writer.write(directory, settings("main")).importState())
        .isEqualTo(ImportState.WRITTEN_BY_USER);
    Map<String, String> before = listing();
    ConfigChange removed = writer.remove(directory);
    assertThat(removed.importState()).isEqualTo(ImportState.WRITTEN_BY_USER);
    assertThat(removed.toDo()).singleElement().asString().contains("configuration.nix");
    assertThat(listing()).isEqualTo(before);
  }

  @Test
  void aFileThatIsNotPlainIsLeftToTheUser() throws IOException {
    configuration("{ lib, ... }: lib.mkMerge [ { imports = [ ]; } ]\n");
    Map<String, String> before = listing();
    ConfigChange change = writer.write(directory, settings("main"));
    assertThat(change.importState()).isEqualTo(ImportState.LEFT_TO_USER);
    assertThat(change.toDo())
        .singleElement()
        .asString()
        .contains("imports = [ ./nix-storage.nix ]");
    assertThat(change.keptCopy()).isEmpty();
    assertThat(listing()).containsAllEntriesOf(before).hasSize(2);
  }

  @Test
  void aFlakeIsLeftToTheUserAndGitIsNamed() throws IOException {
    configuration(PLAIN);
    Files.writeString(directory.resolve("flake.nix"), "{ outputs = { ... }: { }; }\n");
    Files.createDirectory(directory.resolve(".git"));
    ConfigChange change = writer.write(directory, settings("main"));
    assertThat(change.importState()).isEqualTo(ImportState.LEFT_TO_USER);
    assertThat(change.toDo()).hasSize(2);
    assertThat(change.toDo().get(0)).contains("flake.nix").contains("./nix-storage.nix");
    assertThat(change.toDo().get(1)).contains("git -C '").contains("add -N nix-storage.nix");
    assertThat(Files.readString(directory.resolve("configuration.nix"))).isEqualTo(PLAIN);
  }

  @Test
  void whatNixCannotParseIsRefusedAndNothingChanges() throws IOException {
    configuration("{ imports = [ ]; a = ; }\n");
    refused(ErrorCode.CONFIG_INVALID);
  }

  @Test
  void aForeignModuleIsNotOverwritten() throws IOException {
    configuration(PLAIN);
    Files.writeString(directory.resolve("nix-storage.nix"), "{ }\n");
    refused(ErrorCode.ALREADY_EXISTS);
    assertThatThrownBy(() -> writer.remove(directory)).isInstanceOf(StorageSdkException.class);
  }

  @Test
  void aDirectoryThatOthersCanChangeIsRefused() throws IOException {
    configuration(PLAIN);
    mode(directory, "rwxrwxrwx");
    refused(ErrorCode.UNSAFE_CONFIG);
    // Also of root's group: with an access list these bits are everybody's whom the list names.
    mode(directory, "rwxrwxr-x");
    refused(ErrorCode.UNSAFE_CONFIG);
    mode(directory, "rwxr-xr-x");
    Path link = Files.createSymbolicLink(scratch.resolve("link"), directory);
    assertThatThrownBy(() -> writer.write(link, settings("main"))).hasMessageContaining("UNSAFE");
  }

  @Test
  void whatWasThereComesBackWhenTheConfigurationChangesMeanwhile() throws IOException {
    Path configuration = configuration(PLAIN);
    Path copy = Files.writeString(directory.resolve(COPY), "an older one");
    mode(copy, "rw-------");
    Path bin = Files.createDirectories(scratch.resolve("bin"));
    // Nix is asked before anything changes; here somebody saves the file at that moment.
    program(bin, "nix-instantiate", "echo '# saved' >> '" + configuration + "'");
    NixConfigWriter disturbed =
        new NixConfigEngine(
            new NixTools(new ProcessRunner(), List.of(bin)),
            Ticker.system(),
            NixConfigEngineTest::noInstance);
    assertThatThrownBy(() -> disturbed.write(directory, settings("main")))
        .isInstanceOfSatisfying(
            StorageSdkException.class,
            e -> {
              assertThat(e.code()).isEqualTo(ErrorCode.CONFIG_CHANGED);
              assertThat(e.getSuppressed()).isEmpty();
            });
    assertThat(listing()).containsOnlyKeys("configuration.nix", COPY);
    assertThat(Files.readString(configuration)).startsWith(PLAIN + "# saved");
    assertThat(copy).hasContent("an older one");
  }

  @Test
  void aDirectoryOfAnotherUserIsRefused() throws IOException {
    assumeTrue(Caller.isRoot(), "skipped: root, who may give files away, is missing");
    configuration(PLAIN);
    Files.setAttribute(directory, "unix:uid", 1000);
    refused(ErrorCode.UNSAFE_CONFIG);
  }

  @Test
  void aLinkedOrForeignConfigurationIsLeftToTheUser() throws IOException {
    Path real = Files.writeString(scratch.resolve("real.nix"), PLAIN);
    Path link = Files.createSymbolicLink(directory.resolve("configuration.nix"), real);
    assertThatThrownBy(() -> writer.write(directory, settings("main")))
        .hasMessageContaining("UNSAFE_CONFIG");
    assertThat(Files.isSymbolicLink(link)).isTrue();
    Files.delete(link);
    Path configuration = configuration(PLAIN);
    mode(configuration, "rw-rw-rw-");
    ConfigChange change = writer.write(directory, settings("main"));
    assertThat(change.importState()).isEqualTo(ImportState.LEFT_TO_USER);
    assertThat(change.toDo()).singleElement().asString().contains("changed by other users");
    assertThat(Files.readString(configuration)).isEqualTo(PLAIN);
  }

  @Test
  void aDirectoryWithoutAConfigurationIsNotFound() {
    refused(ErrorCode.NOT_FOUND);
    assertThatThrownBy(() -> writer.write(Path.of("relative"), settings("main")))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void theRulesSeeWhatIsWrittenAndNotWhatIsInCommentsOrStrings() throws IOException {
    configuration(
        """
        { # fileSystems."/nix" = { };
          a = "mountFsTab = true;";
          fileSystems."/nix" = { device = "x"; };
          fileSystems = { "/" = { }; "/nix/store".device = "y"; };
          systemd.mounts = [ { where = "/nix"; what = "z"; } ];
          wsl.wslConf.automount.mountFsTab = true;
          wsl.wslConf.boot.initTimeout = 10000;
          wsl.wslConf.boot.systemdd = true;
          fileSystems.x.mountPoint = "/nix"; a."/nix" = 1; where = "/nixos";
          systemd.units."nix-store.mount".text = "x";
          wsl.wslConf.boot.command = "mount --bind /mnt/wsl/x /nix";
          wsl.wslConf.boot.initTimeout = null;
        }
        """);
    ConfigCheck check = writer.validate(directory);
    assertThat(check.findings())
        .extracting(f -> f.rule() + " " + f.where())
        .containsExactly(
            "STORE_IN_FILE_SYSTEMS configuration.nix:3",
            "STORE_IN_FILE_SYSTEMS configuration.nix:4",
            "STORE_MOUNT_UNIT configuration.nix:5",
            "MOUNT_FSTAB configuration.nix:6",
            "INIT_TIMEOUT configuration.nix:7",
            "UNKNOWN_WSL_CONF_KEY configuration.nix:8",
            "STORE_IN_FILE_SYSTEMS configuration.nix:9",
            "STORE_MOUNT_UNIT configuration.nix:10",
            "STORE_MOUNT_COMMAND configuration.nix:11",
            "INIT_TIMEOUT configuration.nix:12");
    assertThat(check.findings()).allMatch(f -> f.basis() == Basis.TEXT);
    assertThat(check.passed()).isFalse();
  }

  @Test
  void whatIsWrittenPassesAndWhatWasNotRunIsSaid() throws IOException {
    configuration(PLAIN);
    writer.write(directory, settings("main"));
    ConfigCheck check = withRebuild(null).validate(directory);
    assertThat(check.findings()).isEmpty();
    assertThat(check.passed()).isTrue();
    assertThat(check.steps())
        .extracting(s -> s.name() + ": " + s.outcome())
        .containsExactly(
            "parse nix-storage.nix: PASSED",
            "parse configuration.nix: PASSED",
            "rules on the text of the .nix files: PASSED",
            "nixos-rebuild dry-build: NOT_RUN",
            "nixos-rebuild dry-activate: NOT_RUN",
            "rules on the evaluated configuration: NOT_RUN");
    configuration("{ imports = [ ]; }");
    assertThat(withRebuild(null).validate(directory).findings())
        .extracting(f -> f.rule())
        .containsExactly(Rule.MODULE_NOT_IMPORTED);
    configuration("{ imports = [ ");
    assertThat(withRebuild(null).validate(directory).passed()).isFalse();
  }

  @Test
  void nixosRebuildIsAskedAndNixJudgesTheEvaluatedConfiguration() throws IOException {
    Files.createDirectories(scratch.resolve("nixpkgs/nixos"));
    Files.writeString(
        scratch.resolve("nixpkgs/nixos/default.nix"),
        "{ configuration }: { config = import configuration; }");
    String bad =
        """
        { fileSystems.a.mountPoint = "/nix"; systemd.automounts = [ { where = "/nix/store"; } ];
          wsl.wslConf = { automount.mountFsTab = true; boot.initTimeout = 60 * 100; foo.bar = 1;
            boot.systemd = true; boot.command = "true; mount --bind /x /nix"; }; }
        """;
    configuration(bad);
    ConfigCheck check = withRebuild("exit 0").validate(directory);
    assertThat(check.steps()).extracting(s -> s.outcome()).contains(Outcome.PASSED);
    assertThat(check.steps().get(check.steps().size() - 1).detail()).isEmpty();
    assertThat(check.findings())
        .filteredOn(f -> f.basis() == Basis.EVALUATED)
        .extracting(f -> f.rule())
        .containsExactly(
            Rule.STORE_IN_FILE_SYSTEMS,
            Rule.STORE_MOUNT_UNIT,
            Rule.STORE_MOUNT_COMMAND,
            Rule.MOUNT_FSTAB,
            Rule.INIT_TIMEOUT,
            Rule.UNKNOWN_WSL_CONF_KEY);
    configuration(
        "{ wsl.wslConf.boot.initTimeout = 40000; systemd.units = { \"nix.automount\" = { }; }; }");
    assertThat(withRebuild("exit 0").validate(directory).findings())
        .filteredOn(f -> f.basis() == Basis.EVALUATED)
        .extracting(f -> f.rule())
        .containsExactly(Rule.STORE_MOUNT_UNIT);
    configuration("{ wsl.wslConf.boot.initTimeout = 40000; }");
    assertThat(withRebuild("exit 0").validate(directory).passed()).isTrue();
    ConfigCheck failed = withRebuild("echo no such option >&2; exit 1").validate(directory);
    assertThat(failed.passed()).isFalse();
    assertThat(failed.steps()).anyMatch(s -> s.detail().contains("no such option"));
  }

  /** Stands in for a NixOS: a program of that name, and Nix with a small set of packages. */
  private NixConfigWriter withRebuild(@org.jspecify.annotations.Nullable String script)
      throws IOException {
    Path bin = Files.createDirectories(scratch.resolve("bin"));
    String state =
        "HOME='"
            + scratch
            + "' NIX_STATE_DIR='"
            + scratch
            + "/state' NIX_STORE_DIR='"
            + scratch
            + "/store' NIX_PATH='nixpkgs="
            + scratch
            + "/nixpkgs'";
    program(bin, "nix-instantiate", "exec env " + state + " nix-instantiate \"$@\"");
    if (script != null) {
      program(
          bin,
          "nixos-rebuild",
          "case $1 in dry-build|dry-activate) ;; *) exit 9;; esac\n[ \"$2 $3\" = \"-I nixos-config="
              + directory
              + "/configuration.nix\" ] || exit 8\n"
              + script);
    }
    return new NixConfigEngine(
        new NixTools(new ProcessRunner(), List.of(bin)),
        Ticker.system(),
        NixConfigEngineTest::noInstance);
  }

  private static InstanceShell noInstance(Optional<String> name) {
    throw new AssertionError("no instance is asked for here, not even " + name);
  }

  private static void program(Path bin, String name, String script) throws IOException {
    Path file = Files.writeString(bin.resolve(name), "#!/bin/sh\n" + script + "\n");
    mode(file, "rwxr-xr-x");
  }

  private void refused(ErrorCode code) {
    assertThatThrownBy(
            () -> {
              Map<String, String> before = listing();
              try {
                writer.write(directory, settings("main"));
              } finally {
                assertThat(listing()).isEqualTo(before);
              }
            })
        .isInstanceOfSatisfying(
            StorageSdkException.class, e -> assertThat(e.code()).isEqualTo(code));
  }

  private Path configuration(String text) throws IOException {
    return Files.writeString(directory.resolve("configuration.nix"), text);
  }

  private static NixModuleSettings settings(String instance) {
    return NixModuleSettings.builder()
        .instance(InstanceName.of(instance))
        .storageId(UUID.fromString("6f1d5b1e-0c0a-4d0e-9a77-3a1f0d7c2b10"))
        .build();
  }

  private static void mode(Path file, String mode) throws IOException {
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(mode));
  }

  private static String modeOf(Path file) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
  }

  private Map<String, String> listing() throws IOException {
    Map<String, String> all = new TreeMap<>();
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        String contents =
            Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
                ? new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1)
                : "";
        all.put(
            file.getFileName().toString(),
            Files.readAttributes(file, "unix:ino,mode", LinkOption.NOFOLLOW_LINKS) + contents);
      }
    }
    return all;
  }
}
