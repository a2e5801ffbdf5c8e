package org.nixwsl.storage.linux.machine;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.nixwsl.storage.core.io.PathBytes;

/**
 * The mounts that a process sees, as in {@code /proc/PID/mountinfo} (proc_pid_mountinfo(5)). Names
 * are kept one character for each byte, whatever the platform's encoding is. Immutable.
 */
public final class MountTable {
  /** Before the separator come at least: id, parent, device, root, mount point, options. */
  private static final int FIELDS_BEFORE_SEPARATOR = 6;

  private static final Pattern NODE = Pattern.compile("/dev/([A-Za-z0-9_-]+)");
  private static final Path BLOCK_DEVICES = Path.of("/sys/class/block");

  private final List<Mount> mounts;

  private MountTable(List<Mount> mounts) {
    this.mounts = List.copyOf(mounts);
  }

  /**
   * One mount.
   *
   * @param id unique among the mounts of this moment
   * @param parent the mount that this one lies on
   * @param device major and minor number of the file system's block device, {@code 7:0}; where it
   *     has none that can be told, the number that the kernel gives the file system
   * @param root the directory of the file system that is mounted; {@code /} unless it is a bind
   * @param point the directory that it covers; each byte is one character
   * @param options the options of the mount
   * @param type the type of the file system, {@code ext4}
   * @param source what was mounted, such as {@code /dev/loop0}
   * @param superOptions the options of the file system
   */
  public record Mount(
      int id,
      int parent,
      String device,
      String root,
      String point,
      List<String> options,
      String type,
      String source,
      List<String> superOptions) {
    /** An ext4 that met an error stays "rw" in newer kernels (6.18), and takes no write. */
    private static final Set<String> GIVEN_UP = Set.of("emergency_ro", "shutdown");

    /** Copies the lists. */
    public Mount {
      options = List.copyOf(options);
      superOptions = List.copyOf(superOptions);
    }

    /** Whether both the mount and the file system can be written to. */
    public boolean writable() {
      return options.contains("rw")
          && superOptions.contains("rw")
          && Collections.disjoint(superOptions, GIVEN_UP);
    }

    /** Whether the device is a file of another file system, whose cache lies below this one's. */
    public boolean onLoopDevice() {
      return source.matches("/dev/loop[0-9]+");
    }

    /** The mount point for people. */
    public String printablePoint() {
      return PathBytes.printable(point.getBytes(StandardCharsets.ISO_8859_1));
    }

    /** The type of the file system for people; a file system in user space names itself. */
    public String printableType() {
      return PathBytes.printable(type.getBytes(StandardCharsets.ISO_8859_1));
    }

    /**
     * Where a path that this mount carries is in the file system of the mount, whatever it is
     * mounted on: equal for two paths and mounts of one device exactly if they are the same name.
     *
     * @param path absolute, each byte one character, at or below the mount point
     */
    public String inFileSystem(String path) {
      String rest = isRoot() ? path : path.substring(point.length());
      String below = root.equals("/") ? rest : root + (rest.equals("/") ? "" : rest);
      return below.isEmpty() ? "/" : below;
    }

    private boolean covers(String path) {
      return isRoot()
          || (path.startsWith(point)
              && (path.length() == point.length() || path.charAt(point.length()) == '/'));
    }

    private boolean isRoot() {
      return point.equals("/");
    }
  }

  /** What this process sees now. */
  public static MountTable ofThisProcess() throws IOException {
    return read(Path.of("/proc/self/mountinfo"));
  }

  /** What the process of a {@code mountinfo} file sees now. */
  public static MountTable read(Path mountinfo) throws IOException {
    List<Mount> mounts = new ArrayList<>();
    for (Mount mount : parse(Files.readAllBytes(mountinfo)).mounts) {
      mounts.add(onBlockDevice(mount));
    }
    return new MountTable(mounts);
  }

  /** For btrfs, which may have several devices, the kernel shows a number that is none of them. */
  private static Mount onBlockDevice(Mount mount) throws IOException {
    Matcher node = NODE.matcher(mount.source());
    if (!mount.type().equals("btrfs") || !node.matches()) {
      return mount;
    }
    try {
      String number = Files.readString(BLOCK_DEVICES.resolve(node.group(1)).resolve("dev")).strip();
      return new Mount(
          mount.id(),
          mount.parent(),
          number,
          mount.root(),
          mount.point(),
          mount.options(),
          mount.type(),
          mount.source(),
          mount.superOptions());
    } catch (NoSuchFileException gone) {
      return mount;
    }
  }

  /** Reads the text of a {@code mountinfo} file; a line that is none is left out. */
  static MountTable parse(byte[] text) {
    List<Mount> mounts = new ArrayList<>();
    // Latin-1 keeps each byte as one character.
    for (String line : new String(text, StandardCharsets.ISO_8859_1).split("\n", -1)) {
      mount(line).ifPresent(mounts::add);
    }
    return new MountTable(mounts);
  }

  /**
   * The mount that is seen at a mount point: the topmost one, where several lie on each other.
   *
   * @param point the mount point, each byte one character
   */
  public Optional<Mount> at(String point) {
    return carrying(point).filter(mount -> mount.point().equals(point));
  }

  /** The mount with that id; empty if it is not, or no longer, in this table. */
  public Optional<Mount> withId(int id) {
    return mounts.stream().filter(mount -> mount.id() == id).findFirst();
  }

  /**
   * All mounts whose mount point lies below a directory, seen or covered.
   *
   * @param directory absolute, each byte one character, without a slash at its end
   */
  public List<Mount> below(String directory) {
    return mounts.stream().filter(mount -> mount.point().startsWith(directory + "/")).toList();
  }

  /** All mounts of a file system, seen or covered. */
  public List<Mount> ofDevice(String device) {
    return mounts.stream().filter(mount -> mount.device().equals(device)).toList();
  }

  /**
   * The mount that carries a path, which must be absolute and free of symlinks and dots; it need
   * not exist.
   */
  public Optional<Mount> carrying(Path path) {
    return carrying(new String(PathBytes.of(path), StandardCharsets.ISO_8859_1));
  }

  /**
   * Goes from the root the way the kernel does, so that a mount that lies below a newer one is not
   * taken for what is seen.
   */
  private Optional<Mount> carrying(String path) {
    Optional<Mount> found =
        mounts.stream()
            .filter(m -> m.isRoot() && mounts.stream().noneMatch(p -> isParent(p, m)))
            .findFirst();
    // Each step goes to a mount that was not seen yet: bounded by their number.
    for (int step = 0; found.isPresent() && step < mounts.size(); step++) {
      Mount current = found.get();
      Optional<Mount> next =
          mounts.stream()
              .filter(m -> isParent(current, m) && m.covers(path))
              .min(
                  Comparator.comparingInt((Mount m) -> m.point().length())
                      .thenComparing(Comparator.comparingInt(Mount::id).reversed()));
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
    // Any number of optional fields stands between the sixth one and a lone hyphen.
    int separator = FIELDS_BEFORE_SEPARATOR;
    while (separator < fields.length && !fields[separator].equals("-")) {
      separator++;
    }
    if (separator + 3 >= fields.length) {
      return Optional.empty();
    }
    try {
      return Optional.of(
          new Mount(
              Integer.parseInt(fields[0]),
              Integer.parseInt(fields[1]),
              fields[2],
              unescape(fields[3]),
              unescape(fields[4]),
              List.of(fields[5].split(",", -1)),
              unescape(fields[separator + 1]),
              unescape(fields[separator + 2]),
              List.of(fields[separator + 3].split(",", -1))));
    } catch (NumberFormatException notMountinfo) {
      return Optional.empty();
    }
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
