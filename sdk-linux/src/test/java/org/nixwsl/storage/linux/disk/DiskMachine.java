package org.nixwsl.storage.linux.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.mount.MountName;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLocation;

/**
 * A run directory, disks and a mounter for one test; afterwards it fails the test if a mount, a
 * loop device, a daemon or a place of a disk is left, and takes away what it can.
 */
final class DiskMachine implements BeforeEachCallback, AfterEachCallback {
  private static final String REAL_PATH =
      "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

  private final ProcessRunner processes = new ProcessRunner();
  private final List<Process> started = new ArrayList<>();
  private Path folder = Path.of("/");

  @Override
  public void beforeEach(ExtensionContext context) throws IOException {
    assumeTrue(
        Integer.valueOf(0).equals(Files.getAttribute(Path.of("/proc/self"), "unix:uid")),
        "skipped: root is missing");
    assumeTrue(Files.exists(Path.of("/dev/fuse")), "skipped: /dev/fuse is missing");
    assumeTrue(Files.exists(Path.of("/dev/loop-control")), "skipped: /dev/loop-control is missing");
    for (String tool :
        List.of(
            "qemu-img",
            "qemu-io",
            "qemu-storage-daemon",
            "fusermount3",
            "mkfs.ext4",
            "losetup",
            "blkid")) {
      assumeTrue(
          Stream.of(REAL_PATH.split(":", -1))
              .anyMatch(dir -> Files.isExecutable(Path.of(dir, tool))),
          "skipped: " + tool + " is missing");
    }
    folder = Files.createTempDirectory(Path.of("/tmp"), "nixwsl-disk-test-");
  }

  @Override
  public void afterEach(ExtensionContext context) throws Exception {
    if (folder.equals(Path.of("/"))) {
      return;
    }
    for (Process process : started) {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly().waitFor();
    }
    List<String> left = leftovers();
    // The exported file last: a loop device on an unmounted one can no more be told from others.
    unmountAll("/mnt/");
    sh(
        "losetup -n -l -O NAME,BACK-FILE | grep "
            + folder
            + " | while read loop file; do losetup -d $loop; done || true");
    for (ProcessHandle daemon : daemons()) {
      daemon.destroyForcibly();
      daemon.onExit().join();
    }
    unmountAll("");
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
    assertThat(left).as("what the test left behind").isEmpty();
  }

  /** Whoever looks at all devices has it open for a moment, and then it is detached after that. */
  void detachLoop(String device) throws IOException {
    sh("losetup -d " + device);
    Path file =
        Path.of("/sys/block", Path.of(device).getFileName().toString(), "loop/backing_file");
    boolean free =
        Operation.quiet(
            "detach " + device,
            operation ->
                operation.await(
                    device + " is free", Duration.ofSeconds(20), () -> Files.notExists(file)));
    assertThat(free).as(device + " is free").isTrue();
  }

  private void unmountAll(String which) throws IOException {
    List<String> points = new ArrayList<>(mounts());
    Collections.reverse(points);
    for (String mount : points) {
      if (mount.contains(which)) {
        sh("umount -l " + mount);
      }
    }
  }

  Path folder() {
    return folder;
  }

  Path run() {
    return folder.resolve("run");
  }

  LoopMounter mounter() {
    return new LoopMounter(processes, Ticker.system(), Tools.ofThisMachine(), run());
  }

  /** A mounter for which one program is a shell script; {@code $REAL} is the program itself. */
  LoopMounter mounterWith(String program, String script) throws IOException {
    Path tools = Files.createDirectories(folder.resolve("tools"));
    String real = sh("PATH=" + REAL_PATH + " command -v " + program).strip();
    Path file = tools.resolve(program);
    Files.writeString(file, "#!/bin/sh\nREAL=" + real + "\n" + script + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    return new LoopMounter(processes, Ticker.system(), Tools.in(tools + ":" + REAL_PATH), run());
  }

  /** A dynamic disk made by an independent program. */
  Path createDisk(String name, String size) {
    Path file = folder.resolve(name);
    sh("qemu-img create -q -f vhdx -o subformat=dynamic,block_size=1M " + file + " " + size);
    return file;
  }

  static SharedStorage storage(Path file, String mountName) {
    return SharedStorage.builder()
        .location(new StorageLocation.VhdxFile(file))
        .mountName(MountName.of(mountName))
        .build();
  }

  /** The same with the UUID that its file system must have. */
  static SharedStorage storage(StorageLocation location, String mountName, UUID uuid) {
    return SharedStorage.builder()
        .location(location)
        .mountName(MountName.of(mountName))
        .fileSystemUuid(uuid)
        .build();
  }

  /** Runs a script that has to succeed and gives its output. */
  String sh(String script) {
    return Operation.quiet(
        "test script",
        operation -> processes.runOk(Command.of("sh", "-c", script), operation).text());
  }

  /** Starts a script that prints a line when it is ready and runs until the test ends. */
  Process startAndAwaitLine(String script) throws IOException {
    Process process =
        new ProcessBuilder("sh", "-c", script)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    started.add(process);
    assertThat(process.inputReader().readLine()).isEqualTo("ready");
    return process;
  }

  /** The daemons of this test's run directory. */
  List<ProcessHandle> daemons() {
    return ProcessHandle.allProcesses()
        .filter(
            p -> p.info().commandLine().filter(c -> c.contains("--pidfile " + run())).isPresent())
        .toList();
  }

  /** Mount points below the test's folder. */
  private List<String> mounts() throws IOException {
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/mountinfo"))) {
      return lines.map(l -> l.split(" ", -1)[4]).filter(m -> m.startsWith(folder + "/")).toList();
    }
  }

  /** What is still attached, in words. */
  List<String> leftovers() throws IOException {
    List<String> left = new ArrayList<>();
    mounts().forEach(m -> left.add("mount " + m));
    sh("losetup -n -l -O NAME,BACK-FILE")
        .lines()
        .filter(l -> l.contains(folder.toString()))
        .forEach(l -> left.add("loop device " + l));
    daemons().forEach(d -> left.add("daemon " + d.pid()));
    for (Path directory : List.of(run(), run().resolve("mnt"))) {
      if (Files.isDirectory(directory)) {
        try (Stream<Path> files = Files.list(directory)) {
          files
              .filter(f -> !List.of("lock", "mnt").contains(f.getFileName().toString()))
              .forEach(f -> left.add("file " + f));
        }
      }
    }
    return left;
  }
}
