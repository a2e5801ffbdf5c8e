package org.nixwsl.storage.testkit.wsl.real;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A process that no other one is taken for after its end. Its text is {@code PID START}.
 *
 * @param started the moment of its start in ticks, which no other process of that number has
 */
record LinuxProcess(long pid, String started) {
  static LinuxProcess current() {
    long pid = ProcessHandle.current().pid();
    return new LinuxProcess(pid, startOf(pid));
  }

  /** The process of that number, if there is one. */
  static Optional<LinuxProcess> of(long pid) {
    return Optional.of(new LinuxProcess(pid, startOf(pid))).filter(p -> !p.started.isEmpty());
  }

  /** Reads the text of one; empty if it is none. */
  static Optional<LinuxProcess> parse(String text) {
    String[] words = text.split(" ", -1);
    return words.length == 2 && words[0].matches("[0-9]{1,9}") && words[1].matches("[0-9]+")
        ? Optional.of(new LinuxProcess(Long.parseLong(words[0]), words[1]))
        : Optional.empty();
  }

  boolean runs() {
    return started.equals(startOf(pid));
  }

  void kill() {
    if (runs()) {
      ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
    }
  }

  /** Its words, parted by NUL; empty if it is gone. */
  String commandLine() {
    try {
      return Files.readString(Path.of("/proc/" + pid + "/cmdline"), StandardCharsets.ISO_8859_1);
    } catch (IOException gone) {
      return "";
    }
  }

  /**
   * Fields 3 and 22 of {@code /proc/PID/stat} (proc_pid_stat(5)); empty if there is no such process
   * or it has ended and nobody has asked for its status yet.
   */
  private static String startOf(long pid) {
    try {
      String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
      String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
      return fields[0].matches("[ZX]") ? "" : fields[19];
    } catch (IOException gone) {
      return "";
    }
  }

  @Override
  public String toString() {
    return pid + " " + started;
  }
}
