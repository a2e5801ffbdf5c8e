package org.nixwsl.storage.linux.disk;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.UndoStack;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.linux.machine.MountTable;

/**
 * Makes a block device of a VHDX and takes it away again. Every step that takes away looks first
 * and does nothing where nothing is, so that the same steps serve as undo, as detaching and as
 * cleaning up after a crash. Called under the lock of the {@link RunDirectory} only.
 */
final class Attacher {
  /** An unmount writes what the cache holds: gigabytes, through a file system in user space. */
  private static final Duration UNMOUNT_LIMIT = Duration.ofMinutes(10);

  private static final Duration END_LIMIT = Duration.ofMinutes(2);
  private static final Duration RELEASE_LIMIT = Duration.ofSeconds(15);

  private final ProcessRunner processes;
  private final Tools tools;
  private final RunDirectory run;

  Attacher(ProcessRunner processes, Tools tools, RunDirectory run) {
    this.processes = processes;
    this.tools = tools;
    this.run = run;
  }

  /**
   * Attaches a disk of which nothing is attached.
   *
   * @param loopOptions further options for {@code losetup}
   * @param undo learns how to take it away
   * @throws DiskException {@code VHDX_IN_USE}, {@code NOT_A_VHDX}, {@code VHDX_CORRUPT}
   */
  LoopDevice attach(
      Path vhdx, Path home, List<String> loopOptions, UndoStack undo, Operation operation)
      throws IOException, InterruptedException {
    Path raw = Attachment.rawFile(home);
    undo.push("remove " + home, op -> removeHome(home));
    run.makeHome(home);
    Files.createSymbolicLink(Attachment.vhdxLink(home), vhdx);
    Files.createFile(raw);

    // Both ends are found by looking, and a start that is cut short may still leave a daemon.
    undo.push("end the daemon of " + home, op -> endDaemons(home, op));
    startDaemon(vhdx, home, operation);

    undo.push(
        "release the loop device of " + home,
        op -> releaseLoops(home, LoopDevice.backedBy(raw), op));
    // Not --direct-io=on: through this export ext4's small writes then arrive damaged (seen with
    // QEMU 7.2 and Linux 6.18: mkfs.ext4 followed by e2fsck finds a broken journal).
    List<String> losetup =
        new ArrayList<>(
            List.of(tools.pathOf(Tools.Tool.LOSETUP), "--find", "--show", "--direct-io=off"));
    losetup.addAll(loopOptions);
    losetup.add(raw.toString());
    processes.runOk(Command.of(losetup), operation);
    List<LoopDevice> loops = LoopDevice.backedBy(raw);
    if (loops.size() != 1) {
      throw new DiskException(
          Problem.of(
              ErrorCode.NOT_MOUNTED,
              "Cannot attach " + PathBytes.printable(vhdx) + ": its loop device went away at once.",
              "Look at the kernel's messages (dmesg) and call again."));
    }
    return loops.get(0);
  }

  /**
   * Unmounts and takes away all that is there of a disk, also after a crash. Nothing is torn off:
   * while something uses the disk it stays.
   *
   * @throws ConflictException {@code STORAGE_BUSY}
   */
  void detach(Attachment seen, Operation operation) throws IOException, InterruptedException {
    for (MountTable.Mount mount : seen.mounts()) {
      unmount(mount, operation);
    }
    releaseLoops(seen.home(), seen.loops(), operation);
    endDaemons(seen.home(), operation);
    removeHome(seen.home());
  }

  /**
   * Takes a disk away from whoever uses it, as when its cable is pulled: what was not written is
   * lost, and a file system that is still mounted has nothing below it any more. Its device goes
   * with its last user.
   */
  void tearOff(Path home, Operation operation) throws IOException, InterruptedException {
    kill(home, operation);
    Path raw = Attachment.rawFile(home);
    for (LoopDevice loop : LoopDevice.backedBy(raw)) {
      processes.run(
          Command.of(tools.pathOf(Tools.Tool.LOSETUP), "--detach", loop.node()), operation);
    }
    if (MountTable.ofThisProcess().at(raw.toString()).isPresent()) {
      // Lazily: a device that is still in use has the file open.
      processes.runOk(
          Command.of(tools.pathOf(Tools.Tool.FUSERMOUNT), "-u", "-z", raw.toString()), operation);
    }
    removeHome(home);
  }

  /** Ends the daemons of a disk without letting them write anything more. */
  void kill(Path home, Operation operation) throws IOException, InterruptedException {
    Path pidFile = Attachment.pidFile(home);
    Processes.daemonsOf(pidFile).forEach(ProcessHandle::destroyForcibly);
    if (!operation.await(
        "the death of the daemon of " + home,
        RELEASE_LIMIT,
        () -> Processes.daemonsOf(pidFile).isEmpty())) {
      throw stuck(home, "its daemon was killed and is still there");
    }
  }

  /**
   * Unmounts one file system and removes the directory of its mount.
   *
   * @throws ConflictException {@code STORAGE_BUSY} if something uses it; it stays mounted then
   */
  void unmount(MountTable.Mount mount, Operation operation)
      throws IOException, InterruptedException {
    Path mountPoint = Path.of(mount.point());
    boolean ours = run.mounts().equals(mountPoint.getParent()) && mount.root().equals("/");
    List<String> users = Processes.usersOf(mount.point(), mount.device());
    if (!ours || !users.isEmpty()) {
      throw busy(mount, users.isEmpty() ? "it is mounted there by someone else" : words(users));
    }
    Command umount =
        Command.of(tools.pathOf(Tools.Tool.UMOUNT), mount.point()).within(UNMOUNT_LIMIT);
    ProcessRunner.Result result = processes.run(umount, operation);
    if (result.exitCode() != 0) {
      List<String> now = Processes.usersOf(mount.point(), mount.device());
      throw busy(mount, now.isEmpty() ? result.allText().strip() : words(now));
    }
    run.removeMountPoint(mountPoint);
  }

  private void startDaemon(Path vhdx, Path home, Operation operation)
      throws IOException, InterruptedException {
    Command start =
        Command.of(
            tools.pathOf(Tools.Tool.STORAGE_DAEMON),
            "--daemonize",
            "--pidfile",
            Attachment.pidFile(home).toString(),
            "--blockdev",
            "driver=file,node-name=file,locking=on,filename=" + Attachment.vhdxLink(home),
            "--blockdev",
            "driver=vhdx,node-name=disk,file=file",
            "--export",
            "type=fuse,id=export,node-name=disk,writable=on,allow-other=off,mountpoint="
                + Attachment.rawFile(home));
    ProcessRunner.Result result = processes.run(start, operation);
    if (result.exitCode() != 0) {
      throw refused(vhdx, start, result);
    }
  }

  /** QEMU gives no code for why it refused; it is in English and not translated. */
  private static RuntimeException refused(Path vhdx, Command start, ProcessRunner.Result result)
      throws IOException {
    String name = PathBytes.printable(vhdx);
    if (result.allText().matches("(?s).*Failed to (get \"\\w+\" )?lock.*")) {
      return new DiskException(
          Problem.of(
                  ErrorCode.VHDX_IN_USE,
                  "Cannot attach " + name + ": another program has the file open.",
                  "Detach or close it there and call again.")
              .mayGoAway());
    }
    if (!startsLikeVhdx(vhdx)) {
      return new DiskException(
          Problem.of(
              ErrorCode.NOT_A_VHDX,
              "Cannot attach " + name + ": it is not a VHDX.",
              "Give the name of a VHDX file."));
    }
    if (result.allText().contains("Could not open")) {
      return new DiskException(
          Problem.of(
              ErrorCode.VHDX_CORRUPT,
              "Cannot attach " + name + ": " + result.allText().strip(),
              "Check the file, or restore it from a backup."));
    }
    return ProcessRunner.failed(start, result);
  }

  /** The file type identifier, MS-VHDX section 2.2.1. */
  private static boolean startsLikeVhdx(Path vhdx) throws IOException {
    try (InputStream in = Files.newInputStream(vhdx)) {
      return new String(in.readNBytes(8), StandardCharsets.ISO_8859_1).equals("vhdxfile");
    }
  }

  /**
   * A loop device goes when its last user closes it, which may be a moment after the request. One
   * that is mounted is not asked: it would go later, by itself, under the feet of everyone.
   */
  private void releaseLoops(Path home, List<LoopDevice> loops, Operation operation)
      throws IOException, InterruptedException {
    for (LoopDevice loop : loops) {
      for (MountTable.Mount mount : MountTable.ofThisProcess().ofDevice(loop.number())) {
        throw busy(mount, "it is still mounted");
      }
      processes.run(
          Command.of(tools.pathOf(Tools.Tool.LOSETUP), "--detach", loop.node()), operation);
      if (!operation.await("the end of " + loop.node(), RELEASE_LIMIT, () -> !loop.inUse())) {
        throw stuck(home, "its loop device " + loop.node() + " is still open somewhere");
      }
    }
  }

  /** Asked to end, the daemon writes what it has, closes the VHDX and takes its file away. */
  private void endDaemons(Path home, Operation operation) throws IOException, InterruptedException {
    Path pidFile = Attachment.pidFile(home);
    if (!LoopDevice.backedBy(Attachment.rawFile(home)).isEmpty()) {
      throw stuck(home, "the loop device on it is still there");
    }
    Processes.daemonsOf(pidFile).forEach(ProcessHandle::destroy);
    if (!operation.await(
        "the daemon of " + home, END_LIMIT, () -> Processes.daemonsOf(pidFile).isEmpty())) {
      throw stuck(home, "its daemon was asked to end and does not");
    }
    String raw = Attachment.rawFile(home).toString();
    if (MountTable.ofThisProcess().at(raw).isPresent()) {
      // The daemon was killed: its file stays behind and answers nothing any more.
      processes.runOk(Command.of(tools.pathOf(Tools.Tool.FUSERMOUNT), "-u", raw), operation);
    }
  }

  private static void removeHome(Path home) throws IOException {
    for (Path file :
        List.of(Attachment.pidFile(home), Attachment.rawFile(home), Attachment.vhdxLink(home))) {
      Files.deleteIfExists(file);
    }
    Files.deleteIfExists(home);
  }

  private static ConflictException stuck(Path home, String why) {
    return new ConflictException(
        Problem.of(
                ErrorCode.STORAGE_BUSY,
                "Cannot detach the disk at " + home + ": " + why + ".",
                "Close what uses the disk and call again.")
            .leaving(StateLeft.NEEDS_CLEANUP)
            .mayGoAway());
  }

  private static ConflictException busy(MountTable.Mount mount, String why) {
    return new ConflictException(
        Problem.of(
                ErrorCode.STORAGE_BUSY,
                "Cannot unmount " + printable(mount.point()) + ": " + printable(why) + ".",
                "End what uses it and call again; it stays mounted until then.")
            .mayGoAway());
  }

  private static String words(List<String> users) {
    return "it is used by " + String.join(", ", users);
  }

  private static String printable(String latin1) {
    return PathBytes.printable(latin1.getBytes(StandardCharsets.ISO_8859_1));
  }
}
