package org.nixwsl.storage.linux.disk;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A loop device as the kernel shows it in sysfs. Read there and not through {@code losetup -j},
 * which asks the backing file and fails when the daemon behind that file is dead.
 *
 * @param name the kernel's name, {@code loop0}
 * @param number major and minor number, as in {@code mountinfo}
 */
record LoopDevice(String name, String number) {
  private static final Path BLOCK = Path.of("/sys/block");

  /** The device node. */
  String node() {
    return "/dev/" + name;
  }

  /** Its directory in sysfs. */
  Path sysfs() {
    return BLOCK.resolve(name);
  }

  /** All loop devices on a file, the name of which is plain ASCII. */
  static List<LoopDevice> backedBy(Path file) throws IOException {
    List<LoopDevice> found = new ArrayList<>();
    if (!Files.isDirectory(BLOCK)) {
      return found;
    }
    try (DirectoryStream<Path> devices = Files.newDirectoryStream(BLOCK, "loop*")) {
      for (Path device : devices) {
        String backing = attribute(device, "loop/backing_file");
        if (backing.equals(file.toString()) || backing.equals(file + " (deleted)")) {
          found.add(
              new LoopDevice(device.getFileName().toString(), attribute(device, "dev").strip()));
        }
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    return found;
  }

  /** Empty for a device that is not in use, also when it ceased to be while it was read. */
  private static String attribute(Path device, String name) throws IOException {
    Path file = device.resolve(name);
    try {
      String text = new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
      return text.endsWith("\n") ? text.substring(0, text.length() - 1) : text;
    } catch (IOException e) {
      if (Files.notExists(file)) {
        return "";
      }
      throw e;
    }
  }
}
