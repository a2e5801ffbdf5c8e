package org.nixwsl.storage.linux.tree;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.CommandException;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.linux.copy.destination.TreeRemoval;
import org.nixwsl.storage.linux.machine.MountTable;
import org.nixwsl.storage.linux.store.DirectoryEntries;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.StorageLayout;

/**
 * An instance in a subvolume of btrfs. What the program {@code btrfs} says is for people: decided
 * is by its status and by what the kernel shows.
 */
final class Subvolumes implements InstanceLayout {
  private static final String TYPE = new StorageLayout.BtrfsSubvolumes().fileSystemType();

  /** BTRFS_FIRST_FREE_OBJECTID of the kernel: the inode of the top of every subvolume. */
  private static final long TOP_INODE = 256;

  private final ProcessRunner processes;

  Subvolumes(ProcessRunner processes) {
    this.processes = processes;
  }

  @Override
  public List<Problem> refusals(
      InstanceName instance, Optional<MountedStorage> storage, Operation operation)
      throws IOException, InterruptedException {
    // Whether the kernel can mount it is seen when it is mounted: a module is loaded only then.
    return missing(processes, operation).stream().toList();
  }

  private static Optional<Problem> missing(ProcessRunner processes, Operation operation)
      throws IOException, InterruptedException {
    try {
      processes.runOk(Command.of("btrfs", "--version"), operation);
      return Optional.empty();
    } catch (EnvironmentException e) {
      if (e.code() != ErrorCode.TOOL_MISSING) {
        throw e;
      }
      return Optional.of(
          Problem.of(
              ErrorCode.TOOL_MISSING,
              "Subvolumes are made and deleted by the program btrfs, which is not there.",
              "Install btrfs-progs (on NixOS: environment.systemPackages), or use the layout"
                  + " ext4."));
    }
  }

  /** Closed to others until the copy is whole, like any target. */
  @Override
  public void make(Path directory, Operation operation) throws IOException, InterruptedException {
    if (Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
      if (isSubvolume(directory)) {
        return;
      }
      requireEmpty(directory);
      Files.delete(directory);
    }
    processes.runOk(
        script("umask 077; exec btrfs subvolume create -- \"$1\"", directory), operation);
  }

  @Override
  public boolean snapshots() {
    return true;
  }

  @Override
  public void snapshot(Path directory, Path as, Operation operation)
      throws IOException, InterruptedException {
    processes.runOk(
        script("exec btrfs subvolume snapshot -r -- \"$1\" \"$2\"", directory, as), operation);
  }

  /**
   * Removes a tree that may be a subvolume, of whatever layout; nothing if it is absent. One that
   * has subvolumes in it, which users can make in directories of theirs, is taken apart.
   *
   * @throws EnvironmentException {@code TOOL_MISSING}
   * @throws CommandException {@code COMMAND_FAILED} if it is not deleted for another reason
   */
  static void remove(Path tree, ProcessRunner processes, Operation operation)
      throws IOException, InterruptedException {
    if (isSubvolume(tree)) {
      Optional<Problem> missing = missing(processes, operation);
      if (missing.isPresent()) {
        throw new EnvironmentException(missing.get());
      }
      Command delete = script("exec btrfs subvolume delete -c -- \"$1\"", tree);
      try {
        processes.runOk(delete, operation);
        return;
      } catch (CommandException e) {
        if (!holdsSubvolumes(tree, processes, operation)) {
          throw e;
        }
      }
    }
    TreeRemoval.remove(tree);
  }

  private static boolean holdsSubvolumes(
      Path subvolume, ProcessRunner processes, Operation operation)
      throws IOException, InterruptedException {
    // -o: only those below; it prints a line for each.
    Command list = script("exec btrfs subvolume list -o -- \"$1\"", subvolume);
    return !processes.runOk(list, operation).text().isBlank();
  }

  private static boolean isSubvolume(Path directory) throws IOException {
    if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)
        || FileFacts.of(directory).inode() != TOP_INODE) {
      return false;
    }
    return MountTable.ofThisProcess()
        .carrying(directory.toRealPath())
        .filter(mount -> mount.type().equals(TYPE))
        .isPresent();
  }

  private static void requireEmpty(Path directory) throws IOException {
    boolean[] empty = {Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)};
    if (empty[0]) {
      DirectoryEntries.each(directory, entry -> empty[0] = false);
    }
    if (!empty[0]) {
      throw new ConflictException(
          Problem.of(
              ErrorCode.TARGET_NOT_EMPTY,
              "Cannot make a subvolume of "
                  + PathBytes.printable(directory)
                  + ": something stands there that is none.",
              "Move it away, or use the layout that it has."));
    }
  }

  /** Through xargs, as a path of any bytes can go over a pipe and not as an argument. */
  private static Command script(String text, Path... paths) {
    ByteArrayOutputStream words = new ByteArrayOutputStream();
    for (Path path : paths) {
      words.writeBytes(PathBytes.of(path));
      words.write(0);
    }
    return Command.of("xargs", "-0", "sh", "-c", text, "sh").reading(words.toByteArray());
  }
}
