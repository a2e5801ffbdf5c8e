package org.nixwsl.storage.testkit.boot;

import static org.nixwsl.storage.testkit.boot.BootImage.host;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.testkit.ScratchDirectory;

/**
 * A machine like WSL's: a shared tmpfs for its mounts, disks on loop devices, and instances that
 * are containers, each with a root disk of its own. Root only; not thread-safe, but several
 * machines can run at a time.
 */
final class BootMachine implements AutoCloseable {
  private static final String NOTHING = ":";

  private final BootImage image;
  private final ScratchDirectory work;
  private final Deque<Instance> instances = new ArrayDeque<>();
  private final Map<String, Path> attached = new LinkedHashMap<>();
  private int files;

  BootMachine(BootImage image) throws IOException {
    this.image = image;
    work = ScratchDirectory.in(Path.of("/var/tmp"), "nixwsl-boot-");
    Files.createDirectory(share());
    host("mount", "-t", "tmpfs", "wsl", share().toString());
    host("mount", "--make-shared", share().toString());
  }

  /** What is {@code /mnt/wsl} in every instance. */
  Path share() {
    return work.path().resolve("wsl");
  }

  /** Where WSL mounts the disk, in every instance. */
  Path mountPoint() {
    return share().resolve("nixstorage");
  }

  /** Words of shell that are the store path of a system. */
  String system(String name) {
    return "\"$(. " + image.systems() + "; echo $" + name + ")\"";
  }

  /** A new copy of the shared disk, attached as the loop device whose name is the answer. */
  String attach() throws IOException {
    Path file = file();
    host("cp", "--sparse=always", image.disk().toString(), file.toString());
    return attach(file);
  }

  /** A new copy, mounted where WSL mounts it. */
  String mounted() throws IOException {
    String device = attach();
    mount(device, "rw");
    return device;
  }

  void mount(String device, String options) throws IOException {
    Files.createDirectories(mountPoint());
    host("mount", "-t", "ext4", "-o", options, device, mountPoint().toString());
  }

  void unmount() {
    host("umount", mountPoint().toString());
  }

  /** Changes the disk while no instance uses it. */
  void onDisk(String device, String script) throws IOException {
    Path there = Files.createTempDirectory(work.path(), "mnt");
    host("mount", "-t", "ext4", device, there.toString());
    host("bash", "-ec", "cd \"$1\"; " + script, "disk", there.toString());
    host("umount", there.toString());
  }

  /** A backup of a disk that nothing has mounted any more. */
  Path backup(String device) throws IOException {
    unused(device);
    Path file = file();
    host("dd", "if=" + device, "of=" + file, "bs=1M", "status=none");
    return file;
  }

  void restore(Path backup, String device) {
    unused(device);
    host("dd", "if=" + backup, "of=" + device, "bs=1M", "conv=fsync", "status=none");
  }

  /**
   * The mounts of an instance that was killed go a little later. e2fsck opens a device for itself
   * alone, and on the way says that the file system is whole.
   */
  private static void unused(String device) {
    Command check = Command.of("e2fsck", "-p", device);
    Operation.quiet(
        "wait for " + device,
        operation -> {
          String what = device + " is in use no more";
          if (!operation.await(
              what,
              Duration.ofSeconds(20),
              () -> new ProcessRunner().run(check, operation).exitCode() <= 1)) {
            throw new AssertionError("not so after 20 s: " + what);
          }
          return what;
        });
  }

  /** An instance with a new root disk, started; its PID 1 may still wait for the disk. */
  Instance instance(String device) throws IOException {
    return instance(device, NOTHING);
  }

  /**
   * The same, after a change of its root disk.
   *
   * @param device the shared disk's, or empty when no device is attached
   * @param preparation a script, run once, which finds the systems as variables
   */
  Instance instance(String device, String preparation) throws IOException {
    Path root = file();
    host("truncate", "-s", "24M", root.toString());
    host("mkfs.ext4", "-q", root.toString());
    Instance instance = new Instance(image.name(), share(), attach(root), device, preparation);
    instances.push(instance);
    return instance;
  }

  /** What is mounted in WSL's share, as an instance has to see it; each mount once. */
  List<String> mounts() throws IOException {
    String share = share().toString();
    return mountPoints().stream()
        .filter(point -> point.equals(share) || point.startsWith(share + "/"))
        .map(point -> "/mnt/wsl" + point.substring(share.length()))
        .sorted()
        .toList();
  }

  private static List<String> mountPoints() throws IOException {
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/mountinfo"))) {
      return lines.map(line -> line.split(" ", -1)[4]).toList();
    }
  }

  private Path file() {
    return work.path().resolve("disk" + ++files + ".img");
  }

  private String attach(Path file) {
    String device = host("losetup", "--find", "--show", file.toString()).strip();
    attached.put(device, file);
    return device;
  }

  /** What one row left: instances first, then mounts, then disks. */
  void clear() throws IOException {
    while (!instances.isEmpty()) {
      instances.pop().close();
    }
    List<String> points = mountPoints();
    for (int i = points.size() - 1; i >= 0; i--) {
      if (points.get(i).startsWith(share() + "/")) {
        host("umount", points.get(i));
      }
    }
    for (Map.Entry<String, Path> disk : attached.entrySet()) {
      host("losetup", "--detach", disk.getKey());
      Files.delete(disk.getValue());
    }
    attached.clear();
  }

  @Override
  public void close() throws IOException {
    clear();
    host("umount", share().toString());
    work.close();
  }
}
