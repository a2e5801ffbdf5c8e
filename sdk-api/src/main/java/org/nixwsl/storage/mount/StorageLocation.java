package org.nixwsl.storage.mount;

import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Where the shared storage is. New members may come in a minor release: decide with {@code
 * instanceof} and keep a branch for the rest.
 */
public sealed interface StorageLocation
    permits StorageLocation.VhdxFile,
        StorageLocation.MountedDirectory,
        StorageLocation.PhysicalDisk {
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

  /**
   * A physical disk of Windows, passed through to WSL. Attaching it needs administrator rights, and
   * Windows must not use it. It is mounted, never formatted.
   *
   * @param device its name, such as {@code \\.\PHYSICALDRIVE1} ({@code Get-CimInstance
   *     Win32_DiskDrive} lists them); it can change when disks are added
   * @param partition the number of the partition from 1 to 255; empty for a file system on the
   *     whole disk
   */
  record PhysicalDisk(String device, Optional<Integer> partition) implements StorageLocation {
    private static final Pattern DEVICE =
        Pattern.compile("\\\\\\\\\\.\\\\PHYSICALDRIVE[0-9]{1,4}", Pattern.CASE_INSENSITIVE);

    /** Refuses what is no physical disk; writes the name in capitals. */
    public PhysicalDisk {
      if (!DEVICE.matcher(device).matches()) {
        throw new IllegalArgumentException(
            "Not a physical disk: '" + device + "'. Use \\\\.\\PHYSICALDRIVE and a number.");
      }
      if (partition.filter(number -> number < 1 || number > 255).isPresent()) {
        throw new IllegalArgumentException("Not the number of a partition: " + partition.get());
      }
      device = device.toUpperCase(Locale.ROOT);
    }

    /** Disk and partition for people. */
    public String words() {
      return partition.map(number -> "partition " + number + " of ").orElse("") + device;
    }
  }
}
