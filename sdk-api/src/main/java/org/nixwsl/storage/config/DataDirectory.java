package org.nixwsl.storage.config;

import java.util.List;
import java.util.regex.Pattern;

/**
 * A directory other than {@code /nix} that an instance has on the shared disk, for instance {@code
 * /var/lib/postgresql}. On the disk it is {@code .nixwsl/data/INSTANCE} and the same path below.
 *
 * @param path where it is in the instance: absolute, without empty parts, {@code .} and {@code ..};
 *     letters, digits and {@code . _ - + @ : = ,}; at most 200 characters in the name that systemd
 *     makes of it, in which each of {@code - + @ = ,} counts four
 */
public record DataDirectory(String path) {
  /**
   * A unit's name has 255 characters (systemd.unit(5)), of which the ones before and after need 50.
   */
  private static final int LONGEST_NAME = 200;

  private static final Pattern PATH = Pattern.compile("(/[A-Za-z0-9._+@:=,-]+)+");

  /** What has to be in place before systemd mounts, or belongs to the system. */
  private static final List<String> OF_THE_SYSTEM =
      List.of(
          "/nix",
          "/etc",
          "/run",
          "/proc",
          "/sys",
          "/dev",
          "/mnt",
          "/bin",
          "/sbin",
          "/lib",
          "/lib64",
          "/usr",
          "/boot",
          "/init",
          "/var/lib/nix-storage",
          "/var/lib/nixos",
          "/var/lib/systemd",
          "/var/log/journal");

  /** Refuses a path that is none, or that must not be mounted over. */
  public DataDirectory {
    if (!PATH.matcher(path).matches()) {
      throw new IllegalArgumentException(
          "Not an absolute path of plain names for a data directory: '" + path + "'");
    }
    for (String part : path.substring(1).split("/", -1)) {
      if (part.equals(".") || part.equals("..")) {
        throw new IllegalArgumentException("A data directory has dots for a name: " + path);
      }
    }
    if (path.length() + 3 * path.chars().filter(c -> "-+@=,".indexOf(c) >= 0).count()
        > LONGEST_NAME) {
      throw new IllegalArgumentException("The path of a data directory is too long: " + path);
    }
    for (String system : OF_THE_SYSTEM) {
      if (within(path, system) || within(system, path)) {
        throw new IllegalArgumentException(
            "No data directory can be mounted on " + path + ": the system needs " + system);
      }
    }
  }

  /** The directory that is there in the instance. */
  public static DataDirectory of(String path) {
    return new DataDirectory(path);
  }

  /** Whether one of the two is the other, or lies in it. */
  public boolean overlaps(DataDirectory other) {
    return within(path, other.path) || within(other.path, path);
  }

  private static boolean within(String path, String directory) {
    return path.equals(directory) || path.startsWith(directory + "/");
  }

  @Override
  public String toString() {
    return path;
  }
}
