package org.nixwsl.storage.testkit.wsl.real;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.linux.disk.BlockDevices;
import org.nixwsl.storage.testkit.ScratchDirectory;
import org.nixwsl.storage.testkit.wsl.model.Devices;
import org.nixwsl.storage.testkit.wsl.model.Guests;

/**
 * The part of a simulated machine that is real: VHDX files become block devices of this Linux, are
 * mounted in a mount namespace that stands for the virtual machine, and programs run in namespaces
 * that stand for its instances. All of it is found by a folder, so that each process that uses the
 * machine sees the same. Needs root. Not thread-safe: whoever shares a folder keeps its users
 * apart.
 */
public final class RealDisks {
  private static final List<String> PROGRAMS =
      List.of(
          "unshare",
          "nsenter",
          "setsid",
          "chroot",
          "pivot_root",
          "mknod",
          "mkfifo",
          "partx",
          "mke2fs",
          "e2fsck",
          "resize2fs",
          "sleep",
          "env");

  private final Path folder;
  private final ProcessRunner processes = new ProcessRunner();
  private final Namespaces namespaces;
  private final BlockDevices disks;
  private final Optional<Containers> containers;
  private final Share share;

  private RealDisks(Path folder) throws IOException {
    this.folder = folder;
    this.namespaces = new Namespaces(folder, processes);
    this.disks = new BlockDevices(processes, Ticker.system(), folder.resolve("disks"));
    Path onHost = folder.resolve("share");
    this.containers =
        InstanceImage.read(usualImage(folder))
            .map(image -> new Containers(folder, image, onHost, namespaces, disks, processes));
    this.share = containers.isPresent() ? Share.on(onHost, processes) : Share.insideOnly(processes);
  }

  /** Is there if instances are containers. */
  private static Path usualImage(Path folder) {
    return folder.resolve("usual-image");
  }

  private Instances instances() {
    return containers.<Instances>map(all -> all).orElseGet(() -> new PlainInstances(namespaces));
  }

  private static Path within(Path machine) {
    return machine.resolve("real");
  }

  /** What keeps this machine from having real disks, in words for people; empty if nothing does. */
  public static List<String> refusals() {
    if (Files.notExists(Path.of("/proc/self/ns/mnt"))) {
      return List.of("Linux is missing");
    }
    return Operation.quiet(
        "look for what real disks need",
        operation -> {
          List<String> why = new ArrayList<>();
          for (Problem problem : BlockDevices.refusals()) {
            why.add(problem.message());
          }
          if (why.isEmpty()) {
            ProcessRunner processes = new ProcessRunner();
            Command find = Command.of("/bin/sh", "-c", "for p; do command -v \"$p\"; done", "sh");
            List<String> argv = new ArrayList<>(find.argv());
            argv.addAll(PROGRAMS);
            int found = (int) processes.run(Command.of(argv), operation).text().lines().count();
            if (found < PROGRAMS.size()) {
              why.add("one of these programs is missing: " + String.join(", ", PROGRAMS));
              return why;
            }
            ProcessRunner.Result unshare =
                processes.run(
                    Command.of("unshare", "--mount", "--pid", "--fork", "true"), operation);
            if (unshare.exitCode() != 0) {
              why.add("namespaces are missing: " + unshare.allText().strip());
            }
          }
          return why;
        });
  }

  /**
   * What keeps instances of this image from being containers here, and disks from being real; empty
   * if nothing does.
   */
  public static List<String> refusals(InstanceImage image) {
    List<String> why = new ArrayList<>(refusals());
    if (why.isEmpty()) {
      Operation.quiet(
              "look for what containers need",
              operation -> Containers.refusal(image, new ProcessRunner(), operation))
          .ifPresent(why::add);
    }
    return why;
  }

  /**
   * Gives a machine real disks, before it is used for the first time.
   *
   * @param usual what its instances are made from, if they are containers
   */
  public static RealDisks create(Path machine, Optional<InstanceImage> usual) throws IOException {
    Path folder = Files.createDirectory(within(machine));
    Files.createDirectory(folder.resolve("disks"));
    if (usual.isPresent()) {
      usual.get().write(usualImage(folder));
    }
    return new RealDisks(folder);
  }

  /** Those of a machine; empty if its disks are not real. */
  public static Optional<RealDisks> of(Path machine) throws IOException {
    Path folder = within(machine);
    return Files.isDirectory(folder) ? Optional.of(new RealDisks(folder)) : Optional.empty();
  }

  /**
   * Gives an instance an image of its own, from its next start on.
   *
   * @throws IOException also if its instances are no containers
   */
  public void image(String instance, InstanceImage image) throws IOException {
    containers
        .orElseThrow(() -> new IOException("the instances of this machine are no containers"))
        .image(instance, image);
  }

  /** Its devices. */
  public Devices devices() {
    return realDevices();
  }

  private RealDevices realDevices() {
    FileSystems fileSystems = new FileSystems(folder, disks, processes);
    return new RealDevices(namespaces, instances(), share, disks, fileSystems, processes);
  }

  /** The inside of its instances. */
  public Guests guests() {
    return new RealGuests(instances());
  }

  /**
   * Where this process finds a file of the virtual machine, such as what is below {@code /mnt/wsl}.
   * Holds while the virtual machine runs.
   */
  public Path inVm(String path) throws IOException {
    return realDevices().inVm(path);
  }

  /**
   * Takes away what a call attached that was killed before it could note it.
   *
   * @param letters of the disks that the machine knows of
   */
  public void keepOnly(Set<String> letters) throws IOException {
    for (String name : disks.names()) {
      if (!letters.contains(name)) {
        realDevices().discard(name);
      }
    }
  }

  /** Starts what cleans up when this process is gone; see {@link Guard}. */
  public Guard guard(Path machine, Path cleaning) throws IOException {
    return Guard.start(folder, machine, cleaning, namespaces, processes);
  }

  /** Ends all processes and takes all devices away, whatever state they are in. */
  public void destroy() {
    Operation.quiet(
        "take the simulated machine away",
        operation -> {
          try {
            instances().destroy(operation);
          } finally {
            // Also without an engine.
            destroyTheRest(operation);
          }
          return Boolean.TRUE;
        });
  }

  private void destroyTheRest(Operation operation) throws IOException, InterruptedException {
    for (String name : namespaces.running()) {
      if (!name.equals(Guard.NAME)) {
        namespaces.kill(name, operation);
      }
    }
    share.tearOff(operation);
    for (String name : disks.names()) {
      try {
        disks.detach(name, operation);
      } catch (StorageSdkException stuck) {
        disks.tearOff(name, operation);
      }
    }
  }

  /**
   * Takes a machine away whose process is gone, and deletes its files. Argument: the folder of the
   * machine, which lies alone in the folder of its test.
   */
  public static void main(String[] args) throws IOException {
    Path machine = Path.of(args[0]);
    Optional<RealDisks> disks = of(machine);
    disks.ifPresent(RealDisks::destroy);
    ScratchDirectory.adopt(Objects.requireNonNull(machine.getParent())).close();
  }
}
