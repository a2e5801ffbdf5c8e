package org.nixwsl.storage.mount;

import java.nio.file.Path;

/**
 * Where the shared storage is. New members may come in a minor release: decide with {@code
 * instanceof} and keep a branch for the rest.
 */
public sealed interface StorageLocation
    permits StorageLocation.VhdxFile, StorageLocation.MountedDirectory {
  /**
   * A VHDX file, attached by the SDK: through {@code wsl --mount --vhd} on Windows, through a loop
   * device on Linux.
   *
   * @param file the file; absolute
   */
  record VhdxFile(Path file) implements StorageLocation {
    /** Makes the path absolute and normal; touches no file. */
    public VhdxFile {
      file = file.toAbsolutePath().normalize();
    }
  }

  /**
   * A directory on a Linux file system that is mounted already and stays mounted.
   *
   * @param directory the directory; absolute
   */
  record MountedDirectory(Path directory) implements StorageLocation {
    /** Makes the path absolute and normal; touches no file. */
    public MountedDirectory {
      directory = directory.toAbsolutePath().normalize();
    }
  }
}
