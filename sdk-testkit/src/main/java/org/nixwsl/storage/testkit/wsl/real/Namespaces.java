package org.nixwsl.storage.testkit.wsl.real;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.process.RunningProcess;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.testkit.wsl.model.Guests;

/**
 * The processes of a machine that live on: one that holds the mount and process namespaces of the
 * virtual machine, one inside these for each instance, and helpers. Each has a name and a note in a
 * folder, so that other processes find it. Killing the first process of a namespace ends all that
 * are in it, and with the last of them its mounts are gone. Not thread-safe.
 */
final class Namespaces {
  /** The name of the virtual machine; no instance can have it. */
  static final String VM = "the VM";

  /** NixOS has its programs in the last one. */
  private static final String PATH =
      "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin";

  private static final Duration UP_LIMIT = Duration.ofSeconds(30);

  /** A killed process that writes to a disk ends when the disk has answered. */
  private static final Duration END_LIMIT = Duration.ofMinutes(1);

  /** As long as a program may take that belongs to the simulation. */
  private static final Duration PROGRAM_LIMIT = Duration.ofHours(1);

  private static final String NOTE = ".process";

  private final Path folder;
  private final ProcessRunner processes;

  Namespaces(Path folder, ProcessRunner processes) {
    this.folder = folder;
    this.processes = processes;
  }

  /**
   * Starts the virtual machine.
   *
   * @param share where its share is mounted on this machine, if it is
   */
  void startVm(Optional<Path> share, Operation operation) throws IOException, InterruptedException {
    Path root = Files.createDirectories(folder.resolve("root"));
    String propagation = share.isPresent() ? "unchanged" : "private";
    start(
        VM,
        List.of(
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--propagation=" + propagation),
        List.of("vm", root.toString(), share.map(Path::toString).orElse("")),
        operation);
  }

  /**
   * Starts an instance.
   *
   * @return false if its root cannot be mounted
   */
  boolean startInstance(String name, String device, Operation operation)
      throws IOException, InterruptedException {
    List<String> enter = new ArrayList<>(entering(require(VM)));
    enter.addAll(List.of("unshare", "--mount", "--pid", "--fork", "--kill-child"));
    enter.add("--propagation=unchanged");
    return start(name, enter, List.of("instance", name, device), operation);
  }

  /** Starts a program that has a directory of the share open. */
  void hold(String name, String directory, Operation operation)
      throws IOException, InterruptedException {
    start(name, entering(require(VM)), List.of("hold", directory), operation);
  }

  /**
   * Starts a process that outlives this one and its caller.
   *
   * @param prefix what puts it where it belongs
   * @param words the script, then its arguments
   * @return false if it says that it cannot be
   */
  private boolean start(String name, List<String> prefix, List<String> words, Operation operation)
      throws IOException, InterruptedException {
    Path log = folder.resolve(name + ".log");
    Path ready = folder.resolve(name + ".ready");
    Files.deleteIfExists(ready);
    List<String> argv = new ArrayList<>(shell(List.of("start", log.toString(), ready.toString())));
    argv.addAll(prefix);
    argv.addAll(shell(words));
    String printed = processes.runOk(Command.of(argv), operation).text().strip();
    long outer = Long.parseLong(printed);
    Optional<LinuxProcess> process = LinuxProcess.of(outer);
    boolean answered =
        operation.await(
            "the start of " + name,
            UP_LIMIT,
            () -> !text(ready).isEmpty() || !process.map(LinuxProcess::runs).orElse(false));
    String answer = text(ready);
    if (answer.equals("corrupt\n")) {
      return false;
    }
    Optional<LinuxProcess> init =
        answered && answer.equals("ready\n") ? innermost(outer) : Optional.empty();
    if (init.isEmpty()) {
      process.ifPresent(LinuxProcess::kill);
      throw new IOException("Cannot start " + name + ": " + text(log).strip());
    }
    adopt(name, init.get());
    return true;
  }

  /** Notes a process that something else started as the first one of that name. */
  void adopt(String name, LinuxProcess first) throws IOException {
    Files.writeString(note(name), first.toString());
  }

  /** A program that enters or makes namespaces stays as the parent of the one that is in them. */
  private static Optional<LinuxProcess> innermost(long outer) {
    long pid = outer;
    // Two programs that enter or make namespaces, one after the other.
    for (int depth = 0; depth < 4; depth++) {
      Optional<ProcessHandle> child =
          ProcessHandle.of(pid).flatMap(handle -> handle.children().findFirst());
      if (child.isEmpty()) {
        return LinuxProcess.of(pid);
      }
      pid = child.get().pid();
    }
    return Optional.empty();
  }

  private static String text(Path file) throws IOException {
    try {
      return Files.readString(file);
    } catch (NoSuchFileException e) {
      return "";
    }
  }

  private Path note(String name) {
    return folder.resolve(name + NOTE);
  }

  /** The first process, if it runs. */
  Optional<LinuxProcess> find(String name) throws IOException {
    return LinuxProcess.parse(text(note(name))).filter(LinuxProcess::runs);
  }

  private LinuxProcess require(String name) throws IOException {
    return find(name).orElseThrow(() -> new IOException("There is no process of " + name));
  }

  /** Whether it runs. */
  boolean runs(String name) throws IOException {
    return find(name).isPresent();
  }

  /** All that run: the virtual machine, instances and others. */
  List<String> running() throws IOException {
    List<String> names = new ArrayList<>();
    try (DirectoryStream<Path> notes = Files.newDirectoryStream(folder, "*" + NOTE)) {
      for (Path note : notes) {
        String file = String.valueOf(note.getFileName());
        String name = file.substring(0, file.length() - NOTE.length());
        if (runs(name)) {
          names.add(name);
        }
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    return names;
  }

  /** The directory in {@code /proc} of the first process. */
  Path proc(String name) throws IOException {
    return Path.of("/proc/" + require(name).pid());
  }

  /** Kills the first process, and waits for the end of all that are inside. */
  void kill(String name, Operation operation) throws IOException, InterruptedException {
    Optional<LinuxProcess> init = find(name);
    if (init.isPresent()) {
      init.get().kill();
      if (!operation.await("the end of " + name, END_LIMIT, () -> !init.get().runs())) {
        throw new IOException("The process " + init.get().pid() + " was killed and is still there");
      }
    }
    Files.deleteIfExists(note(name));
  }

  /** Runs a script where that process is. */
  ProcessRunner.Result script(String name, Operation operation, String... words)
      throws IOException, InterruptedException {
    return script(require(name), operation, words);
  }

  /** The same; it fails if the process is gone. */
  ProcessRunner.Result script(LinuxProcess first, Operation operation, String... words)
      throws IOException, InterruptedException {
    return run(first, shell(List.of(words)), new byte[0], operation);
  }

  /** Runs a program where that process is. */
  ProcessRunner.Result run(String name, List<String> program, byte[] input, Operation operation)
      throws IOException, InterruptedException {
    return run(require(name), program, input, operation);
  }

  private ProcessRunner.Result run(
      LinuxProcess first, List<String> program, byte[] input, Operation operation)
      throws IOException, InterruptedException {
    List<String> argv = new ArrayList<>(entering(first));
    argv.addAll(program);
    Command command = Command.of(argv).with("PATH", PATH).reading(input).within(PROGRAM_LIMIT);
    return processes.run(command, operation);
  }

  /** Starts a program where that process is. Whoever calls closes it. */
  RunningProcess start(String name, List<String> program, Guests.Streams streams)
      throws IOException {
    List<String> argv = new ArrayList<>(entering(require(name)));
    argv.addAll(program);
    return processes.startPassing(Command.of(argv), streams.in(), streams.out(), streams.err());
  }

  private static List<String> entering(LinuxProcess first) {
    String target = Long.toString(first.pid());
    return List.of("nsenter", "--target", target, "--mount", "--pid", "--root", "--wd", "--");
  }

  /** A script of this package with its arguments. */
  private static List<String> shell(List<String> words) throws IOException {
    List<String> argv = new ArrayList<>(List.of("/bin/sh", "-c", scriptText(words.get(0))));
    argv.addAll(words);
    return argv;
  }

  /** The text of a script of this package. */
  static String scriptText(String name) throws IOException {
    String file = name + ".sh";
    try (InputStream in =
        Objects.requireNonNull(Namespaces.class.getResourceAsStream(file), file)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /**
   * Starts the process that has a folder cleaned up when this one is gone.
   *
   * @param line a named pipe of which this process holds an end that can write
   */
  void guard(Path line, Path whose, Path program, Operation operation)
      throws IOException, InterruptedException {
    start(
        "guard",
        List.of(),
        List.of("guard", line.toString(), whose.toString(), program.toString()),
        operation);
  }
}
