package org.nixwsl.storage.testkit.copy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;

/** A new file system in a file, mounted. Closing unmounts it. */
public final class LoopFileSystem implements AutoCloseable {
  private final Path mountPoint;

  private LoopFileSystem(Path mountPoint) {
    this.mountPoint = mountPoint;
  }

  /** Makes an ext4 of so many bytes, in that directory. */
  public static LoopFileSystem ext4(Path directory, long bytes) throws IOException {
    // 4096: symlinks of 4095 bytes need blocks of that size.
    return made(directory, bytes, "loop", "mkfs.ext4", "-q", "-F", "-b", "4096");
  }

  /** The same of btrfs, mounted with these options. */
  static LoopFileSystem btrfs(Path directory, long bytes, String options) throws IOException {
    return made(directory, bytes, "loop," + options, "mkfs.btrfs", "-q", "-K");
  }

  private static LoopFileSystem made(Path directory, long bytes, String options, String... program)
      throws IOException {
    assumeRoot();
    Path image = Files.createTempFile(directory, "disk", ".img");
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(bytes);
    }
    List<String> make = new ArrayList<>(List.of(program));
    make.add(image.toString());
    run(make.toArray(String[]::new));
    Path mountPoint = Files.createTempDirectory(directory, "mount");
    run("mount", "-o", options, image.toString(), mountPoint.toString());
    return new LoopFileSystem(mountPoint);
  }

  /** Keeps it from being cached twice: as a file system, and in the file that it stands on. */
  LoopFileSystem withoutCacheBelow() {
    String device = run("findmnt", "--noheadings", "--output", "SOURCE", mountPoint.toString());
    run("losetup", "--direct-io=on", device.strip());
    return this;
  }

  static LoopFileSystem of(String type, String options, Path directory) throws IOException {
    assumeRoot();
    Path mountPoint = Files.createTempDirectory(directory, "mount");
    run("mount", "-t", type, "-o", options, type, mountPoint.toString());
    return new LoopFileSystem(mountPoint);
  }

  /** Skips the test where it does not run as root. */
  public static void assumeRoot() throws IOException {
    Object uid = Files.getAttribute(Path.of("/proc/self/task"), "unix:uid");
    assumeTrue(uid.equals(0), "skipped: root is missing");
  }

  /** Where it is mounted. */
  public Path path() {
    return mountPoint;
  }

  /** Runs a program that has to succeed; what it printed. */
  public static String run(String... command) {
    return Operation.quiet(
        String.join(" ", command),
        operation -> new ProcessRunner().runOk(Command.of(command), operation).text());
  }

  /** Fills a file system by one file, until so much is free, what is root's included. */
  public static void fillBut(Path filler, int kilobytes) throws IOException {
    var store = Files.getFileStore(filler.getParent());
    byte[] block = new byte[4096];
    Arrays.fill(block, (byte) 7);
    try (OutputStream out = Files.newOutputStream(filler)) {
      while (store.getUnallocatedSpace() > kilobytes * 1024L) {
        out.write(block);
      }
    } catch (IOException full) {
      assertThat(store.getUsableSpace()).isLessThan(1 << 20);
    }
  }

  @Override
  public void close() {
    run("umount", mountPoint.toString());
  }
}
