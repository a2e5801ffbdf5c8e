package org.nixwsl.storage.benchmarks;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;

/** The machine that measures: what it is, and the rights that measuring needs. */
final class Machine {
  private static final Path DROP_CACHES = Path.of("/proc/sys/vm/drop_caches");

  private Machine() {}

  /** Date, processor, memory, kernel, JDK and rivals, as one line. */
  static String describe(Operation operation) throws IOException, InterruptedException {
    ProcessRunner processes = new ProcessRunner();
    List<String> parts =
        List.of(
            LocalDate.now(ZoneOffset.UTC).toString(),
            Runtime.getRuntime().availableProcessors()
                + " cores of "
                + field("/proc/cpuinfo", "model name").orElse(System.getProperty("os.arch")),
            field("/proc/meminfo", "MemTotal").orElse("? kB") + " of memory",
            System.getProperty("os.name") + " " + System.getProperty("os.version"),
            "JDK " + System.getProperty("java.vm.version"),
            version(processes, operation, "nix-store", "--version"),
            version(processes, operation, "rsync", "--version"),
            version(processes, operation, "cp", "--version"),
            version(processes, operation, "qemu-img", "--version"));
    return String.join("; ", parts) + ".";
  }

  /** The file system that a directory is on, such as {@code ext4}. */
  static String fileSystem(Path directory) throws IOException {
    return Files.getFileStore(directory).type();
  }

  /** The load of the last minute. */
  static String load() throws IOException {
    return Files.readString(Path.of("/proc/loadavg")).split(" ", -1)[0];
  }

  /**
   * What this process and all its ended children spent on processors so far, in steps of 10 ms:
   * fields 14 to 17 of {@code /proc/self/stat} (proc(5)), in ticks of which Linux shows 100 a
   * second to every program.
   */
  static Duration cpuTime() throws IOException {
    String stat = Files.readString(Path.of("/proc/self/stat"), StandardCharsets.ISO_8859_1);
    // Field 2 may hold blanks and ends with the last parenthesis; field 3 follows.
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
    long ticks = 0;
    for (int field = 14; field <= 17; field++) {
      ticks += Long.parseLong(fields[field - 3]);
    }
    return Duration.ofMillis(10 * ticks);
  }

  /**
   * Refuses to start without the right to mount and to drop caches.
   *
   * @throws IllegalStateException if this is not root on Linux
   */
  static void requireRoot(String benchmark) {
    if (!root()) {
      throw new IllegalStateException(
          benchmark
              + " needs root on Linux: it makes a file system on a loop device for every run and"
              + " drops the page cache. Nothing was done.");
    }
  }

  /** Whether caches may be dropped. */
  static boolean root() {
    return Files.isWritable(DROP_CACHES);
  }

  /** Writes out what is dirty and forgets everything that was read. */
  static void dropCaches(Operation operation) throws IOException, InterruptedException {
    settle(operation);
    Files.writeString(DROP_CACHES, "3\n");
  }

  /** Writes out what is dirty, so that a run does not pay for the one before. */
  static void settle(Operation operation) throws IOException, InterruptedException {
    new ProcessRunner().runOk(Command.of("sync").within(Duration.ofMinutes(10)), operation);
  }

  private static Optional<String> field(String file, String name) throws IOException {
    try (Stream<String> lines = Files.lines(Path.of(file), StandardCharsets.UTF_8)) {
      return lines
          .filter(line -> line.startsWith(name))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst();
    }
  }

  private static String version(ProcessRunner processes, Operation operation, String... command)
      throws IOException, InterruptedException {
    if (Contestant.rival(command[0], Command.of(command)).missing().isPresent()) {
      return command[0] + " is not installed";
    }
    String text = processes.run(Command.of(command), operation).text();
    return text.lines().findFirst().orElse(command[0]).replaceAll("\\s+", " ").strip();
  }
}
