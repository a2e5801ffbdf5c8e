package org.nixwsl.storage.testkit.wsl.real;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.process.RunningProcess;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.disk.BlockDevices;
import org.nixwsl.storage.testkit.wsl.model.Devices;
import org.nixwsl.storage.testkit.wsl.model.Guests;

/**
 * Instances that are containers with the systemd of their image as PID 1. The files of an instance
 * are on its root disk, which is laid over the image; the container itself is made anew at each
 * start. The share of the virtual machine is mounted on this machine as well, for the engine to
 * hand it on.
 */
final class Containers implements Instances {
  /**
   * What systemd and a bind on {@code /nix} need; a privileged container is not possible
   * everywhere. Loop devices have the major number 7, their partitions 259 (Linux, {@code
   * major.h}).
   */
  private static final List<String> RIGHTS =
      List.of(
          "--cap-add=SYS_ADMIN",
          "--cap-add=NET_ADMIN",
          "--cap-add=SYS_PTRACE",
          "--cap-add=MKNOD",
          "--cap-add=DAC_READ_SEARCH",
          "--cap-add=SYS_CHROOT",
          "--cap-add=SYS_NICE",
          "--cap-add=IPC_LOCK",
          "--security-opt=seccomp=unconfined",
          "--security-opt=apparmor=unconfined",
          "--security-opt=systempaths=unconfined",
          "--cgroupns=private",
          "--network=none",
          "--tmpfs=/run:exec",
          "--tmpfs=/tmp:exec",
          "--device-cgroup-rule=b 7:* rwm",
          "--device-cgroup-rule=b 259:* rwm");

  /** The command line of the container's first process has this until it becomes PID 1. */
  private static final String STARTING = "nixwsl-instance-starts";

  private static final Duration UP_LIMIT = Duration.ofSeconds(30);

  /** WSL waits so long for the start and for the end of systemd (boot.initTimeout). */
  private static final Duration INIT_TIMEOUT = Duration.ofSeconds(10);

  private static final Duration ENGINE_LIMIT = Duration.ofMinutes(2);

  private final Path folder;
  private final InstanceImage usual;
  private final Path share;
  private final Namespaces namespaces;
  private final BlockDevices disks;
  private final ProcessRunner processes;

  /**
   * Containers of one machine.
   *
   * @param folder which is this machine's alone
   * @param usual what an instance is made from that has no image of its own
   * @param share where the share is mounted on this machine
   */
  Containers(
      Path folder,
      InstanceImage usual,
      Path share,
      Namespaces namespaces,
      BlockDevices disks,
      ProcessRunner processes) {
    this.folder = folder;
    this.usual = usual;
    this.share = share;
    this.namespaces = namespaces;
    this.disks = disks;
    this.processes = processes;
  }

  /** Why no such instance can be started here; empty if it can. */
  static Optional<String> refusal(InstanceImage image, ProcessRunner processes, Operation operation)
      throws IOException, InterruptedException {
    Command find = Command.of("/bin/sh", "-c", "command -v docker");
    if (processes.run(find, operation).exitCode() != 0) {
      return Optional.of("docker is missing");
    }
    Command ask = Command.of("docker", "version", "--format", "{{.Server.Version}}");
    if (processes.run(ask, operation).exitCode() != 0) {
      return Optional.of("a Docker engine is missing");
    }
    Command look = Command.of("docker", "image", "inspect", image.name());
    return processes.run(look, operation).exitCode() == 0
        ? Optional.empty()
        : Optional.of("the image " + image.name() + " is missing");
  }

  @Override
  public Start start(String name, String letter, Operation operation)
      throws IOException, InterruptedException {
    if (!namespaces.script(Namespaces.VM, operation, "check", letter).text().equals("whole\n")) {
      return Start.CORRUPT;
    }
    InstanceImage image = InstanceImage.read(imageFile(name)).orElse(usual);
    remove(List.of("--filter=name=^/" + container(name) + "$"), operation);
    List<String> argv = new ArrayList<>(List.of("docker", "run", "--detach", "--pull=never"));
    argv.addAll(List.of("--name=" + container(name), "--hostname=" + name, "--label=" + label()));
    argv.addAll(RIGHTS);
    argv.add("--volume=" + share + ":/mnt/wsl:rshared");
    for (Path shown : image.shown()) {
      argv.add("--volume=" + shown + ":" + shown + ":ro");
    }
    argv.addAll(List.of("--entrypoint=/bin/sh", image.name(), "-c"));
    argv.addAll(
        List.of(
            Namespaces.scriptText("container"), STARTING, Namespaces.scriptText("show"), letter));
    for (Path shown : image.shown()) {
      argv.add(shown.toString());
    }
    argv.add("--");
    for (String other : disks.names()) {
      Optional<BlockDevices.Device> device = disks.find(other);
      device.ifPresent(d -> argv.addAll(List.of(other, d.number(), d.name())));
    }
    docker(argv, operation);
    Optional<LinuxProcess> first = first(name, operation);
    if (first.isEmpty()) {
      return Start.DEAD;
    }
    namespaces.adopt(name, first.get());
    return settles(first.get(), operation) ? Start.UP : Start.DEAD;
  }

  /** The first process of a container, when it has become PID 1 of the instance. */
  private Optional<LinuxProcess> first(String name, Operation operation)
      throws IOException, InterruptedException {
    String format = "--format={{.State.Pid}}";
    Command inspect = Command.of("docker", "inspect", format, container(name));
    long pid = Long.parseLong(processes.runOk(inspect, operation).text().strip());
    Optional<LinuxProcess> first = LinuxProcess.of(pid);
    if (first.isPresent()) {
      operation.await(
          "PID 1 of " + name,
          UP_LIMIT,
          () -> !first.get().runs() || !first.get().commandLine().contains(STARTING));
    }
    return first.filter(LinuxProcess::runs);
  }

  /** Waits for its systemd. A wait that is cut short ended with the instance. */
  private boolean settles(LinuxProcess first, Operation operation)
      throws IOException, InterruptedException {
    String patience = Long.toString(initTimeout(first, operation).toMillis());
    return namespaces.script(first, operation, "settle", patience).exitCode() == 0 && first.runs();
  }

  private Duration initTimeout(LinuxProcess first, Operation operation)
      throws IOException, InterruptedException {
    String found = namespaces.script(first, operation, "patience").text().strip();
    return found.isEmpty() ? INIT_TIMEOUT : Duration.ofMillis(Long.parseLong(found));
  }

  @Override
  public void stop(String name, Devices.Ending ending, Operation operation)
      throws IOException, InterruptedException {
    Optional<LinuxProcess> first = namespaces.find(name);
    if (ending != Devices.Ending.KILLED && first.isPresent()) {
      Duration patience = initTimeout(first.get(), operation);
      boolean guarded = ending == Devices.Ending.GUARDED;
      namespaces.script(first.get(), operation, "down", guarded ? "guarded" : "");
      operation.await("the end of " + name, patience, () -> !first.get().runs());
    }
    remove(List.of("--filter=name=^/" + container(name) + "$"), operation);
    namespaces.kill(name, operation);
  }

  /** Ends and removes containers of this machine. */
  private void remove(List<String> filter, Operation operation)
      throws IOException, InterruptedException {
    List<String> find = new ArrayList<>(List.of("docker", "ps", "--all", "--quiet"));
    find.add("--filter=label=" + label());
    find.addAll(filter);
    List<String> numbers = docker(find, operation).lines().toList();
    if (!numbers.isEmpty()) {
      List<String> remove = new ArrayList<>(List.of("docker", "rm", "--force", "--volumes"));
      remove.addAll(numbers);
      docker(remove, operation);
    }
  }

  private String docker(List<String> argv, Operation operation)
      throws IOException, InterruptedException {
    return processes.runOk(Command.of(argv).within(ENGINE_LIMIT), operation).text();
  }

  /** On every container of this machine, and on no other one. */
  private String label() {
    return "org.nixwsl.machine=" + folder;
  }

  private String container(String instance) {
    return "nixwsl-" + Integer.toHexString(folder.toString().hashCode()) + "-" + instance;
  }

  private Path imageFile(String instance) {
    return folder.resolve(instance + ".image");
  }

  /** Gives an instance that does not run an image of its own. */
  void image(String instance, InstanceImage image) throws IOException {
    image.write(imageFile(instance));
  }

  private List<String> running() throws IOException {
    return namespaces.running().stream()
        .filter(name -> !name.equals(Namespaces.VM) && !name.equals(Guard.NAME))
        .filter(name -> !name.startsWith(RealDevices.HOLDER))
        .toList();
  }

  @Override
  public RunningProcess program(String name, List<String> argv, Guests.Streams streams) {
    List<String> exec = new ArrayList<>(List.of("docker", "exec", "--interactive"));
    exec.add(container(name));
    exec.addAll(argv);
    return processes.startPassing(Command.of(exec), streams.in(), streams.out(), streams.err());
  }

  @Override
  public void show(String letter, BlockDevices.Device device, Operation operation)
      throws IOException, InterruptedException {
    for (String name : running()) {
      namespaces.script(name, operation, "show", letter, device.number(), device.name());
    }
  }

  @Override
  public void hide(String letter, Operation operation) throws IOException, InterruptedException {
    for (String name : running()) {
      namespaces.script(name, operation, "hide", letter);
    }
  }

  @Override
  public void destroy(Operation operation) throws IOException, InterruptedException {
    remove(List.of(), operation);
  }
}
