package org.nixwsl.storage.linux.disk;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.nixwsl.storage.linux.machine.MountTable;

/**
 * What {@code /proc} tells of the other processes. A process may end while it is looked at, and one
 * of another user may not be looked into: both are then passed over.
 */
final class Processes {
  private static final Path PROC = Path.of("/proc");

  /** So many users are named; one is enough to refuse, more only fill the message. */
  private static final int NAMED = 10;

  private Processes() {}

  /**
   * The daemons that were started with this process id file. The file itself is not asked: it may
   * name a process id that someone else has by now.
   */
  static List<ProcessHandle> daemonsOf(Path pidFile) throws IOException {
    List<ProcessHandle> found = new ArrayList<>();
    for (Path process : all()) {
      List<String> argv = List.of(text(process.resolve("cmdline")).split("\0", -1));
      int option = argv.indexOf("--pidfile");
      if (option > 0
          && argv.get(0).contains("qemu-storage-daemon")
          && option + 1 < argv.size()
          && argv.get(option + 1).equals(pidFile.toString())
          && ownedByRoot(process)) {
        ProcessHandle.of(Long.parseLong(process.getFileName().toString())).ifPresent(found::add);
      }
    }
    return found;
  }

  /**
   * Who has something open below a mount point, or the file system mounted elsewhere, in words for
   * people; empty when nobody is seen.
   *
   * @param device major and minor number of the file system
   */
  static List<String> usersOf(String mountPoint, String device) throws IOException {
    List<String> users = new ArrayList<>(mountsBeside(mountPoint, device));
    for (Path process : all()) {
      if (users.size() >= NAMED) {
        break;
      }
      if (opens(process, mountPoint)) {
        users.add(name(process));
      }
    }
    return users;
  }

  /**
   * The mounts of a file system in all mount namespaces but those at the mount point itself: such a
   * one in another namespace is a copy that goes with ours.
   *
   * @param device major and minor number of the file system
   */
  static List<String> mountsBeside(String mountPoint, String device) throws IOException {
    List<String> mounts = new ArrayList<>();
    Set<String> namespaces = new HashSet<>();
    for (Path process : all()) {
      if (mounts.size() >= NAMED) {
        break;
      }
      link(process, "ns/mnt")
          .filter(namespaces::add)
          .flatMap(namespace -> mountBeside(process, mountPoint, device))
          .ifPresent(where -> mounts.add("a mount at " + where + " seen by " + name(process)));
    }
    return mounts;
  }

  private static Optional<String> mountBeside(Path process, String mountPoint, String device) {
    try {
      return MountTable.read(process.resolve("mountinfo")).ofDevice(device).stream()
          .filter(e -> !(e.root().equals("/") && e.point().equals(mountPoint)))
          .map(MountTable.Mount::point)
          .findFirst();
    } catch (IOException gone) {
      return Optional.empty();
    }
  }

  private static boolean opens(Path process, String mountPoint) {
    for (String link : List.of("cwd", "root", "exe")) {
      if (link(process, link).filter(target -> below(target, mountPoint)).isPresent()) {
        return true;
      }
    }
    try (DirectoryStream<Path> files = Files.newDirectoryStream(process.resolve("fd"))) {
      for (Path file : files) {
        if (link(process, "fd/" + file.getFileName())
            .filter(target -> below(target, mountPoint))
            .isPresent()) {
          return true;
        }
      }
    } catch (IOException | DirectoryIteratorException gone) {
      return false;
    }
    return false;
  }

  private static boolean below(String target, String mountPoint) {
    return target.equals(mountPoint) || target.startsWith(mountPoint + "/");
  }

  /** The text of the link, not what is behind it: that could be on a server that never answers. */
  private static Optional<String> link(Path process, String name) {
    try {
      return Optional.of(Files.readSymbolicLink(process.resolve(name)).toString());
    } catch (IOException gone) {
      return Optional.empty();
    }
  }

  private static boolean ownedByRoot(Path process) {
    try {
      return Integer.valueOf(0)
          .equals(Files.getAttribute(process, "unix:uid", LinkOption.NOFOLLOW_LINKS));
    } catch (IOException gone) {
      return false;
    }
  }

  private static String name(Path process) {
    return "process " + process.getFileName() + " (" + text(process.resolve("comm")).strip() + ")";
  }

  private static String text(Path file) {
    try {
      return new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
    } catch (IOException gone) {
      return "";
    }
  }

  private static List<Path> all() throws IOException {
    List<Path> processes = new ArrayList<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(PROC, "[0-9]*")) {
      entries.forEach(processes::add);
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    return processes;
  }
}
