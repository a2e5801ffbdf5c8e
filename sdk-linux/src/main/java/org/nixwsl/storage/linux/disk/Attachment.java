package org.nixwsl.storage.linux.disk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.linux.machine.MountTable;

/**
 * What is attached of one disk, as the machine shows it at this moment, whoever attached it.
 * Anything between nothing and everything is possible: a program may have been killed between two
 * steps, the daemon may be dead.
 *
 * @param home the disk's place in the run directory
 * @param present whether the place exists
 * @param daemons the daemons that serve the disk; more than one is as wrong as none
 * @param exported whether the contents are shown as a file, by a daemon that lives or is dead
 * @param loops the loop devices on that file, dead ones included
 * @param mounts the mounts of these devices that this process sees
 */
record Attachment(
    Path home,
    boolean present,
    List<ProcessHandle> daemons,
    boolean exported,
    List<LoopDevice> loops,
    List<MountTable.Mount> mounts) {

  /** Looks at the machine, also for a dead device that still occupies the disk's mount point. */
  static Attachment look(Path home, Path mountPoint) throws IOException {
    MountTable table = MountTable.ofThisProcess();
    List<LoopDevice> loops = new ArrayList<>(LoopDevice.backedBy(rawFile(home)));
    Optional<MountTable.Mount> there = table.at(mountPoint.toString());
    if (there.isPresent()) {
      LoopDevice.orphanUnder(there.get()).ifPresent(loops::add);
    }
    List<MountTable.Mount> mounts = new ArrayList<>();
    for (LoopDevice loop : loops) {
      mounts.addAll(table.ofDevice(loop.number()));
    }
    return new Attachment(
        home,
        Files.exists(home, LinkOption.NOFOLLOW_LINKS),
        Processes.daemonsOf(pidFile(home)),
        table.at(rawFile(home).toString()).isPresent(),
        List.copyOf(loops),
        List.copyOf(mounts));
  }

  /** The symlink through which the daemon opens the VHDX: a name that any argument can hold. */
  static Path vhdxLink(Path home) {
    return home.resolve("disk.vhdx");
  }

  /** The file that shows the contents of the disk. */
  static Path rawFile(Path home) {
    return home.resolve("disk.raw");
  }

  /** The file in which the daemon writes its process id; it removes the file when it ends. */
  static Path pidFile(Path home) {
    return home.resolve("daemon.pid");
  }

  /** The one device of a disk that is attached without anything missing, mounted or not. */
  Optional<LoopDevice> device() {
    return daemons.size() == 1 && exported && loops.size() == 1
        ? Optional.of(loops.get(0))
        : Optional.empty();
  }

  /** The mount of a disk that is attached without anything missing. */
  Optional<MountTable.Mount> mount(Path mountPoint) {
    return device().isEmpty()
        ? Optional.empty()
        : mounts.stream()
            .filter(e -> e.root().equals("/") && e.point().equals(mountPoint.toString()))
            .findFirst();
  }

  /** Whether there is nothing to take away. */
  boolean nothing() {
    return !present && daemons.isEmpty() && !exported && loops.isEmpty();
  }
}
