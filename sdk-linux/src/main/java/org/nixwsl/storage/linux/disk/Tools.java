package org.nixwsl.storage.linux.disk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.core.io.Caller;
import org.nixwsl.storage.core.platform.DiskFormat;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;

/**
 * Where the programs are. They are looked for before anything is changed, and also in the system
 * folders that {@code su} leaves out of PATH. Immutable.
 */
final class Tools {
  private static final String SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin";

  private final List<Path> folders;

  /** A program and the Debian package that has it. */
  enum Tool {
    /** Shows the contents of a VHDX as a file. */
    STORAGE_DAEMON("qemu-storage-daemon", "qemu-system-common"),
    /** Makes a block device of a file. */
    LOSETUP("losetup", "mount"),
    /** Tells what is on a block device. */
    BLKID("blkid", "util-linux"),
    /** Mounts. */
    MOUNT("mount", "mount"),
    /** Unmounts. */
    UMOUNT("umount", "mount"),
    /** Unmounts what a dead daemon left. */
    FUSERMOUNT("fusermount3", "fuse3");

    private final String program;
    private final String debianPackage;

    Tool(String program, String debianPackage) {
      this.program = program;
      this.debianPackage = debianPackage;
    }
  }

  private Tools(List<Path> folders) {
    this.folders = folders;
  }

  /** The folders of PATH, then the system's. */
  static Tools ofThisMachine() {
    return in(Optional.ofNullable(System.getenv("PATH")).orElse("") + ":" + SYSTEM_FOLDERS);
  }

  /** The folders of a list like PATH. A relative one is left out: root starts what is in it. */
  static Tools in(String path) {
    return new Tools(
        Arrays.stream(path.split(":", -1))
            .filter(folder -> folder.startsWith("/") && !folder.contains("\0"))
            .map(Path::of)
            .toList());
  }

  /** The absolute name of a program. */
  String pathOf(Tool tool) {
    return find(tool.program)
        .orElseThrow(() -> new EnvironmentException(missing(tool.program, tool.debianPackage)));
  }

  /** The absolute name of the program that makes a file system. */
  String mkfs(DiskFormat format) {
    return find(format.program())
        .orElseThrow(
            () -> new EnvironmentException(missing(format.program(), format.debianPackage())));
  }

  /** What keeps this machine from attaching a disk and making that file system on it. */
  List<Problem> refusals(DiskFormat format) throws IOException {
    List<Problem> problems = refusals();
    if (find(format.program()).isEmpty()) {
      problems.add(missing(format.program(), format.debianPackage()));
    }
    return problems;
  }

  /** What keeps this machine from attaching a disk; empty if nothing does. */
  List<Problem> refusals() throws IOException {
    List<Problem> problems = new ArrayList<>();
    if (!Caller.isRoot()) {
      problems.add(
          Problem.of(
              ErrorCode.NOT_ROOT,
              "Attaching a VHDX needs root.",
              "Run as root, or use a directory of a mounted file system as the storage."));
    }
    problems.addAll(missing());
    for (String device : List.of("/dev/fuse", "/dev/loop-control")) {
      if (Files.notExists(Path.of(device))) {
        problems.add(
            Problem.of(
                ErrorCode.UNSUPPORTED_PLATFORM,
                "Cannot attach a VHDX here: there is no " + device + ".",
                "Load the kernel modules fuse and loop; in a container, let it have the device."));
      }
    }
    return problems;
  }

  /** A problem for each program that is not there. */
  List<Problem> missing() {
    List<Problem> problems = new ArrayList<>();
    for (Tool tool : Tool.values()) {
      if (find(tool.program).isEmpty()) {
        problems.add(missing(tool.program, tool.debianPackage));
      }
    }
    return problems;
  }

  private Optional<String> find(String program) {
    return folders.stream()
        .map(folder -> folder.resolve(program))
        .filter(Files::isExecutable)
        .map(Path::toString)
        .findFirst();
  }

  private static Problem missing(String program, String debianPackage) {
    return Problem.of(
        ErrorCode.TOOL_MISSING,
        "Cannot attach a VHDX here: the program " + program + " is not installed.",
        "Install it (on Debian or Ubuntu: apt install " + debianPackage + ") and call again.");
  }
}
