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
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.core.escape.ShText;
import org.nixwsl.storage.core.vhdx.VhdxEngine;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
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
 * stands still; see {@link WslMachine#pass(Duration)}. Disks are read and never really mounted. A
 * file of a disk may be used by the test while it is not attached. Thread-safe.
 */
public final class SimulatedWsl implements BeforeEachCallback, AfterEachCallback, AutoCloseable {
  private static final ByteSize SMALL = ByteSize.mebibytes(64);

  /** A class of each part of the class path that the programs need. */
  private static final List<String> NEEDED =
      List.of(
          SimulatedWsl.class.getName(),
          VhdxEngine.class.getName(),
          StorageSdk.class.getName(),
          "org.slf4j.LoggerFactory",
          "dev.failsafe.Failsafe",
          "org.zeroturnaround.exec.ProcessExecutor");

  private ScratchDirectory scratch;
  private StateFolder state;

  /** A machine in a new temporary folder, which goes when it is closed. */
  public SimulatedWsl() {
    this.scratch = newScratch();
    this.state = stateIn(scratch);
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
    Path vhd = newDisk(name + "-root.vhdx", SMALL);
    format(vhd, "ext4", UUID.randomUUID());
    change(machine -> machine.register(name, 2, vhd));
    return vhd;
  }

  /** Makes a disk of 64 MiB with nothing on it. */
  public Path addDisk(String name) {
    return newDisk(name + ".vhdx", SMALL);
  }

  /**
   * Makes a disk of 64 MiB with a file system on all of it.
   *
   * @param type {@code ext4} or {@code vfat}
   */
  public Path addDisk(String name, String type) {
    Path file = addDisk(name);
    format(file, type, UUID.randomUUID());
    return file;
  }

  /** Makes a disk of 64 MiB with two partitions, and file systems on them. */
  public Path addDividedDisk(String name, String firstType, String secondType) {
    Path file = addDisk(name);
    return quietly(
        () -> {
          DiskContents.divide(file);
          DiskContents.format(file, 1, firstType, UUID.randomUUID());
          DiskContents.format(file, 2, secondType, UUID.randomUUID());
          return file;
        });
  }

  private Path newDisk(String fileName, ByteSize size) {
    Path file = folder().resolve(fileName);
    new VhdxEngine().create(file, DiskSpec.ofSize(size));
    return file;
  }

  private static void format(Path file, String type, UUID uuid) {
    quietly(
        () -> {
          DiskContents.format(file, 0, type, uuid);
          return file;
        });
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
          scratch.close();
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
