package org.nixwsl.storage.testkit.wsl.real;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.vhdx.VhdxEngine;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskChannel;
import org.nixwsl.storage.disk.DiskResize;
import org.nixwsl.storage.linux.disk.BlockDevices;
import org.nixwsl.storage.testkit.wsl.model.DiskContents;

/** File systems on disks that are not attached. Not thread-safe. */
final class FileSystems {
  private static final int PIECE = 1 << 16;

  /** The least VHDX that there is. */
  private static final long LEAST = 3L << 20;

  /** A name that no disk of the virtual machine has. */
  private static final String NAME = "resized";

  private final Path folder;
  private final BlockDevices disks;
  private final ProcessRunner processes;

  FileSystems(Path folder, BlockDevices disks, ProcessRunner processes) {
    this.folder = folder;
    this.disks = disks;
    this.processes = processes;
  }

  /** Makes one in a file and puts that on the disk: it takes no device. */
  void make(Path vhdx, int number, String type, UUID uuid, Operation operation)
      throws IOException, InterruptedException {
    DiskContents.Volume volume = DiskContents.of(vhdx).volume(number).orElseThrow();
    Path raw = Files.createTempFile(folder, "file-system", ".raw");
    try {
      try (FileChannel file = FileChannel.open(raw, StandardOpenOption.WRITE)) {
        file.write(ByteBuffer.allocate(1), volume.length() - 1);
      }
      List<String> mkfs = new ArrayList<>();
      if (type.startsWith("ext")) {
        mkfs.addAll(List.of("mke2fs", "-q", "-F", "-t", type, "-U", uuid.toString()));
        // All of it now: a kernel that goes on with it when it is mounted would write later.
        mkfs.addAll(List.of("-E", "lazy_itable_init=0,lazy_journal_init=0"));
      } else if (type.equals("btrfs")) {
        mkfs.addAll(List.of("mkfs.btrfs", "-q", "-U", uuid.toString()));
      } else {
        mkfs.add("mkfs." + type);
      }
      mkfs.add(raw.toString());
      processes.runOk(Command.of(mkfs), operation);
      copy(raw, vhdx, volume.start());
    } finally {
      Files.delete(raw);
    }
  }

  /** Writes what differs, so that what is zero takes no room. */
  private static void copy(Path raw, Path vhdx, long at) throws IOException {
    try (FileChannel from = FileChannel.open(raw, StandardOpenOption.READ);
        DiskChannel to = new VhdxEngine().openForWriting(vhdx)) {
      ByteBuffer wanted = ByteBuffer.allocate(PIECE);
      ByteBuffer present = ByteBuffer.allocate(PIECE);
      for (long done = 0; done < from.size(); done += PIECE) {
        int length = (int) Math.min(PIECE, from.size() - done);
        from.position(done);
        fill(from, wanted.clear().limit(length));
        to.position(at + done);
        fill(to, present.clear().limit(length));
        if (!wanted.equals(present)) {
          to.position(at + done);
          while (wanted.hasRemaining()) {
            to.write(wanted);
          }
        }
      }
      to.force();
    }
  }

  private static void fill(SeekableByteChannel from, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      if (from.read(buffer) < 0) {
        throw new IOException("The disk ended before its size");
      }
    }
    buffer.flip();
  }

  /**
   * Makes a disk and the file system on it larger or smaller.
   *
   * @return false if it cannot have that size
   */
  boolean resize(Path vhdx, long bytes, Operation operation)
      throws IOException, InterruptedException {
    VhdxEngine engine = new VhdxEngine();
    long now = DiskContents.of(vhdx).bytes();
    if (bytes < LEAST) {
      return false;
    }
    if (bytes < now && !fit(vhdx, bytes, operation)) {
      return false;
    }
    DiskResize resize =
        DiskResize.builder().virtualSize(ByteSize.ofBytes(bytes)).allowDataLoss(true).build();
    engine.resize(vhdx, resize, RunOptions.ofDefaults());
    return bytes <= now || fit(vhdx, bytes, operation);
  }

  /** Lets the file system take so many bytes of its disk. */
  private boolean fit(Path vhdx, long bytes, Operation operation)
      throws IOException, InterruptedException {
    String device = "/dev/" + disks.attach(vhdx, NAME, operation).name();
    try {
      // 1 is "errors were corrected" (e2fsck(8)).
      int check = processes.run(Command.of("e2fsck", "-f", "-y", device), operation).exitCode();
      Command resize = Command.of("resize2fs", device, bytes / 1024 + "K");
      return check <= 1 && processes.run(resize, operation).exitCode() == 0;
    } finally {
      disks.detach(NAME, operation);
    }
  }
}
