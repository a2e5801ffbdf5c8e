package org.nixwsl.storage.linux.disk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.linux.machine.MountTable;
import org.nixwsl.storage.linux.machine.StoreFileSystems;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLayout;
import org.nixwsl.storage.mount.StorageLocation.MountedDirectory;

/** Storage that is mounted already: nothing is attached, only proven. Needs no root. */
final class DirectoryStorage {
  private final DiskFileSystem devices;

  DirectoryStorage(DiskFileSystem devices) {
    this.devices = devices;
  }

  /** Every reason not to use the directory. */
  List<Problem> refusals(MountedDirectory location, StorageLayout layout) throws IOException {
    Path directory = location.directory();
    if (!Files.isDirectory(directory)) {
      return List.of(
          Problem.of(
              ErrorCode.NOT_FOUND,
              "The storage "
                  + PathBytes.printable(directory)
                  + " is not there, or is not a directory.",
              "Mount its file system and make the directory, or correct the name."));
    }
    MountTable.Mount mount = mountOf(directory);
    if (!StoreFileSystems.suits(mount.type())) {
      return List.of(
          Problem.of(
              ErrorCode.UNSUITABLE_FILE_SYSTEM,
              "The storage "
                  + PathBytes.printable(directory)
                  + " lies on "
                  + mount.printableType()
                  + ", which does not keep a store safely.",
              "Use a directory on one of " + StoreFileSystems.suitable() + "."));
    }
    // Plain directories are the same on all of these.
    if (!(layout instanceof StorageLayout.Ext4Subdirectories)
        && !mount.type().equals(layout.fileSystemType())) {
      return List.of(
          Problem.of(
              ErrorCode.UNSUITABLE_FILE_SYSTEM,
              "The storage "
                  + PathBytes.printable(directory)
                  + " lies on "
                  + mount.printableType()
                  + ", and the layout "
                  + layout.text()
                  + " needs "
                  + layout.fileSystemType()
                  + ".",
              "Use a directory on " + layout.fileSystemType() + ", or another layout."));
    }
    if (!mount.writable()) {
      return List.of(
          Problem.of(
              ErrorCode.WRONG_STORAGE,
              "The storage " + PathBytes.printable(directory) + " is mounted read-only.",
              "Look at the kernel's messages (dmesg) and mount it for writing."));
    }
    return List.of();
  }

  /** What is seen of the directory, suitable or not; empty when it is not there. */
  Optional<MountedStorage> look(MountedDirectory location, Operation operation)
      throws IOException, InterruptedException {
    Path directory = location.directory();
    if (!Files.isDirectory(directory)) {
      return Optional.empty();
    }
    MountTable.Mount mount = mountOf(directory);
    boolean device =
        mount.source().startsWith("/dev/") && Files.isReadable(Path.of(mount.source()));
    return Optional.of(
        new MountedStorage(
            directory,
            mount.source(),
            device ? devices.uuidOn(mount.source(), operation) : Optional.empty(),
            mount.type()));
  }

  /** Proves that the directory can be used, and that it is the right one where that is known. */
  MountedStorage prove(MountedDirectory location, SharedStorage storage, Operation operation)
      throws IOException, InterruptedException {
    Optional<UUID> expected = storage.fileSystemUuid();
    for (Problem problem : refusals(location, storage.layout())) {
      throw problem.code() == ErrorCode.WRONG_STORAGE
          ? new DiskException(problem)
          : new EnvironmentException(problem);
    }
    MountedStorage seen = look(location, operation).orElseThrow();
    if (expected.isPresent() && !expected.equals(seen.fileSystemUuid())) {
      throw new DiskException(
          Problem.of(
              ErrorCode.WRONG_STORAGE,
              "The file system of "
                  + PathBytes.printable(location.directory())
                  + " has the UUID "
                  + seen.fileSystemUuid().map(UUID::toString).orElse("that cannot be read")
                  + ", and the storage is known by "
                  + expected.get()
                  + ".",
              "Mount the right file system there, or correct the UUID."));
    }
    return seen;
  }

  private static MountTable.Mount mountOf(Path directory) throws IOException {
    return MountTable.ofThisProcess()
        .carrying(directory.toRealPath())
        .orElseThrow(() -> new IOException("No mount holds " + PathBytes.printable(directory)));
  }
}
