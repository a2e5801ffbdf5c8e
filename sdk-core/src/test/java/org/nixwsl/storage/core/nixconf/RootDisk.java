package org.nixwsl.storage.core.nixconf;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.nixwsl.storage.core.escape.Interpreters;
import org.nixwsl.storage.core.escape.ShText;
import org.nixwsl.storage.core.platform.InstanceShell;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;

/**
 * An instance of a test: a root file system of its own, laid over this machine's and kept between
 * calls, with a {@code /nix} made by the real Nix; and a disk whose directory {@code main} is
 * another one. Each call runs in namespaces of its own, in which the mounts of a boot are made
 * anew.
 */
final class RootDisk implements InstanceShell {
  static final String ID = "6f1d5b1e-0c0a-4d0e-9a77-3a1f0d7c2b10";
  static final String COMMAND = "/nix-storage-command";

  private static final Map<String, String> VALUES =
      Map.of(
          "instance", "main",
          "storageId", ID,
          "mountPoint", "/mnt/wsl/nixstorage",
          "fileSystemType", "ext4",
          "runDir", "/run/nix-storage",
          "stateDir", "/var/lib/nix-storage",
          "armedFile", "/etc/nix-storage.armed",
          "seed", "/nix-storage-seed",
          "PATH", "/test-bin:/usr/bin:/bin:/usr/sbin:/sbin");

  private final Path scratch;

  /** The user that programs run as. */
  String user = "0";

  /** Whether the disk is mounted. */
  boolean mounted = true;

  /** Whether the instance runs from the disk. */
  boolean active;

  private RootDisk(Path scratch) {
    this.scratch = scratch;
  }

  /** Lays out both disks, each with a system of its own; skips the test where that cannot be. */
  static RootDisk create(Path scratch) throws IOException {
    assumeTrue("root".equals(System.getProperty("user.name")), "skipped: root is missing");
    for (String tool : List.of("unshare", "bash", "nix-store", "nix-env", "setpriv")) {
      Interpreters.needs(tool);
    }
    RootDisk root = new RootDisk(scratch);
    for (String directory : List.of("up", "work", "new", "up/disk/main", "up/test-bin")) {
      Files.createDirectories(scratch.resolve(directory));
    }
    assumeTrue(root.bare("true").exitCode() == 0, "skipped: a mount of overlayfs is missing");
    root.program("/test-bin/findmnt", "echo /dev/root");
    root.program("/test-bin/blkid", "echo root-uuid");
    root.program(COMMAND, Template.resource("nix-storage-command.sh"));
    root.program("/nix-storage-seed", Template.resource("nix-storage-seed.sh"));
    root.ok(
        root.bare(
            "rm -rf /nix; mkdir -p /nix /mnt/wsl/nixstorage /run/nix-storage; touch /etc/nix-storage.armed\n"
                + "echo "
                + ID
                + " > /disk/main/.nix-storage-id\n"
                + system("before")
                + "mount --bind /disk/main /nix\n"
                + system("on-disk")));
    return root;
  }

  /** Puts a system into the store that is on /nix, and makes it the one that boots. */
  static String system(String name) {
    return "mkdir -p /tmp/"
        + name
        + "; echo "
        + name
        + " > /tmp/"
        + name
        + "/activate\n"
        + "nix-env --quiet -p /nix/var/nix/profiles/system --set $(nix-store --add /tmp/"
        + name
        + ")\n";
  }

  /** A file of the root disk. */
  Path file(String path) {
    return scratch.resolve("up" + path);
  }

  /** Runs what has to succeed in the instance, and gives what it printed. */
  String inside(String script) throws IOException {
    return ok(Operation.quiet("test", operation -> run(script, Duration.ofMinutes(1), operation)));
  }

  @Override
  public String instance() {
    return "the instance of the test";
  }

  @Override
  public ProcessRunner.Result run(String script, Duration limit, Operation operation)
      throws IOException {
    StringBuilder boot = new StringBuilder();
    if (mounted) {
      boot.append("mount --bind /disk /mnt/wsl/nixstorage\n");
    }
    if (active) {
      boot.append("mount --bind /disk/main /nix; touch /run/nix-storage/active\n");
    } else {
      boot.append("rm -f /run/nix-storage/active\n");
    }
    boot.append("echo '{}' > /run/nix-storage/boot.json\n");
    boot.append("exec setpriv --reuid ").append(user).append(" /bin/sh -c ");
    return bare(boot + ShText.quoted(script));
  }

  private ProcessRunner.Result bare(String script) throws IOException {
    String driver =
        "set -e\ncd "
            + ShText.quoted(scratch.toString())
            + "\nmount -t overlay overlay -o lowerdir=/,upperdir=up,workdir=work new\n"
            + "mount -t proc proc new/proc\nmount --rbind /dev new/dev\n"
            + "exec chroot new /bin/bash -ec "
            + ShText.quoted(script);
    Command command =
        Command.of(
                "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "bash", "-s")
            .with("NIX_REMOTE", "local")
            .reading(Interpreters.utf8(driver));
    return Operation.quiet("test", operation -> new ProcessRunner().run(command, operation));
  }

  private String ok(ProcessRunner.Result result) {
    if (result.exitCode() != 0) {
      throw new AssertionError(result.allText());
    }
    return result.text();
  }

  /** A program of the root disk: bash with the values that the module gives. */
  void program(String path, String text) throws IOException {
    StringBuilder all = new StringBuilder("#!/bin/bash\n");
    VALUES.forEach(
        (key, value) -> all.append(key).append('=').append(ShText.quoted(value)).append('\n'));
    Path file = Files.writeString(file(path), all + text + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }
}
