package org.nixwsl.storage.testkit.boot;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.nixwsl.storage.config.NixModuleSettings;
import org.nixwsl.storage.core.nixconf.NixModuleRenderer;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.testkit.ScratchDirectory;
import org.nixwsl.storage.testkit.container.NixContainer;
import org.testcontainers.containers.Container.ExecResult;
import org.testcontainers.containers.wait.strategy.AbstractWaitStrategy;

/**
 * A machine like WSL's: a shared tmpfs for its mounts, disks on loop devices, and instances that
 * are containers. All rows start from one image, whose root disk has been switched to the module,
 * and from one disk, to which Nix has copied a newer system. Root only; not thread-safe.
 */
final class BootMachine implements AutoCloseable {
  static final UUID DISK = UUID.fromString("c3b0f0de-9f6a-4f3e-8a52-1f8c0a6c9d01");
  private static final UUID ID = UUID.fromString("6f1d5b1e-0c0a-4d0e-9a77-3a1f0d7c2b10");

  /**
   * Long enough for a disk that comes five seconds late; shorter than in the field, to save time.
   */
  static final int WAIT_SECONDS = 7;

  private final ScratchDirectory work;
  private final Deque<NixContainer> instances = new ArrayDeque<>();
  private final Map<String, Path> attached = new LinkedHashMap<>();
  private final String image;
  private int disks;

  BootMachine() throws Exception {
    work = ScratchDirectory.in(Path.of("/var/tmp"), "nixwsl-boot-");
    image = "nixwsl-boot-table:" + ProcessHandle.current().pid();
    try {
      prepare();
    } catch (Exception | Error e) {
      close();
      throw e;
    }
  }

  private void prepare() throws Exception {
    Path share = Files.createDirectory(work.path().resolve("wsl"));
    host("mount", "-t", "tmpfs", "wsl", share.toString());
    host("mount", "--make-shared", share.toString());
    Files.writeString(
        work.path().resolve("nix-storage.nix"),
        new NixModuleRenderer()
            .render(
                NixModuleSettings.builder()
                    .instance(InstanceName.of("main"))
                    .storageId(ID)
                    .fileSystemUuid(DISK)
                    .waitSeconds(WAIT_SECONDS)
                    .build()));
    Files.copy(
        Path.of("../sdk-core/src/test/resources/org/nixwsl/storage/core/nixconf/stub.nix"),
        work.path().resolve("stub.nix"));
    for (String name : new String[] {"mini-nixos.nix", "prepare.sh"}) {
      Files.writeString(work.path().resolve(name), resource(name));
    }
    try (NixContainer builder = new NixContainer().sharing(work.path(), "/work")) {
      builder.start();
      inside(builder, "bash /work/prepare.sh");
      host("docker", "commit", builder.getContainerId(), image);
    }
    Path tree = Files.createDirectories(work.path().resolve("tree"));
    Files.move(work.path().resolve("disk/nix"), tree.resolve("main"));
    Files.writeString(tree.resolve("main/.nix-storage-id"), ID + "\n");
    host("truncate", "-s", "64M", pristine().toString());
    host("mkfs.ext4", "-q", "-U", DISK.toString(), "-d", tree.toString(), pristine().toString());
  }

  /** A new copy of the disk, attached as the loop device whose name is the answer. */
  String attach() throws IOException {
    Path file = work.path().resolve("disk" + ++disks + ".img");
    host("cp", "--sparse=always", pristine().toString(), file.toString());
    String device = host("losetup", "--find", "--show", file.toString()).strip();
    attached.put(device, file);
    return device;
  }

  /** The file that says which store path each system is. */
  Path systems() {
    return work.path().resolve("systems");
  }

  Path work() {
    return work.path();
  }

  /** Where WSL mounts the disk, in every instance. */
  Path mountPoint() {
    return work.path().resolve("wsl/nixstorage");
  }

  void mount(String device, String options) throws IOException {
    Files.createDirectories(mountPoint());
    host("mount", "-t", "ext4", "-o", options, device, mountPoint().toString());
  }

  /** Changes the disk while no instance uses it. */
  void onDisk(String device, String script) throws IOException {
    Path there = Files.createTempDirectory(work.path(), "mnt");
    host("mount", "-t", "ext4", device, there.toString());
    host("bash", "-ec", "cd \"$1\"; " + script, "disk", there.toString());
    host("umount", there.toString());
  }

  /** An instance that has started; its PID 1 may still wait for the disk. */
  NixContainer instance(String device, String preparation) {
    String node = device.isEmpty() ? ":" : node(device);
    // Once in the life of the root disk, before its first start; the nodes anew at each start. WSL
    // starts PID 1 with one variable, and no PATH.
    String start =
        node
            + "; if [ ! -e /etc/prepared ]; then . /etc/test-systems; touch /etc/prepared; "
            + preparation
            + "; fi; exec env -i container=docker /sbin/instance-init";
    NixContainer instance =
        new NixContainer(image)
            .sharingMounts(work.path().resolve("wsl"), "/mnt/wsl")
            .withCommand("bash", "-c", start);
    instance.waitingFor(
        new AbstractWaitStrategy() {
          @Override
          protected void waitUntilReady() {
            // A row looks at the boot itself.
          }
        });
    instance.start();
    instances.push(instance);
    return instance;
  }

  /** The command that shows a device inside: WSL's instances have all of them. */
  static String node(String device) {
    return "mknod " + device + " b 7 " + device.replaceAll("\\D", "");
  }

  /** Waits until the boot is over, and says how it went. */
  static Map<String, String> facts(NixContainer instance) throws Exception {
    Map<String, String> facts = new LinkedHashMap<>();
    for (String line : inside(instance, resource("facts.sh")).lines().toList()) {
      int equals = line.indexOf('=');
      if (equals > 0) {
        facts.put(line.substring(0, equals), line.substring(equals + 1));
      }
    }
    return facts;
  }

  static void terminate(NixContainer instance) {
    host("docker", "kill", instance.getContainerId());
    host("docker", "wait", instance.getContainerId());
  }

  static void restart(NixContainer instance) {
    terminate(instance);
    host("docker", "start", instance.getContainerId());
  }

  static String inside(NixContainer instance, String script) throws Exception {
    ExecResult result = instance.execInContainer("bash", "-c", script);
    if (result.getExitCode() != 0) {
      throw new AssertionError(
          script + "\n" + result.getExitCode() + ": " + result.getStdout() + result.getStderr());
    }
    return result.getStdout();
  }

  static String host(String... argv) {
    return Operation.quiet(
        String.join(" ", argv),
        operation ->
            new ProcessRunner()
                .runOk(Command.of(argv).within(Duration.ofMinutes(2)), operation)
                .text());
  }

  /** What one row left: instances first, then mounts, then disks. */
  void clear() throws IOException {
    while (!instances.isEmpty()) {
      instances.pop().close();
    }
    while (Files.readString(Path.of("/proc/self/mountinfo"))
        .contains(" " + work.path() + "/wsl/")) {
      String table = Files.readString(Path.of("/proc/self/mountinfo"));
      String last = "";
      for (String line : table.lines().toList()) {
        String point = line.split(" ", -1)[4];
        if (point.startsWith(work.path() + "/wsl/")) {
          last = point;
        }
      }
      host("umount", last);
    }
    for (Map.Entry<String, Path> disk : attached.entrySet()) {
      host("losetup", "--detach", disk.getKey());
      Files.delete(disk.getValue());
    }
    attached.clear();
  }

  private Path pristine() {
    return work.path().resolve("pristine.img");
  }

  private static String resource(String name) throws IOException {
    try (InputStream in = BootMachine.class.getResourceAsStream(name)) {
      return new String(Objects.requireNonNull(in, name).readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  @Override
  public void close() throws IOException {
    clear();
    host("docker", "image", "rm", "--force", image);
    if (Files.readString(Path.of("/proc/self/mountinfo")).contains(work.path() + "/wsl ")) {
      host("umount", work.path().resolve("wsl").toString());
    }
    work.close();
  }
}
