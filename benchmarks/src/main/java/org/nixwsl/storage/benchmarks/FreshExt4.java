package org.nixwsl.storage.benchmarks;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;

/**
 * A newly made ext4 in a sparse file on a loop device, mounted. A directory that was just emptied
 * would not do: ext4 does not reuse inodes that were freed seconds ago, and the search for others
 * would be measured. Closing unmounts it, which also frees the loop device, and deletes the file.
 */
final class FreshExt4 implements Harness.Prepared {
  /** A disk that was made for stores has room for many; the file is sparse. */
  private static final long NEW_DISK_BYTES = 64L << 30;

  private final Path image;
  private final Path mountPoint;

  private FreshExt4(Path image, Path mountPoint) {
    this.image = image;
    this.mountPoint = mountPoint;
  }

  /**
   * Makes one of 64 GiB, or more where the store needs that.
   *
   * @param directory where the file is made, on a real disk
   * @param mountPoint an existing empty directory
   */
  static FreshExt4 mount(Path directory, Path mountPoint, StoreFiles store, Operation operation)
      throws IOException, InterruptedException {
    Path image = Files.createTempFile(directory, "ext4-", ".img");
    FreshExt4 made = new FreshExt4(image, mountPoint);
    boolean mounted = false;
    try {
      long size = Math.max(NEW_DISK_BYTES, 2 * store.diskBytes() + (1L << 30));
      try (FileChannel file = FileChannel.open(image, StandardOpenOption.WRITE)) {
        file.write(ByteBuffer.allocate(1), size - 1);
      }
      ProcessRunner processes = new ProcessRunner();
      processes.runOk(
          Command.of(
              "mkfs.ext4",
              "-q",
              "-F",
              "-b",
              "4096",
              // Else the kernel goes on writing tables while contestants run.
              "-E",
              "lazy_itable_init=0,lazy_journal_init=0",
              image.toString()),
          operation);
      processes.runOk(
          Command.of("mount", "-o", "loop", image.toString(), mountPoint.toString()), operation);
      mounted = true;
    } finally {
      if (!mounted) {
        Files.delete(image);
      }
    }
    made.withoutSecondCache(operation);
    return made;
  }

  /** What is written goes past the cache of the file below, as with a disk that is one. */
  private void withoutSecondCache(Operation operation) throws IOException, InterruptedException {
    ProcessRunner processes = new ProcessRunner();
    Command find =
        Command.of("findmnt", "--noheadings", "--output", "SOURCE", mountPoint.toString());
    String device = processes.runOk(find, operation).text().strip();
    boolean done = false;
    try {
      processes.runOk(Command.of("losetup", "--direct-io=on", device), operation);
      done = true;
    } finally {
      if (!done) {
        close();
      }
    }
  }

  @Override
  public void close() throws IOException {
    Operation.toTheEnd("unmount " + mountPoint, Ticker.system(), this::unmount);
    Files.delete(image);
  }

  private void unmount(Operation operation) throws IOException, InterruptedException {
    ProcessRunner processes = new ProcessRunner();
    Command plain = Command.of("umount", mountPoint.toString()).within(Duration.ofMinutes(10));
    if (processes.run(plain, operation).exitCode() != 0) {
      // A contestant that was killed just now may not be quite gone; the kernel ends it then.
      processes.runOk(Command.of("umount", "--lazy", mountPoint.toString()), operation);
    }
  }
}
