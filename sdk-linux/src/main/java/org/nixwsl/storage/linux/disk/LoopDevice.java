package org.nixwsl.storage.linux.disk;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.linux.machine.MountTable;

/**
 * A loop device as the kernel shows it in sysfs. Read there and not through {@code losetup -j},
 * which asks the backing file and fails when the daemon behind that file is dead.
 *
 * @param name the kernel's name, {@code loop0}
 * @param number major and minor number, as in {@code mountinfo}
 * @param backing the file behind it, as the kernel names it
 */
record LoopDevice(String name, String number, String backing) {
  private static final Path BLOCK = Path.of("/sys/block");

  /** The name of a file whose file system was unmounted although the loop device holds it open. */
  private static final String DETACHED = "/";

  /** The device node. */
  String node() {
    return "/dev/" + name;
  }

  /** Its directory in sysfs. */
  Path sysfs() {
    return BLOCK.resolve(name);
  }

  /** Whether the device still stands on that file. */
  boolean inUse() {
    return attribute(sysfs(), "loop/backing_file").equals(backing);
  }

  /** All loop devices on a file, the name of which is plain ASCII. */
  static List<LoopDevice> backedBy(Path file) throws IOException {
    return all().stream()
        .filter(
            loop ->
                loop.backing().equals(file.toString())
                    || loop.backing().equals(file + " (deleted)"))
        .toList();
  }

  /**
   * The device of a mount, if the file behind it is gone: its daemon was told to end by someone
   * else. Such a device reads and writes nothing any more, whatever disk it was.
   */
  static Optional<LoopDevice> orphanUnder(MountTable.Mount mount) throws IOException {
    return all().stream()
        .filter(loop -> loop.number().equals(mount.device()) && loop.backing().equals(DETACHED))
        .findFirst();
  }

  private static List<LoopDevice> all() throws IOException {
    List<LoopDevice> found = new ArrayList<>();
    if (!Files.isDirectory(BLOCK)) {
      return found;
    }
    try (DirectoryStream<Path> devices = Files.newDirectoryStream(BLOCK, "loop*")) {
      for (Path device : devices) {
        String backing = attribute(device, "loop/backing_file");
        if (!backing.isEmpty()) {
          found.add(
              new LoopDevice(device.getFileName().toString(), attribute(device, "dev"), backing));
        }
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    return found;
  }

  /** Empty for a device that is not in use, also when it ceased to be while it was read. */
  static String attribute(Path device, String name) {
    Path file = device.resolve(name);
    try {
      return line(file);
    } catch (IOException givenBack) {
      try {
        return line(file); // somebody may have taken it into use since then
      } catch (IOException notInUse) {
        return "";
      }
    }
  }

  private static String line(Path file) throws IOException {
    String text = new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
    return text.endsWith("\n") ? text.substring(0, text.length() - 1) : text;
  }
}
