package org.nixwsl.storage.windows.task;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.core.io.DurableFiles;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.mount.MountName;
import org.nixwsl.storage.mount.Persistence;
import org.nixwsl.storage.windows.wsl.WslText;
import org.w3c.dom.Document;

/**
 * The tasks through {@code schtasks.exe}, whose messages are in the language of Windows: decided is
 * on its exit status only, 0 or not. Thread-safe.
 */
public final class LogonTasks implements Persistence {
  private static final String NAME = "NixOS-WSL storage ";

  private final ProcessRunner processes;
  private final String program;
  private final Map<String, String> environment;
  private final Scratch scratch;

  /** A private directory for a moment's file. */
  @FunctionalInterface
  public interface Scratch {
    /** The directory, made. */
    Path directory() throws IOException;
  }

  /**
   * The tasks of this user.
   *
   * @param program {@code schtasks.exe}, as a path or a name to be found on the system path
   * @param environment the variables of this process, of which USERDOMAIN and USERNAME are read
   */
  public LogonTasks(
      ProcessRunner processes, String program, Map<String, String> environment, Scratch scratch) {
    this.processes = processes;
    this.program = program;
    this.environment = Map.copyOf(environment);
    this.scratch = scratch;
  }

  @Override
  public Task install(MountName mount, List<String> command) {
    String user = user();
    requirePlain(command);
    String name = name(mount);
    String xml =
        TaskDefinition.atLogon(
            user, "Mounts the shared storage " + mount + " of NixOS-WSL at logon.", command);
    return Operation.quiet(
        "install the task " + name,
        operation -> {
          Path file = scratch.directory().resolve("task-" + UUID.randomUUID() + ".xml");
          try {
            DurableFiles.create(
                file,
                channel -> {
                  // schtasks takes the file for UTF-16 only with the mark at its beginning.
                  ByteBuffer bytes =
                      ByteBuffer.wrap(("\uFEFF" + xml).getBytes(StandardCharsets.UTF_16LE));
                  while (bytes.hasRemaining()) {
                    channel.write(bytes);
                  }
                });
            processes.runOk(
                schtasks("/Create", "/TN", name, "/XML", file.toString(), "/F"), operation);
          } finally {
            Files.deleteIfExists(file);
          }
          return query(name, operation).orElseThrow(() -> vanished(name));
        });
  }

  @Override
  public Optional<Task> query(MountName mount) {
    String name = name(mount);
    return Operation.quiet("look for the task " + name, operation -> query(name, operation));
  }

  @Override
  public boolean remove(MountName mount) {
    String name = name(mount);
    return Operation.quiet(
        "remove the task " + name,
        operation -> {
          if (query(name, operation).isEmpty()) {
            return false;
          }
          processes.runOk(schtasks("/Delete", "/TN", name, "/F"), operation);
          return true;
        });
  }

  @Override
  public void runNow(MountName mount) {
    String name = name(mount);
    Operation.quiet(
        "run the task " + name,
        operation -> {
          if (query(name, operation).isEmpty()) {
            throw vanished(name);
          }
          return processes.runOk(schtasks("/Run", "/TN", name), operation);
        });
  }

  private Optional<Task> query(String name, Operation operation)
      throws IOException, InterruptedException {
    ProcessRunner.Result one =
        processes.run(schtasks("/Query", "/TN", name, "/XML", "ONE"), operation);
    if (one.exitCode() != 0) {
      // The same status for "no such task" and for every other failure; the list tells these apart.
      processes.runOk(schtasks("/Query", "/FO", "CSV", "/NH"), operation);
      return Optional.empty();
    }
    Document task = TaskDefinition.parse(WslText.decode(one.stdout()));
    return Optional.of(
        new Task(name, TaskDefinition.enabled(task), TaskDefinition.runsAsUser(task)));
  }

  private Command schtasks(String... arguments) {
    List<String> argv = new ArrayList<>(List.of(program));
    argv.addAll(List.of(arguments));
    return Command.of(argv);
  }

  /** Tasks of all users share their names, so the user's is in it, as far as it can be. */
  private String name(MountName mount) {
    return NAME + mount + " (" + user().replaceAll("[^\\p{L}\\p{N}._-]", "_") + ")";
  }

  private String user() {
    String name = environment.getOrDefault("USERNAME", "");
    String domain = environment.getOrDefault("USERDOMAIN", "");
    // A service that runs as SYSTEM has the name of the machine with a dollar sign.
    if (name.isBlank() || name.endsWith("$") || name.toUpperCase(Locale.ROOT).equals("SYSTEM")) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.ACCESS_DENIED,
              "A task that mounts at logon belongs to a user, and this program runs as none: '"
                  + name
                  + "'.",
              "Call as the Windows user who owns the instances, not as SYSTEM or a service."));
    }
    return domain.isBlank() ? name : domain + "\\" + name;
  }

  /** The task scheduler replaces variables and has no way to write these characters as such. */
  private static void requirePlain(List<String> command) {
    if (command.isEmpty()) {
      throw new IllegalArgumentException("A task needs a program");
    }
    for (String word : command) {
      boolean controls = word.chars().anyMatch(c -> c < 0x20);
      if (word.contains("%") || word.contains("$(") || controls) {
        throw new DiskException(
            Problem.of(
                ErrorCode.BAD_SETTING,
                "The task scheduler would change '" + word + "' before it runs it.",
                "Use paths without %, $( and control characters."));
      }
    }
  }

  private static EnvironmentException vanished(String name) {
    return new EnvironmentException(
        Problem.of(
            ErrorCode.NOT_FOUND,
            "There is no task '" + name + "'.",
            "Install it, as the user who is to run it."));
  }
}
