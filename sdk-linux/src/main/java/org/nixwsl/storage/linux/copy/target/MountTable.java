package org.nixwsl.storage.linux.copy.target;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.core.io.PathBytes;

/**
 * The mounts that this process sees, as {@code /proc/self/mountinfo} lists them (proc(5)).
 * Immutable.
 */
final class MountTable {
  private static final Path SOURCE = Path.of("/proc/self/mountinfo");

  /** Before the separator come at least: id, parent, device, root, mount point, options. */
  private static final int FIELDS_BEFORE_SEPARATOR = 6;

  private final List<Mount> mounts;

  private MountTable(List<Mount> mounts) {
    this.mounts = List.copyOf(mounts);
  }

  /**
   * A mount.
   *
   * @param id unique among the mounts of this moment
   * @param parent the mount that this one lies on
   * @param point the directory that it covers; each byte is one character
   * @param readOnly whether the mount or its file system refuses writes
   * @param type the type of the file system, {@code ext4}
   */
  record Mount(int id, int parent, String point, boolean readOnly, String type) {
    private boolean covers(String path) {
      return isRoot()
          || (path.startsWith(point)
              && (path.length() == point.length() || path.charAt(point.length()) == '/'));
    }

    private boolean isRoot() {
      return point.equals("/");
    }

    /** The mount point for people. */
    String printablePoint() {
      return PathBytes.printable(point.getBytes(StandardCharsets.ISO_8859_1));
    }
  }

  /** The mounts of now. */
  static MountTable read() throws IOException {
    return parse(Files.readAllBytes(SOURCE));
  }

  /**
   * The mounts that a text in the form of mountinfo lists; lines of another form are passed over.
   */
  static MountTable parse(byte[] text) {
    List<Mount> mounts = new ArrayList<>();
    // Latin-1 keeps each byte as one character.
    for (String line : new String(text, StandardCharsets.ISO_8859_1).split("\n", -1)) {
      mount(line).ifPresent(mounts::add);
    }
    return new MountTable(mounts);
  }

  /**
   * The mount that carries a path, which must be absolute and free of symlinks and dots; it need
   * not exist. Goes from the root the way the kernel does, so that a mount that lies below a newer
   * one is not taken for what is seen.
   */
  Optional<Mount> carrying(Path path) {
    String bytes = new String(PathBytes.of(path), StandardCharsets.ISO_8859_1);
    Optional<Mount> found =
        mounts.stream()
            .filter(m -> m.isRoot() && mounts.stream().noneMatch(p -> isParent(p, m)))
            .findFirst();
    // Each step goes to a mount that was not seen yet: bounded by their number.
    for (int step = 0; found.isPresent() && step < mounts.size(); step++) {
      Mount current = found.get();
      Optional<Mount> next =
          mounts.stream()
              .filter(m -> isParent(current, m) && m.covers(bytes))
              .min(Comparator.comparingInt(m -> m.point().length()));
      if (next.isEmpty()) {
        break;
      }
      found = next;
    }
    return found;
  }

  private static boolean isParent(Mount parent, Mount child) {
    return parent.id() == child.parent() && parent.id() != child.id();
  }

  private static Optional<Mount> mount(String line) {
    String[] fields = line.split(" ", -1);
    int separator = Arrays.asList(fields).indexOf("-");
    if (separator < FIELDS_BEFORE_SEPARATOR || fields.length < separator + 4) {
      return Optional.empty();
    }
    try {
      return Optional.of(
          new Mount(
              Integer.parseInt(fields[0]),
              Integer.parseInt(fields[1]),
              unescape(fields[4]),
              hasOption(fields[5], "ro") || hasOption(fields[separator + 3], "ro"),
              fields[separator + 1]));
    } catch (NumberFormatException notMountinfo) {
      return Optional.empty();
    }
  }

  private static boolean hasOption(String options, String name) {
    return Arrays.asList(options.split(",", -1)).contains(name);
  }

  /** The kernel writes space, tab, newline and backslash as a backslash and three octal digits. */
  private static String unescape(String field) {
    StringBuilder bytes = new StringBuilder(field.length());
    for (int i = 0; i < field.length(); i++) {
      if (field.charAt(i) == '\\' && i + 3 < field.length()) {
        bytes.append((char) (Integer.parseInt(field.substring(i + 1, i + 4), 8) & 0xff));
        i += 3;
      } else {
        bytes.append(field.charAt(i));
      }
    }
    return bytes.toString();
  }
}
