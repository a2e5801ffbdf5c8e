package org.nixwsl.storage.linux.disk;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.core.platform.DiskFormat;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.UndoStack;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.linux.machine.MountTable;
import org.nixwsl.storage.mount.MountedStorage;

/**
 * The file system on an attached disk: what is there, making it on a disk that holds nothing,
 * mounting it, and the proof that it is mounted.
 */
final class DiskFileSystem {
  /** Exit status of {@code blkid -p} for a device on which it finds nothing (blkid(8)). */
  private static final int NOTHING_FOUND = 2;

  private static final int EDGE_BYTES = 1 << 20;
  private static final Duration FORMAT_LIMIT = Duration.ofMinutes(10);

  private final ProcessRunner processes;
  private final Tools tools;
  private final Attacher attacher;
  private final RunDirectory run;

  DiskFileSystem(ProcessRunner processes, Tools tools, Attacher attacher, RunDirectory run) {
    this.processes = processes;
    this.tools = tools;
    this.attacher = attacher;
    this.run = run;
  }

  /**
   * The UUID of the file system on a device.
   *
   * @param format what it has to be
   * @param expected the UUID that it must have, if that is known
   * @throws DiskException {@code WRONG_STORAGE} if there is none, or a second device has the UUID
   */
  UUID identify(String node, DiskFormat format, Optional<UUID> expected, Operation operation)
      throws IOException, InterruptedException {
    Optional<Map<String, String>> found = probe(node, operation);
    if (found.isEmpty()) {
      throw wrong(
          "The disk attached as " + node + " holds no file system.",
          "If it is new, format it with prepareBlankDisk; else look whether it is the right file.");
    }
    String type = found.get().getOrDefault("TYPE", "");
    Optional<UUID> uuid = uuid(found.get());
    if (!type.equals(format.type()) || uuid.isEmpty()) {
      throw wrong(
          "The disk attached as "
              + node
              + " holds "
              + describe(found.get())
              + ", not "
              + format.type()
              + ".",
          "Use a disk whose whole surface is one file system of that type, without partitions; or"
              + " name the layout that the disk has.");
    }
    if (expected.isPresent() && !expected.equals(uuid)) {
      throw wrong(
          "The file system on the disk has the UUID "
              + uuid.get()
              + ", and the storage is known by "
              + expected.get()
              + ".",
          "Give the file of the right disk, or correct the UUID.");
    }
    requireUnique(uuid.get(), node, operation);
    return uuid.get();
  }

  /** The UUID on a device of any file system; empty when none can be read. */
  Optional<UUID> uuidOn(String node, Operation operation) throws IOException, InterruptedException {
    return probe(node, operation).flatMap(DiskFileSystem::uuid);
  }

  /**
   * Makes a file system on a device that holds nothing.
   *
   * @throws DiskException {@code DISK_NOT_BLANK} on any doubt
   */
  void formatBlank(LoopDevice device, DiskFormat format, UUID uuid, Operation operation)
      throws IOException, InterruptedException {
    requireBlank(device, operation);
    List<String> argv = new ArrayList<>(List.of(tools.mkfs(format)));
    argv.addAll(format.arguments(uuid));
    if (!format.extended().isEmpty()) {
      argv.add("-E");
      argv.add(
          knows(argv, format.extended(), device, operation)
              ? format.extended()
              : format.extendedBefore());
    }
    argv.add(device.node());
    processes.runOk(Command.of(argv).within(FORMAT_LIMIT), operation);
  }

  /** Mounts and proves it. */
  MountedStorage mount(
      LoopDevice device,
      Path mountPoint,
      DiskFormat format,
      UUID uuid,
      UndoStack undo,
      Operation operation)
      throws IOException, InterruptedException {
    undo.push("remove " + mountPoint, op -> run.removeMountPoint(mountPoint));
    run.makeMountPoint(mountPoint);
    undo.push("unmount " + mountPoint, op -> unmountIfThere(device, mountPoint, op));
    processes.runOk(
        Command.of(
            tools.pathOf(Tools.Tool.MOUNT),
            "-t",
            format.type(),
            "-o",
            format.ownMountOptions(),
            device.node(),
            mountPoint.toString()),
        operation);
    return prove(device, mountPoint, format, Optional.of(uuid), operation);
  }

  /**
   * Proves that exactly this device is seen at the mount point, in its format, for reading and
   * writing, with the right UUID.
   *
   * @throws DiskException {@code WRONG_STORAGE} if not
   */
  MountedStorage prove(
      LoopDevice device,
      Path mountPoint,
      DiskFormat format,
      Optional<UUID> expected,
      Operation operation)
      throws IOException, InterruptedException {
    UUID uuid = identify(device.node(), format, expected, operation);
    Optional<MountTable.Mount> seen = MountTable.ofThisProcess().at(mountPoint.toString());
    boolean right =
        seen.filter(e -> e.device().equals(device.number()))
            .filter(e -> e.root().equals("/") && e.type().equals(format.type()) && e.writable())
            .isPresent();
    if (!right) {
      throw wrong(
          "The mount at "
              + mountPoint
              + " is not the "
              + format.type()
              + " of "
              + device.node()
              + " for reading and writing; the kernel shows "
              + seen.map(MountTable.Mount::toString).orElse("nothing")
              + ".",
          "Look at the kernel's messages (dmesg): after an error a file system goes read-only."
              + " Unmount the storage, check it (e2fsck, btrfs check), and call again.");
    }
    return new MountedStorage(mountPoint, device.node(), Optional.of(uuid), format.type());
  }

  private void unmountIfThere(LoopDevice device, Path mountPoint, Operation operation)
      throws IOException, InterruptedException {
    Optional<MountTable.Mount> mount = MountTable.ofThisProcess().at(mountPoint.toString());
    if (mount.isPresent() && mount.get().device().equals(device.number())) {
      attacher.unmount(mount.get(), operation);
    }
  }

  private void requireBlank(LoopDevice device, Operation operation)
      throws IOException, InterruptedException {
    Optional<Map<String, String>> found = probe(device.node(), operation);
    if (found.isPresent()) {
      throw notBlank(device, "it holds " + describe(found.get()));
    }
    if (!isEmpty(device.sysfs().resolve("holders"), "*")
        || !isEmpty(device.sysfs(), device.name() + "p*")) {
      throw notBlank(device, "the kernel sees partitions or another device on it");
    }
    List<String> mounts = Processes.mountsBeside("", device.number());
    if (!mounts.isEmpty()) {
      throw notBlank(device, "it is used by " + String.join(", ", mounts));
    }
    requireZeroEdges(device);
  }

  /** What no signature tells of, such as encrypted data, still shows where file systems begin. */
  private static void requireZeroEdges(LoopDevice device) throws IOException {
    try (FileChannel channel = FileChannel.open(Path.of(device.node()), StandardOpenOption.READ)) {
      long size = channel.size();
      long last = Math.max(0, size - EDGE_BYTES);
      for (long start : new long[] {0, last}) {
        ByteBuffer edge = ByteBuffer.allocate((int) Math.min(EDGE_BYTES, size - start));
        int read;
        do {
          read = channel.read(edge, start + edge.position());
        } while (read > 0 && edge.hasRemaining());
        if (edge.hasRemaining()) {
          throw notBlank(device, "its beginning or end cannot be read");
        }
        if (edge.flip().mismatch(ByteBuffer.allocate(edge.limit())) >= 0) {
          throw notBlank(device, "there is data in its first or last MiB");
        }
      }
    }
  }

  private boolean knows(List<String> argv, String options, LoopDevice device, Operation operation)
      throws IOException, InterruptedException {
    List<String> rehearsal = new ArrayList<>(argv);
    rehearsal.addAll(List.of(options, "-n", device.node()));
    return processes.run(Command.of(rehearsal), operation).exitCode() == 0;
  }

  /** A copy of the disk is attached too: nobody could say which of them is written to. */
  private void requireUnique(UUID uuid, String node, Operation operation)
      throws IOException, InterruptedException {
    Command search =
        Command.of(
            tools.pathOf(Tools.Tool.BLKID),
            "-c",
            "/dev/null",
            "-t",
            "UUID=" + uuid,
            "-o",
            "device");
    List<String> carriers =
        processes.run(search, operation).text().lines().map(String::strip).toList();
    if (!carriers.equals(List.of(node))) {
      throw wrong(
          "The UUID " + uuid + " has to be on " + node + " only, and is on " + carriers + ".",
          "A copy of the disk is attached: detach it, or give it another UUID with tune2fs or"
              + " btrfstune.");
    }
  }

  /** Looks at the device itself, not at any cache. Nothing but these three tags is asked for. */
  private Optional<Map<String, String>> probe(String node, Operation operation)
      throws IOException, InterruptedException {
    Command command =
        Command.of(
            tools.pathOf(Tools.Tool.BLKID),
            "-p",
            "-o",
            "export",
            "-s",
            "TYPE",
            "-s",
            "UUID",
            "-s",
            "PTTYPE",
            node);
    ProcessRunner.Result result = processes.run(command, operation);
    if (result.exitCode() == NOTHING_FOUND) {
      return Optional.empty();
    }
    Map<String, String> tags = new HashMap<>();
    if (result.exitCode() == 0) {
      result
          .text()
          .lines()
          .map(line -> line.split("=", 2))
          .filter(parts -> parts.length == 2)
          .forEach(parts -> tags.put(parts[0].strip().toUpperCase(Locale.ROOT), parts[1].strip()));
    }
    return Optional.of(tags);
  }

  private static Optional<UUID> uuid(Map<String, String> tags) {
    String text = tags.getOrDefault("UUID", "");
    return text.matches("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
        ? Optional.of(UUID.fromString(text))
        : Optional.empty();
  }

  private static String describe(Map<String, String> tags) {
    if (tags.containsKey("TYPE")) {
      return "a file system or volume of the type " + tags.get("TYPE");
    }
    return tags.containsKey("PTTYPE")
        ? "a partition table of the type " + tags.get("PTTYPE")
        : "something that cannot be told clearly";
  }

  private static boolean isEmpty(Path directory, String glob) throws IOException {
    if (Files.notExists(directory)) {
      return true;
    }
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory, glob)) {
      return !entries.iterator().hasNext();
    }
  }

  private static DiskException notBlank(LoopDevice device, String why) {
    return new DiskException(
        Problem.of(
            ErrorCode.DISK_NOT_BLANK,
            "The disk attached as " + device.node() + " is not formatted: " + why + ".",
            "Use a new disk. If what is on it may really go, delete the file and create it anew."));
  }

  private static DiskException wrong(String message, String remedy) {
    return new DiskException(
        Problem.of(ErrorCode.WRONG_STORAGE, message, remedy).leaving(StateLeft.NOTHING_CHANGED));
  }
}
