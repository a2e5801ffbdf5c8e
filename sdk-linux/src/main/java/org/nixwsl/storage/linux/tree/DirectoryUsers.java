package org.nixwsl.storage.linux.tree;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.machine.MountTable;

/** Who uses a directory of a storage as a store: has it mounted somewhere, or holds its lease. */
final class DirectoryUsers {
  private static final Path PROC = Path.of("/proc");

  /** So many are named; one is enough to refuse. */
  private static final int NAMED = 10;

  private final ProcessRunner processes;

  DirectoryUsers(ProcessRunner processes) {
    this.processes = processes;
  }

  /** The mounts of a directory, in all mount namespaces, in words for people. */
  static List<String> mounts(Path directory) throws IOException {
    if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
      return List.of();
    }
    Path real = directory.toRealPath();
    Optional<MountTable.Mount> carrying = MountTable.ofThisProcess().carrying(real);
    if (carrying.isEmpty()) {
      return List.of();
    }
    String root = inFileSystem(carrying.get(), real);
    List<String> users = new ArrayList<>();
    Set<String> namespaces = new HashSet<>();
    for (Path process : processes()) {
      if (users.size() >= NAMED) {
        break;
      }
      try {
        if (!namespaces.add(Files.readSymbolicLink(process.resolve("ns/mnt")).toString())) {
          continue;
        }
        for (MountTable.Mount mount :
            MountTable.read(process.resolve("mountinfo")).ofDevice(carrying.get().device())) {
          if (mount.root().equals(root) || mount.root().startsWith(root + "/")) {
            users.add(
                "a mount at "
                    + mount.printablePoint()
                    + " seen by process "
                    + process.getFileName());
          }
        }
      } catch (IOException gone) {
        // It ended; whoever asks is root and may look at all others.
      }
    }
    return users;
  }

  /** Whether somebody holds the lock of a file, as {@code flock(2)} has it. */
  boolean locked(Path lease, Operation operation) throws IOException, InterruptedException {
    if (!Files.isRegularFile(lease, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    byte[] path = PathBytes.of(lease);
    // Through xargs, as a path of any bytes can go over a pipe and not as an argument.
    String said =
        processes
            .run(
                Command.of(
                        "xargs", "-0", "sh", "-c", "flock -n -x -E 75 \"$1\" true; echo $?", "sh")
                    .reading(Arrays.copyOf(path, path.length + 1)),
                operation)
            .text()
            .strip();
    return said.equals("75");
  }

  /** Where a path is in the file system that carries it; each byte is one character. */
  private static String inFileSystem(MountTable.Mount mount, Path path) {
    String text = new String(PathBytes.of(path), StandardCharsets.ISO_8859_1);
    String below = mount.point().equals("/") ? text : text.substring(mount.point().length());
    return mount.root().equals("/") ? below : mount.root() + below;
  }

  private static List<Path> processes() throws IOException {
    List<Path> processes = new ArrayList<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(PROC, "[0-9]*")) {
      entries.forEach(processes::add);
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    return processes;
  }
}
