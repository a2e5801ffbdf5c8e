package org.nixwsl.storage.linux.freeze;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.linux.machine.MountTable;
import org.nixwsl.storage.linux.machine.MountTable.Mount;

/**
 * One look at who uses {@code /nix}, through {@code /proc}. A file is recognised by its place in
 * its file system, not by the name that some process sees it under. A process that ends meanwhile
 * is passed over, and so are this one and those of the freeze.
 */
final class StoreUsers {
  private static final Path PROC = Path.of("/proc");
  private static final String NIX = "/nix";
  private static final String BIG_LOCK = NIX + "/var/nix/db/big-lock";

  /** More would only fill the message. */
  private static final int NAMED = 10;

  private static final int COMMAND_CHARACTERS = 120;

  /** {@code O_ACCMODE}: 0 is read-only (open(2)). */
  private static final int ACCESS_MODE = 3;

  /** {@code auto-allocate-uids} of Nix gives builds users of this range, start-id and id-count. */
  private static final long FIRST_BUILD_UID = 872_415_232L;

  private static final long BUILD_UIDS = 8_388_608L;

  /** The default of {@code build-users-group}. */
  private static final String BUILD_GROUP = "nixbld";

  private final String unit;
  private final Mount nix;
  private final String nixInFileSystem;
  private final Set<Long> buildUids;
  private final Map<String, MountTable> tables = new HashMap<>();
  private final Set<String> namespaces = new HashSet<>();
  private final TreeSet<String> blocking = new TreeSet<>();
  private final TreeSet<String> notes = new TreeSet<>();

  private StoreUsers(String unit, Mount nix, Set<Long> buildUids) {
    this.unit = unit;
    this.nix = nix;
    this.nixInFileSystem = nix.inFileSystem(NIX);
    this.buildUids = buildUids;
  }

  /**
   * Looks.
   *
   * @param unit the unit of the freeze, whose processes are not users
   */
  static StoreUsers look(String unit) throws IOException {
    MountTable init = MountTable.read(PROC.resolve("1/mountinfo"));
    Mount nix =
        init.carrying(Path.of(NIX)).orElseThrow(() -> new IOException("No file system has /nix"));
    StoreUsers users = new StoreUsers(unit, nix, buildUids());
    users.look();
    return users;
  }

  /** Whether PID 1, and all that share its mounts, cannot write to {@code /nix}. */
  boolean readOnly() {
    return nix.point().equals(NIX) && !nix.writable();
  }

  /**
   * Who can still change the store or has it open, each in words: process, command, what it does.
   */
  List<String> blocking() {
    return blocking.stream().limit(NAMED).toList();
  }

  /** What does not stand in the way, and limits the freeze. */
  List<String> notes() {
    return notes.stream().limit(NAMED).toList();
  }

  private void look() throws IOException {
    long self = ProcessHandle.current().pid();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(PROC, "[0-9]*")) {
      for (Path process : entries) {
        if (!process.getFileName().toString().equals(Long.toString(self))
            && !text(process.resolve("cgroup")).contains("/" + unit)) {
          look(process);
        }
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
  }

  private void look(Path process) {
    if (closed(process)) {
      blocking.add(name(process) + " may not be looked at, which needs CAP_SYS_PTRACE");
      return;
    }
    @Nullable MountTable mounts = mounts(process);
    if (mounts == null) {
      return;
    }
    build(process);
    files(process, mounts);
    mappings(process);
    link(process.resolve("cwd"))
        .filter(place -> place.equals(NIX) || place.startsWith(NIX + "/"))
        .ifPresent(
            place ->
                notes.add(
                    name(process)
                        + " stands in "
                        + PathBytes.printable(bytes(place))
                        + ": what it does by relative names is not kept from /nix."));
  }

  /**
   * Whether the kernel refuses to show a process: then nobody knows what it has open. What it shows
   * of namespaces, files and mappings hangs on one and the same check (ptrace(2)).
   */
  private static boolean closed(Path process) {
    try {
      Files.readSymbolicLink(process.resolve("ns/mnt"));
      return false;
    } catch (AccessDeniedException e) {
      return true;
    } catch (IOException gone) {
      return false;
    }
  }

  /** Processes of build users, and a switch that is under way. */
  private void build(Path process) {
    try {
      Object uid = Files.getAttribute(process, "unix:uid", LinkOption.NOFOLLOW_LINKS);
      long number = Integer.toUnsignedLong((Integer) uid);
      if (buildUids.contains(number)
          || (number >= FIRST_BUILD_UID && number < FIRST_BUILD_UID + BUILD_UIDS)) {
        blocking.add(name(process) + " belongs to a build");
      }
    } catch (IOException gone) {
      return;
    }
    if (text(process.resolve("cmdline")).contains("/switch-to-configuration\0")) {
      blocking.add(name(process) + " switches the system");
    }
  }

  private void files(Path process, MountTable mounts) {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(process.resolve("fd"))) {
      for (Path file : files) {
        Optional<String> target = link(file).filter(text -> text.startsWith("/"));
        if (target.isPresent()) {
          file(
              process, mounts, target.get(), process.resolve("fdinfo").resolve(file.getFileName()));
        }
      }
    } catch (IOException | DirectoryIteratorException gone) {
      return;
    }
  }

  private void file(Path process, MountTable mounts, String target, Path information) {
    int flags = 0;
    int mount = -1;
    try {
      for (String line : text(information).split("\n", -1)) {
        String[] fields = line.split("\\s+", -1);
        if (fields[0].equals("flags:")) {
          flags = Integer.parseInt(fields[1], 8);
        } else if (fields[0].equals("mnt_id:")) {
          mount = Integer.parseInt(fields[1]);
        }
      }
    } catch (NumberFormatException noSuchFile) {
      return;
    }
    Optional<String> place = inNix(mounts.withId(mount), target);
    if (place.equals(Optional.of(BIG_LOCK))) {
      blocking.add(name(process) + " has the store open");
    } else if (place.isPresent() && (flags & ACCESS_MODE) != 0) {
      blocking.add(
          name(process) + " has " + PathBytes.printable(bytes(place.get())) + " open for writing");
    }
  }

  /** Written to without any file that is open. */
  private void mappings(Path process) {
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(
                Files.newInputStream(process.resolve("maps")), StandardCharsets.ISO_8859_1))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        // address, permissions, offset, device, inode, name (proc_pid_maps(5))
        String[] fields = line.split(" +", 6);
        if (fields.length == 6
            && fields[1].startsWith("w", 1)
            && fields[1].endsWith("s")
            && fields[5].startsWith(NIX + "/")) {
          blocking.add(
              name(process)
                  + " has "
                  + PathBytes.printable(bytes(fields[5]))
                  + " mapped for writing");
        }
      }
    } catch (IOException gone) {
      return;
    }
  }

  /**
   * The name below {@code /nix} of a file that is in it.
   *
   * @param mount where it was opened; empty if that mount is in no table of the process any more
   * @param name as the kernel names the file
   */
  private Optional<String> inNix(Optional<Mount> mount, String name) {
    if (mount.isEmpty() || !name.startsWith(mount.get().point())) {
      return Optional.of(name).filter(n -> n.startsWith(NIX + "/"));
    }
    if (!mount.get().device().equals(nix.device())) {
      return Optional.empty();
    }
    String place = mount.get().inFileSystem(name);
    String top = nixInFileSystem.equals("/") ? "" : nixInFileSystem;
    return place.startsWith(top + "/")
        ? Optional.of(NIX + place.substring(top.length()))
        : Optional.empty();
  }

  /** The mounts of a process; a namespace that is seen first is looked at too. */
  private @Nullable MountTable mounts(Path process) {
    Optional<String> namespace = link(process.resolve("ns/mnt"));
    if (namespace.isEmpty()) {
      return null;
    }
    @Nullable MountTable table = tables.get(namespace.get());
    if (table == null) {
      try {
        table = MountTable.read(process.resolve("mountinfo"));
      } catch (IOException gone) {
        return null;
      }
      tables.put(namespace.get(), table);
    }
    if (namespaces.add(namespace.get()) && !namespace.equals(link(PROC.resolve("self/ns/mnt")))) {
      Optional<Mount> seen = table.carrying(Path.of(NIX));
      if (readOnly()
          && seen.isPresent()
          && seen.get().writable()
          && seen.get().device().equals(nix.device())
          && seen.get().inFileSystem(NIX).equals(nixInFileSystem)) {
        blocking.add(name(process) + " has mounts of its own, through which it can write to /nix");
      }
    }
    return table;
  }

  private static Set<Long> buildUids() throws IOException {
    Set<String> members = new HashSet<>();
    for (String line : lines("/etc/group")) {
      String[] fields = line.split(":", -1);
      if (fields.length >= 4 && fields[0].equals(BUILD_GROUP)) {
        members.addAll(List.of(fields[3].split(",", -1)));
      }
    }
    Set<Long> uids = new HashSet<>();
    for (String line : lines("/etc/passwd")) {
      String[] fields = line.split(":", -1);
      if (fields.length >= 3 && members.contains(fields[0]) && fields[2].matches("[0-9]{1,10}")) {
        uids.add(Long.parseLong(fields[2]));
      }
    }
    return uids;
  }

  private static List<String> lines(String file) throws IOException {
    return new String(Files.readAllBytes(Path.of(file)), StandardCharsets.ISO_8859_1)
        .lines()
        .toList();
  }

  private static String name(Path process) {
    String command = text(process.resolve("cmdline")).replace('\0', ' ').strip();
    if (command.isEmpty()) {
      command = text(process.resolve("comm")).strip();
    }
    if (command.length() > COMMAND_CHARACTERS) {
      command = command.substring(0, COMMAND_CHARACTERS) + "...";
    }
    return "process " + process.getFileName() + " (" + PathBytes.printable(bytes(command)) + ")";
  }

  /** One character for each byte, as in a {@link MountTable}. */
  private static Optional<String> link(Path link) {
    try {
      return Optional.of(
          new String(PathBytes.of(Files.readSymbolicLink(link)), StandardCharsets.ISO_8859_1));
    } catch (IOException gone) {
      return Optional.empty();
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static String text(Path file) {
    try {
      return new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
    } catch (IOException gone) {
      return "";
    }
  }
}
