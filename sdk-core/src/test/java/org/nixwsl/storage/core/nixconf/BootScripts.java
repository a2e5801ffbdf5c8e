package org.nixwsl.storage.core.nixconf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.escape.Interpreters;
import org.nixwsl.storage.core.escape.ShText;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;

/**
 * The embedded scripts, run for real in a mount namespace of their own: a {@code /nix} of the root
 * disk and one of the shared disk, whose shim says which of the two is in place. As under WSL the
 * hook is PID 1, and its environment has no {@code PATH}. Nothing waits: {@code sleep} is a program
 * of the test.
 */
abstract class BootScripts {
  static final String ID = "6f1d5b1e-0c0a-4d0e-9a77-3a1f0d7c2b10";
  static final String SYSTEM = "store/00000000000000000000000000000000-nixos-system";

  /** What the shim writes down: its environment, and whether someone has the lease. */
  private static final String SHIM_SAYS =
      "cd \"@@\"; env > shim-env; lock=wsl/nixstorage/.nixwsl/locks/main; [ ! -e $lock ]"
          + " || { flock -n $lock true && echo free > lease || echo held > lease; }; :";

  static final String MOUNTED = "mount --bind \"$diskDir\" \"$mountPoint\"";
  static final String NOT_MOUNTED = ":";

  @TempDir Path scratch;
  final Map<String, String> values = new LinkedHashMap<>();
  Path root;
  Path disk;

  @BeforeEach
  void layOutBothDisks() throws IOException {
    assumeTrue("root".equals(System.getProperty("user.name")), "skipped: root is missing");
    Interpreters.needs("unshare");
    Interpreters.needs("bash");
    assumeTrue(Files.isDirectory(Path.of("/nix")), "skipped: /nix is missing");
    root = nix("root-nix", "root disk");
    disk = nix("disk/main", "shared disk");
    Files.writeString(disk.resolve(".nix-storage-id"), ID + "\n");
    Files.createDirectories(scratch.resolve("wsl/nixstorage"));
    Files.writeString(scratch.resolve("armed"), "");
    Files.writeString(scratch.resolve("kmsg"), "");
    Files.createDirectories(scratch.resolve("bin"));
    program(scratch.resolve("bin/sleep"), "echo \"$1\" >> " + scratch.resolve("slept"));
    values.put("instance", "main");
    values.put("storageId", ID);
    values.put("fileSystemUuid", "");
    values.put("fileSystemType", "ext4");
    values.put("mountOptions", "");
    values.put("stateDir", scratch.resolve("state").toString());
    program(scratch.resolve("bin/stat"), "echo ${TYPE-ext2/ext3}");
    program(scratch.resolve("bin/findmnt"), "echo /dev/root");
    program(scratch.resolve("bin/blkid"), "[ \"$1\" = -p ] && echo root-uuid");
    program(scratch.resolve("bin/nix-store"), "[ ! -e " + scratch.resolve("invalid") + " ]");
    values.put("runDir", scratch.resolve("run").toString());
    values.put("armedFile", scratch.resolve("armed").toString());
    values.put("forceRescueFile", scratch.resolve("force-rescue").toString());
    values.put("mountPoint", scratch.resolve("wsl/nixstorage").toString());
    values.put("waitSeconds", "15");
    values.put("shim", "/nix/store/shim/bin/systemd-shim");
    values.put("PATH", scratch.resolve("bin") + ":/usr/bin:/bin:/usr/sbin:/sbin");
  }

  void rescued(String preparation, String reason) throws IOException {
    assertThat(boot(preparation)).startsWith("root disk [--unit=a b]");
    assertThat(report())
        .containsEntry("decision", "rescue")
        .hasEntrySatisfying("reason", said -> assertThat((String) said).contains(reason));
    assertThat(scratch.resolve("run/rescue")).content().contains("Reason: ").contains(reason);
    assertThat(scratch.resolve("kmsg")).content().contains("<4>nix-storage: rescue boot: ");
    assertThat(scratch.resolve("run/active")).doesNotExist();
  }

  /** What the shim printed: the disk it came from and its arguments. */
  String boot(String preparation) throws IOException {
    Path script = script("init.sh", Template.resource("nix-storage-init.sh"));
    ProcessRunner.Result result =
        inNamespace(
            preparation + "\nexec env -i container=wsl /bin/bash " + script + " '--unit=a b' ''\n");
    assertThat(result.exitCode()).as(result.allText()).isZero();
    return result.text();
  }

  ProcessRunner.Result seed(String argument) throws IOException {
    Path script = script("seed.sh", Template.resource("nix-storage-seed.sh"));
    return inNamespace("exec bash " + script + " " + scratch.resolve("system") + " " + argument);
  }

  Path register(String file) {
    return disk.resolveSibling(".nixwsl/instances/main").resolve(file);
  }

  Map<String, Object> report() throws IOException {
    return JSON.std.mapFrom(Files.readString(scratch.resolve("run/boot.json")));
  }

  private ProcessRunner.Result inNamespace(String body) throws IOException {
    String driver =
        "set -e\n"
            + "diskDir="
            + ShText.quoted(scratch.resolve("disk").toString())
            + "\n"
            + "mountPoint="
            + ShText.quoted(scratch.resolve("wsl/nixstorage").toString())
            + "\n"
            + "mount --bind "
            + root
            + " /nix\n"
            + "[ ! -e /dev/kmsg ] || mount --bind "
            + scratch.resolve("kmsg")
            + " /dev/kmsg\n"
            + body;
    Command command =
        Command.of(
                "unshare",
                "--mount",
                "--propagation",
                "private",
                "--pid",
                "--fork",
                "--mount-proc",
                "bash",
                "-s")
            .reading(Interpreters.utf8(driver));
    return Operation.quiet("test", operation -> new ProcessRunner().run(command, operation));
  }

  private Path script(String name, String text) throws IOException {
    StringBuilder all = new StringBuilder();
    values.forEach(
        (key, value) -> all.append(key).append('=').append(ShText.quoted(value)).append('\n'));
    return Files.writeString(scratch.resolve(name), all + text);
  }

  /** A {@code /nix} with a profile, a system, its systemd and a shim that names it. */
  private Path nix(String directory, String name) throws IOException {
    Path nix = scratch.resolve(directory);
    Files.createDirectories(nix.resolve("var/nix/profiles"));
    Files.createDirectories(nix.resolve("var/nix/db"));
    Files.writeString(nix.resolve("var/nix/db/db.sqlite"), "SQLite format 3");
    Files.createSymbolicLink(nix.resolve("var/nix/profiles/system"), Path.of("system-7-link"));
    Files.createSymbolicLink(
        nix.resolve("var/nix/profiles/system-7-link"), Path.of("/nix").resolve(SYSTEM));
    program(nix.resolve(SYSTEM).resolve("activate"), "");
    Files.createSymbolicLink(nix.resolve(SYSTEM).resolve("systemd"), Path.of("/nix/store/systemd"));
    Files.createSymbolicLink(
        nix.resolve(SYSTEM).resolve("nix-storage-shim"),
        Path.of("/nix/store/shim/bin/systemd-shim"));
    program(nix.resolve("store/systemd/lib/systemd/systemd"), "echo systemd 257");
    Files.writeString(nix.resolve("var/where"), name);
    program(
        nix.resolve("store/shim/bin/systemd-shim"),
        "printf '%s' \"$(cat /nix/var/where)\"; printf ' [%s]' \"$@\"; "
            + SHIM_SAYS.replace("@@", scratch.toString()));
    return nix;
  }

  /** Stands in for Nix: writes down how it is called, with the run directory as RUN. */
  void fakeNix(String copyEnds) throws IOException {
    Files.createDirectories(scratch.resolve("run"));
    Files.createDirectories(scratch.resolve("system"));
    Files.writeString(scratch.resolve("run/active"), "");
    // In the place of the view of the root disk, which would be that of this machine.
    program(scratch.resolve("bin/mountpoint"), "exit 0");
    program(scratch.resolve("bin/umount"), "");
    String note =
        "line=\"${0##*/} $*\"; run="
            + scratch.resolve("run")
            + "\n"
            + "printf '%s\\n' \"${line//$run/RUN}\" >> "
            + scratch.resolve("calls")
            + "\n";
    Files.writeString(scratch.resolve("run/boot.json"), "{}");
    for (String name : List.of("sync", "nix-env")) {
      program(scratch.resolve("bin").resolve(name), note);
    }
    program(scratch.resolve("bin/nix"), note + copyEnds);
  }

  static void program(Path file, String body) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, "#!/bin/bash\n" + body + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }
}
