package org.nixwsl.storage.testkit.wsl;

import java.io.IOException;
import java.net.URI;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.core.escape.ShText;
import org.nixwsl.storage.core.vhdx.VhdxEngine;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.linux.disk.BlockDevices;
import org.nixwsl.storage.testkit.ScratchDirectory;
import org.nixwsl.storage.testkit.wsl.command.FaultPlan;
import org.nixwsl.storage.testkit.wsl.command.StateFolder;
import org.nixwsl.storage.testkit.wsl.command.TaskFolder;
import org.nixwsl.storage.testkit.wsl.command.WslCall;
import org.nixwsl.storage.testkit.wsl.command.WslOutput;
import org.nixwsl.storage.testkit.wsl.command.WslProgram;
import org.nixwsl.storage.testkit.wsl.model.DiskContents;
import org.nixwsl.storage.testkit.wsl.model.WslFailure;
import org.nixwsl.storage.testkit.wsl.model.WslMachine;
import org.nixwsl.storage.testkit.wsl.real.Guard;
import org.nixwsl.storage.testkit.wsl.real.InstanceImage;
import org.nixwsl.storage.testkit.wsl.real.RealDisks;
import org.opentest4j.TestAbortedException;

/**
 * A machine with WSL on it, made for one test: calls are answered in this process, or by a program
 * {@link #executable} in the place of {@code wsl.exe}; both see the same machine.
 *
 * <pre>{@code
 * @RegisterExtension final SimulatedWsl wsl = new SimulatedWsl();
 *
 * @Test
 * void findsTheDiskAfterAShutdown() {
 *   wsl.addInstance("nixos");
 *   Path disk = wsl.addDisk("shared", "ext4");
 *   wsl.call("--mount", disk.toString(), "--vhd", "--name", "shared", "--type", "ext4");
 *   wsl.call("--shutdown");
 *   // ... the program under test, with wsl.executable() as its wsl.exe
 * }
 * }</pre>
 *
 * <p>A new machine runs the newest WSL in English, without elevation, and has no instance. Its time
 * stands still; see {@link WslMachine#pass(Duration)}. Disks are read and never really mounted,
 * unless it was made by {@link #withRealDisks()} or {@link #withContainers()}. A file of a disk may
 * be used by the test while it is not attached. Thread-safe.
 */
public final class SimulatedWsl implements BeforeEachCallback, AfterEachCallback, AutoCloseable {
  private static final ByteSize SMALL = ByteSize.mebibytes(64);

  /** Room for what a system writes to its root in the life of a test. */
  private static final ByteSize CONTAINER_ROOT = ByteSize.mebibytes(256);

  /** A class of each part of the class path that the programs need. */
  private static final List<String> NEEDED =
      List.of(
          SimulatedWsl.class.getName(),
          VhdxEngine.class.getName(),
          StorageSdk.class.getName(),
          BlockDevices.class.getName(),
          "org.slf4j.LoggerFactory",
          "dev.failsafe.Failsafe",
          "org.zeroturnaround.exec.ProcessExecutor");

  private final Kind kind;
  private final Optional<InstanceImage> image;
  private ScratchDirectory scratch;
  private StateFolder state;
  private @Nullable Guard guard;

  /** A machine in a new temporary folder, which goes when it is closed. */
  public SimulatedWsl() {
    this(Kind.IN_MEMORY, Optional.empty());
  }

  private enum Kind {
    IN_MEMORY,
    REAL_DISKS,
    CONTAINERS
  }

  private SimulatedWsl(Kind kind, Optional<InstanceImage> image) {
    this.kind = kind;
    this.image = image;
    this.scratch = newScratch();
    this.state = stateIn(scratch);
    begin();
  }

  /**
   * A machine whose disks are real block devices of this Linux, mounted for real, and in whose
   * instances the programs of this machine run. It is taken away when it is closed, and also when
   * this process is killed. Needs root, FUSE, loop devices and namespaces.
   *
   * @throws TestAbortedException if something of that is missing, so that JUnit skips the test and
   *     says why; see {@link #realDisksRefusals()}
   */
  public static SimulatedWsl withRealDisks() {
    List<String> why = realDisksRefusals();
    if (!why.isEmpty()) {
      throw new TestAbortedException("skipped: no real disks here: " + String.join(" ", why));
    }
    return new SimulatedWsl(Kind.REAL_DISKS, Optional.empty());
  }

  /**
   * {@link #withRealDisks} with instances that are containers of the local Docker engine: systemd
   * is their first process, and their files are laid over an image. Needs the engine in addition.
   *
   * @param image what instances are made from that are given none of their own
   * @throws TestAbortedException if something of that is missing, so that JUnit skips the test and
   *     says why; see {@link #containersRefusals}
   */
  public static SimulatedWsl withContainers(InstanceImage image) {
    List<String> why = containersRefusals(image);
    if (!why.isEmpty()) {
      throw new TestAbortedException("skipped: no containers here: " + String.join(" ", why));
    }
    return new SimulatedWsl(Kind.CONTAINERS, Optional.of(image));
  }

  /** The same with the image that {@code NIXWSL_TEST_IMAGE} names. */
  public static SimulatedWsl withContainers() {
    return withContainers(
        InstanceImage.ofTheEnvironment()
            .orElseThrow(
                () ->
                    new TestAbortedException(
                        "skipped: NIXWSL_TEST_IMAGE is missing; ./dev test sets it")));
  }

  /** Why {@link #withContainers} cannot be used here; empty if it can. */
  public static List<String> containersRefusals(InstanceImage image) {
    return RealDisks.refusals(image);
  }

  /** Why {@link #withRealDisks()} cannot be used here; empty if it can. */
  public static List<String> realDisksRefusals() {
    return RealDisks.refusals();
  }

  private void begin() {
    if (kind != Kind.IN_MEMORY) {
      Path machine = state.path();
      quietly(
          () -> {
            RealDisks disks = RealDisks.create(machine, image);
            guard = disks.guard(machine, launcher("clean-up", RealDisks.class));
            return disks;
          });
    }
  }

  private static ScratchDirectory newScratch() {
    return quietly(
        () ->
            ScratchDirectory.in(
                Path.of(System.getProperty("java.io.tmpdir")).toRealPath(), "nixwsl-wsl-"));
  }

  private static StateFolder stateIn(ScratchDirectory scratch) {
    return new StateFolder(quietly(() -> Files.createDirectory(scratch.path().resolve("machine"))));
  }

  /** Something done to the machine. */
  @FunctionalInterface
  public interface Change {
    /** Does it. */
    void to(WslMachine machine) throws WslFailure, IOException, InterruptedException;
  }

  /** Something asked of the machine. */
  @FunctionalInterface
  public interface Question<T> {
    /** Asks it. */
    T about(WslMachine machine) throws WslFailure, IOException, InterruptedException;
  }

  /** A folder for the files of the test, which goes with the machine. */
  public Path folder() {
    return scratch.path();
  }

  /**
   * Where the test itself finds a file of the virtual machine, such as {@code /mnt/wsl/backup/file}
   * on a mounted disk: only with real disks, and until the virtual machine stops.
   */
  public Path inVm(String path) {
    return quietly(
        () ->
            RealDisks.of(state.path())
                .orElseThrow(() -> new IOException("its disks are in memory only"))
                .inVm(path));
  }

  /** Makes one call, answered in UTF-8; its program in an instance reads nothing. */
  public WslOutput call(String... arguments) {
    return call(WslCall.of(arguments));
  }

  /** Makes one call. */
  public WslOutput call(WslCall call) {
    return quietly(() -> state.call(call));
  }

  /** Does something to the machine that no call can do: it crashes, time passes. */
  public void change(Change change) {
    ask(
        machine -> {
          change.to(machine);
          return Boolean.TRUE;
        });
  }

  /** Asks the machine something that no call tells. */
  public <T> T ask(Question<T> question) {
    return quietly(() -> state.use((machine, guests, faults) -> question.about(machine)));
  }

  /** Says what is to go wrong. */
  public void faults(Consumer<FaultPlan> plan) {
    quietly(
        () ->
            state.use(
                (machine, guests, faults) -> {
                  plan.accept(faults);
                  return Boolean.TRUE;
                }));
  }

  /** Registers an instance of version 2 with systemd, and makes its file. */
  public Path addInstance(String name) {
    Path vhd = newDisk(name + "-root.vhdx", kind == Kind.CONTAINERS ? CONTAINER_ROOT : SMALL);
    format(vhd, 0, "ext4", UUID.randomUUID());
    change(machine -> machine.register(name, 2, vhd));
    return vhd;
  }

  /** The same for a container of an image of its own. */
  public Path addInstance(String name, InstanceImage own) {
    quietly(
        () -> {
          RealDisks disks =
              RealDisks.of(state.path())
                  .orElseThrow(() -> new IOException("its instances are in memory only"));
          disks.image(name, own);
          return disks;
        });
    return addInstance(name);
  }

  /** Makes a disk of 64 MiB with nothing on it. */
  public Path addDisk(String name) {
    return newDisk(name + ".vhdx", SMALL);
  }

  /**
   * Makes a disk of 64 MiB with a file system on all of it.
   *
   * @param type {@code ext4}, {@code btrfs} or {@code vfat}; on real disks also {@code ext2} and
   *     {@code ext3}, {@code btrfs} from 112 MiB on, and {@code vfat} only where {@code mkfs.vfat}
   *     and Linux can do it
   */
  public Path addDisk(String name, String type) {
    return addDisk(name, type, UUID.randomUUID());
  }

  /** The same with a UUID; FAT has none. */
  public Path addDisk(String name, String type, UUID uuid) {
    Path file = addDisk(name);
    format(file, 0, type, uuid);
    return file;
  }

  /** Makes a disk of 64 MiB with two partitions, and file systems on them. */
  public Path addDividedDisk(String name, String firstType, String secondType) {
    Path file = addDisk(name);
    quietly(
        () -> {
          DiskContents.divide(file);
          return file;
        });
    format(file, 1, firstType, UUID.randomUUID());
    format(file, 2, secondType, UUID.randomUUID());
    return file;
  }

  private Path newDisk(String fileName, ByteSize size) {
    Path file = folder().resolve(fileName);
    new VhdxEngine().create(file, DiskSpec.ofSize(size));
    return file;
  }

  private void format(Path file, int number, String type, UUID uuid) {
    change(machine -> machine.format(file, number, type, uuid));
  }

  /** The program that stands in the place of {@code wsl.exe}. Needs a POSIX shell. */
  public Path executable() {
    return launcher("wsl", WslProgram.class);
  }

  /** The program that stands in the place of {@code schtasks.exe}. Needs a POSIX shell. */
  public Path schtasks() {
    return launcher("schtasks", TaskFolder.class);
  }

  /**
   * The Windows user logs on: the tasks that wait for that run to their end.
   *
   * @return the names of the tasks that ended well
   */
  public List<String> logOn() {
    return quietly(() -> new TaskFolder(state.path()).logOn());
  }

  private Path launcher(String name, Class<?> main) {
    Path script = state.path().resolve(name);
    if (Files.exists(script)) {
      return script;
    }
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    String text =
        String.join(
            " ",
            "#!/bin/sh\nexport LC_ALL=C.UTF-8\nexec",
            ShText.quoted(java),
            // Starts fastest so, and none of it computes anything.
            "-Xshare:auto -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData",
            "-Dslf4j.internal.verbosity=ERROR -cp",
            ShText.quoted(classPath()),
            main.getName(),
            ShText.quoted(state.path().toString()),
            "\"$@\"\n");
    return quietly(
        () -> {
          Path next = Files.createTempFile(state.path(), name, ".next");
          Files.writeString(next, text);
          Files.setPosixFilePermissions(next, PosixFilePermissions.fromString("rwxr-xr-x"));
          return Files.move(next, script);
        });
  }

  /** What the programs need, and no more: a class path of a build tool may be a file of its own. */
  private static String classPath() {
    Set<String> places = new LinkedHashSet<>();
    for (String one : NEEDED) {
      String file = one.replace('.', '/') + ".class";
      URL url = SimulatedWsl.class.getClassLoader().getResource(file);
      if (url == null) {
        throw new IllegalStateException("Not on the class path: " + one);
      }
      String place =
          url.toString().replaceFirst("^jar:", "").replaceFirst("(!?/)" + file + "$", "");
      places.add(Path.of(URI.create(place)).toString());
    }
    return String.join(":", places);
  }

  @Override
  public void beforeEach(ExtensionContext context) {
    if (Files.notExists(scratch.path())) {
      scratch = newScratch();
      state = stateIn(scratch);
      begin();
    }
  }

  @Override
  public void afterEach(ExtensionContext context) {
    close();
  }

  @Override
  public void close() {
    quietly(
        () -> {
          if (Files.exists(scratch.path())) {
            state.useUp(
                (machine, guests, faults) -> {
                  Optional<RealDisks> disks = RealDisks.of(state.path());
                  disks.ifPresent(RealDisks::destroy);
                  return disks;
                });
          }
          scratch.close();
          if (guard != null) {
            guard.close();
            guard = null;
          }
          return scratch;
        });
  }

  private interface Work<T> {
    T run() throws WslFailure, IOException, InterruptedException;
  }

  private static <T> T quietly(Work<T> work) {
    try {
      return work.run();
    } catch (WslFailure | IOException e) {
      throw new IllegalStateException("The simulated WSL: " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("The simulated WSL was interrupted", e);
    }
  }
}
