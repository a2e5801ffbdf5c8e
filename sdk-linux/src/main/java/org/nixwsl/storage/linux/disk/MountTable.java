package org.nixwsl.storage.linux.disk;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The mounts that a process sees, as in {@code /proc/PID/mountinfo} (proc_pid_mountinfo(5)). File
 * names are kept one character for each byte, whatever the platform's encoding is. Immutable.
 */
final class MountTable {
  private final List<Entry> entries;

  private MountTable(List<Entry> entries) {
    this.entries = entries;
  }

  /**
   * One mount.
   *
   * @param device major and minor number of the file system, {@code 7:0}
   * @param root the directory of the file system that is mounted; {@code /} unless it is a bind
   * @param mountPoint where it is
   * @param options the options of the mount
   * @param type the type of the file system
   * @param source what was mounted, such as {@code /dev/loop0}
   * @param superOptions the options of the file system
   */
  record Entry(
      String device,
      String root,
      String mountPoint,
      List<String> options,
      String type,
      String source,
      List<String> superOptions) {
    /** Whether both the mount and the file system can be written to. */
    boolean writable() {
      return options.contains("rw") && superOptions.contains("rw");
    }

    private boolean holds(String path) {
      return mountPoint.equals("/") || path.equals(mountPoint) || path.startsWith(mountPoint + "/");
    }
  }

  /** What this process sees now. */
  static MountTable ofThisProcess() throws IOException {
    return read(Path.of("/proc/self/mountinfo"));
  }

  /** What the process of a {@code mountinfo} file sees now. */
  static MountTable read(Path mountinfo) throws IOException {
    return parse(new String(Files.readAllBytes(mountinfo), StandardCharsets.ISO_8859_1));
  }

  /** Reads the text of a {@code mountinfo} file; a line that is none is left out. */
  static MountTable parse(String text) {
    List<Entry> entries = new ArrayList<>();
    for (String line : text.split("\n", -1)) {
      String[] fields = line.split(" ", -1);
      // Any number of optional fields stands between the sixth one and a lone hyphen.
      int hyphen = 6;
      while (hyphen < fields.length && !fields[hyphen].equals("-")) {
        hyphen++;
      }
      if (hyphen + 3 < fields.length) {
        entries.add(
            new Entry(
                fields[2],
                unescape(fields[3]),
                unescape(fields[4]),
                List.of(fields[5].split(",", -1)),
                unescape(fields[hyphen + 1]),
                unescape(fields[hyphen + 2]),
                List.of(fields[hyphen + 3].split(",", -1))));
      }
    }
    return new MountTable(List.copyOf(entries));
  }

  /** The mount that is seen at a mount point: the last one, where several lie on each other. */
  Optional<Entry> at(String mountPoint) {
    return last(entries.stream().filter(e -> e.mountPoint().equals(mountPoint)).toList());
  }

  /** All mounts of a file system. */
  List<Entry> ofDevice(String device) {
    return entries.stream().filter(e -> e.device().equals(device)).toList();
  }

  /** The mount that a path without symlinks lies on. */
  Optional<Entry> holding(String path) {
    int longest =
        entries.stream()
            .filter(e -> e.holds(path))
            .mapToInt(e -> e.mountPoint().length())
            .max()
            .orElse(-1);
    return last(
        entries.stream().filter(e -> e.holds(path) && e.mountPoint().length() == longest).toList());
  }

  private static Optional<Entry> last(List<Entry> list) {
    return list.isEmpty() ? Optional.empty() : Optional.of(list.get(list.size() - 1));
  }

  /** The kernel writes space, tab, line feed and backslash as three octal digits. */
  private static String unescape(String field) {
    StringBuilder out = new StringBuilder(field.length());
    for (int i = 0; i < field.length(); i++) {
      char c = field.charAt(i);
      if (c == '\\'
          && i + 3 < field.length()
          && field.substring(i + 1, i + 4).matches("[0-3][0-7]{2}")) {
        out.append((char) Integer.parseInt(field.substring(i + 1, i + 4), 8));
        i += 3;
      } else {
        out.append(c);
      }
    }
    return out.toString();
  }
}
