package org.nixwsl.storage.core.nixwire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.UUID;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.platform.ScriptShell;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.CommandException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;

/** The script, run by a real shell in a directory that looks like a NixOS. */
@Tag("once")
class SystemSwitchTest {
  private static final UUID ID = UUID.fromString("6f1d5b1e-0c0a-4d0e-9a77-3a1f0d7c2b10");

  @TempDir Path scratch;
  private Path root;
  private Path old;
  private Path pending;
  private Path next;
  private SystemSwitch system;

  @BeforeEach
  void layOutANixos() throws IOException {
    assumeTrue(Files.isExecutable(Path.of("/usr/bin/flock")), "skipped: flock is missing");
    root = scratch.toRealPath();
    for (String directory : new String[] {"etc/nixos", "run/nix-storage", "sbin", "nix/store"}) {
      Files.createDirectories(root.resolve(directory));
    }
    Files.createDirectories(root.resolve("nix/var/nix/profiles"));
    old = system("old");
    pending = system("pending");
    next = system("next");
    link("run/current-system", old);
    link("nix/var/nix/profiles/system", old);
    Files.writeString(root.resolve("sbin/init"), "the plain shim\n");
    Files.writeString(root.resolve("etc/set-environment"), "export NIX_PATH=\"$HOME/channels\"\n");
    system = new SystemSwitch(new ScriptShell(), root.toString());
  }

  /** A system that switches as NixOS's do, and has the programs that the script calls. */
  private Path system(String name) throws IOException {
    Path path = root.resolve("nix/store/" + "a".repeat(32) + "-nixos-system-" + name);
    program(
        path.resolve("bin/switch-to-configuration"),
        """
        echo "%1$s $1" >> @root@/switched
        [ "$1" = boot ] && exit 0
        ln -sfn @root@/nix/store/*-%1$s @root@/run/current-system
        echo "the plain shim" > @root@/sbin/init
        cat > @root@/stdin
        exit "$(cat @root@/back-status 2> /dev/null || echo 0)"
        """
            .formatted(name));
    program(
        path.resolve("sw/bin/nixos-rebuild"),
        """
        cat > @root@/stdin
        echo "$NIX_PATH $*" > @root@/arguments
        echo "building the system configuration..."
        status=$(cat @root@/status 2> /dev/null || echo 0)
        [ ! -e @root@/evaluation-fails ] || { echo "error: undefined variable"; exit 1; }
        ln -sfn @root@/nix/store/*-next @root@/run/current-system
        ln -sfn @root@/nix/store/*-next @root@/nix/var/nix/profiles/system
        [ -e @root@/no-hook ] || echo "storageId=%s" > @root@/sbin/init
        exit "$status"
        """
            .formatted(ID));
    program(
        path.resolve("sw/bin/nix-env"),
        "[ \"$1 $3\" = '--profile --set' ] && ln -sfn \"$4\" \"$2\"\n");
    return path;
  }

  private void program(Path file, String text) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, "#!/bin/sh\n" + text.replace("@root@", root.toString()));
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private void link(String name, Path to) throws IOException {
    Path link = root.resolve(name);
    Files.deleteIfExists(link);
    Files.createSymbolicLink(link, to);
  }

  private SystemSwitch.State look() {
    return Operation.quiet("look", operation -> system.look(ID, operation));
  }

  private String toConfiguration() {
    return Operation.quiet(
            "switch", operation -> system.toConfiguration(root.resolve("etc/nixos"), ID, operation))
        .orElse("");
  }

  private String back(SystemSwitch.State before) {
    return Operation.quiet("back", operation -> system.back(before, ID, operation)).orElse("");
  }

  private String noted(String file) throws IOException {
    return Files.readString(root.resolve(file)).strip();
  }

  private void note(String file, String text) throws IOException {
    Files.writeString(root.resolve(file), text);
  }

  private static StorageSdkException fails(ErrorCode code, ThrowingCallable call) {
    StorageSdkException e = catchThrowableOfType(StorageSdkException.class, call);
    assertThat(e).as("fails").isNotNull();
    assertThat(e.code()).as(e.getMessage()).isEqualTo(code);
    return e;
  }

  @Test
  void switchesToAConfigurationAndBackToTheSystemsOfBefore() throws IOException {
    SystemSwitch.State before = look();
    assertThat(before).isEqualTo(new SystemSwitch.State(old.toString(), old.toString(), false));
    assertThat(toConfiguration()).isEmpty();
    assertThat(look()).isEqualTo(new SystemSwitch.State(next.toString(), next.toString(), true));
    assertThat(noted("arguments"))
        .isEqualTo(
            "/root/channels switch -I nixos-config=" + root + "/etc/nixos/configuration.nix");
    assertThat(noted("stdin")).as("the rest of the script").isEmpty();
    assertThat(back(before)).isEmpty();
    assertThat(look()).isEqualTo(before);
    assertThat(noted("switched")).isEqualTo("old switch");
    assertThat(back(before)).as("once more").isEmpty();
    assertThat(look()).isEqualTo(before);
  }

  @Test
  void aFlakeIsSwitchedToAsOne() throws IOException {
    note("etc/nixos/flake.nix", "{ }");
    toConfiguration();
    assertThat(noted("arguments")).endsWith(" switch --flake " + root + "/etc/nixos");
  }

  @Test
  void aRunningSystemThatIsNotTheOneOfTheProfileIsGoneBackToAsWell() throws IOException {
    link("nix/var/nix/profiles/system", pending);
    SystemSwitch.State before = look();
    assertThat(before.running()).isNotEqualTo(before.profile());
    toConfiguration();
    back(before);
    assertThat(look()).isEqualTo(before);
    assertThat(noted("switched")).isEqualTo("pending boot\nold test");
  }

  @Test
  void whatNixSaysOfAConfigurationThatFailsIsInTheError() throws IOException {
    note("evaluation-fails", "");
    StorageSdkException e = fails(ErrorCode.SWITCH_FAILED, this::toConfiguration);
    assertThat(e).isInstanceOf(CommandException.class);
    assertThat(e.getMessage()).contains("error: undefined variable", "exit status was 1");
    assertThat(look().running()).isEqualTo(old.toString());
  }

  @Test
  void unitsThatDoNotStartAreToldAndAreNoFailure() throws IOException {
    note("status", "4");
    assertThat(toConfiguration()).contains("not all units started", "building the system");
    assertThat(look().hooked()).isTrue();
    SystemSwitch.State before = new SystemSwitch.State(old.toString(), old.toString(), false);
    note("back-status", "4");
    assertThat(back(before)).contains("not all units started");
  }

  @Test
  void aSwitchAfterWhichNoBootGoesThroughTheHookHasFailed() throws IOException {
    note("no-hook", "");
    StorageSdkException e = fails(ErrorCode.SWITCH_FAILED, this::toConfiguration);
    assertThat(e.getMessage()).contains("/sbin/init does not lead to the hook");
  }

  @Test
  void nothingIsSwitchedBackUnderAnInstanceThatRunsFromTheStorage() throws IOException {
    SystemSwitch.State before = look();
    toConfiguration();
    note("run/nix-storage/active", "/mnt/wsl/nixstorage/main");
    fails(ErrorCode.STORAGE_BUSY, () -> back(before));
    assertThat(look().running()).isEqualTo(next.toString());
  }

  @Test
  void aSystemOfBeforeThatWasCollectedIsTold() throws IOException {
    SystemSwitch.State before = look();
    toConfiguration();
    Files.delete(old.resolve("bin/switch-to-configuration"));
    assertThat(fails(ErrorCode.SWITCH_FAILED, () -> back(before)).getMessage())
        .contains("not in the store any more");
    assertThat(look().profile()).as("nothing was changed").isEqualTo(next.toString());
    // What the error says to do.
    link("nix/var/nix/profiles/system", pending);
    link("run/current-system", pending);
    note("sbin/init", "the plain shim\n");
    SystemSwitch.State byHand = look();
    assertThat(back(before)).contains("switched to by hand");
    assertThat(look()).isEqualTo(byHand);
    assertThat(root.resolve("switched")).as("nothing was activated").doesNotExist();
  }

  @Test
  void whatIsNoNixosIsNotSwitched() throws IOException {
    Files.delete(root.resolve("run/current-system"));
    fails(ErrorCode.TOOL_MISSING, this::look);
    fails(ErrorCode.TOOL_MISSING, this::toConfiguration);
    link("run/current-system", root.resolve("etc"));
    fails(ErrorCode.TOOL_MISSING, this::look);
  }
}
