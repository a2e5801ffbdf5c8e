package org.nixwsl.storage.testkit.wsl.real;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.machine.MountTable;

/**
 * The share of all instances where it is mounted on this machine: an engine that runs containers
 * hands on only what it sees itself. A machine without containers has its share inside the
 * namespaces of its virtual machine alone. Not thread-safe.
 */
final class Share {
  private final Optional<Path> point;
  private final ProcessRunner processes;

  private Share(Optional<Path> point, ProcessRunner processes) {
    this.point = point;
    this.processes = processes;
  }

  /** One that is not mounted on this machine. */
  static Share insideOnly(ProcessRunner processes) {
    return new Share(Optional.empty(), processes);
  }

  /** One that is mounted on a directory of this machine. */
  static Share on(Path directory, ProcessRunner processes) {
    return new Share(Optional.of(directory), processes);
  }

  /**
   * Mounts it, empty.
   *
   * @return where, if it is on this machine
   */
  Optional<Path> mount(Operation operation) throws IOException, InterruptedException {
    if (point.isPresent()) {
      String directory = Files.createDirectories(point.get()).toString();
      run(operation, "mount", "-t", "tmpfs", "-o", "mode=755", "none", directory);
      run(operation, "mount", "--make-private", directory);
      run(operation, "mount", "--make-shared", directory);
    }
    return point;
  }

  /** Unmounts it with all that is mounted below it, which nobody uses any more. */
  void unmount(Operation operation) throws IOException, InterruptedException {
    if (point.isPresent() && isMounted()) {
      run(operation, "umount", "--recursive", point.get().toString());
    }
  }

  /** The same, whoever uses it. */
  void tearOff(Operation operation) throws IOException, InterruptedException {
    while (point.isPresent() && isMounted()) {
      run(operation, "umount", "--recursive", "--lazy", point.get().toString());
    }
  }

  private boolean isMounted() throws IOException {
    return MountTable.ofThisProcess().at(point.orElseThrow().toString()).isPresent();
  }

  private void run(Operation operation, String... argv) throws IOException, InterruptedException {
    processes.runOk(Command.of(argv), operation);
  }
}
