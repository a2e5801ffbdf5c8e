package org.nixwsl.storage.core.nixwire;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.core.io.Caller;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;

/**
 * A directory with a NixOS configuration, and who may touch what is in it. Symlinks are not
 * followed, neither here nor on the way here.
 *
 * @param path absolute and without {@code ..}
 */
record ConfigDirectory(Path path) {
  /** Far beyond any configuration; larger ones would only fill the heap. */
  private static final int LARGEST = 1 << 20;

  private static final int MOST_FILES = 64;
  private static final int GROUP_WRITES = 0020;
  private static final int OTHERS_WRITE = 0002;
  private static final int STICKY = 01000;
  private static final int TYPE = 0170000;
  private static final int REGULAR = 0100000;
  private static final int DIRECTORY = 0040000;

  /** Finds a directory that has a configuration in it. */
  static ConfigDirectory of(Path path) throws IOException {
    if (!path.isAbsolute()) {
      throw new IllegalArgumentException(
          "A configuration directory has to be an absolute path: " + PathBytes.printable(path));
    }
    ConfigDirectory directory = new ConfigDirectory(path.normalize());
    if (!directory.has(directory.configuration()) && !directory.isFlake()) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.NOT_FOUND,
              "There is no NixOS configuration in "
                  + PathBytes.printable(path)
                  + ": neither configuration.nix nor flake.nix.",
              "Name the directory that holds it, such as /etc/nixos."));
    }
    return directory;
  }

  Path configuration() {
    return path.resolve("configuration.nix");
  }

  Path module() {
    return path.resolve(NixConfigWriter.MODULE_FILE);
  }

  /** Does not end in .nix, so that nothing imports it with the rest of the directory. */
  Path copyOfConfiguration() {
    return path.resolve("configuration.nix.before-nix-storage");
  }

  boolean isFlake() {
    return has(path.resolve("flake.nix"));
  }

  boolean has(Path file) {
    return Files.exists(file, LinkOption.NOFOLLOW_LINKS);
  }

  /**
   * Refuses a directory in which, or on the way to which, others could put something in the place
   * of what the caller writes and Nix then runs as root.
   */
  void requireOwn() throws IOException {
    if (!path.getFileSystem().supportedFileAttributeViews().contains("unix")) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.UNSUPPORTED_PLATFORM,
              "A NixOS configuration is changed where it is: on Linux.",
              "Run this inside the instance."));
    }
    for (@Nullable Path p = path; p != null; p = p.getParent()) {
      String why = whyNotOwn(p, DIRECTORY, !p.equals(path));
      if (!why.isEmpty()) {
        throw unsafe(p, why);
      }
    }
  }

  /** Why a file of the directory is not the caller's to change; empty if it is. */
  String whyNotOwnFile(Path file) throws IOException {
    return whyNotOwn(file, REGULAR, false);
  }

  private static String whyNotOwn(Path file, int type, boolean stickyCounts) throws IOException {
    Map<String, Object> facts =
        Files.readAttributes(file, "unix:mode,uid", LinkOption.NOFOLLOW_LINKS);
    int mode = number(facts, "mode");
    int uid = number(facts, "uid");
    if ((mode & TYPE) != type) {
      return type == DIRECTORY ? "is a symlink or no directory" : "is a symlink or no regular file";
    }
    if (uid != Caller.ROOT && uid != Caller.uid()) {
      return "belongs to another user";
    }
    // Root's group too: where a file has an access list, these bits are what others may have by it.
    boolean group = (mode & GROUP_WRITES) != 0;
    boolean others = (mode & OTHERS_WRITE) != 0;
    boolean sticky = stickyCounts && (mode & STICKY) != 0;
    return (group || others) && !sticky ? "can be changed by other users" : "";
  }

  private static int number(Map<String, Object> facts, String name) {
    return (Integer) Objects.requireNonNull(facts.get(name), name);
  }

  /** The bytes of a file of the directory. */
  byte[] read(Path file) throws IOException {
    if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
      throw unsafe(file, "is a symlink or no regular file");
    }
    try (InputStream in = Files.newInputStream(file, LinkOption.NOFOLLOW_LINKS)) {
      byte[] bytes = in.readNBytes(LARGEST + 1);
      if (bytes.length > LARGEST) {
        throw unsafe(file, "is larger than 1 MiB");
      }
      return bytes;
    }
  }

  /** {@link #read}, where the file need not be there. */
  Optional<byte[]> readIfThere(Path file) throws IOException {
    try {
      return has(file) ? Optional.of(read(file)) : Optional.empty();
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }

  /**
   * The regular {@code .nix} files of the directory itself in the order of their names, at most 64;
   * the module is not among them.
   */
  List<Path> nixFiles() throws IOException {
    List<Path> files = new ArrayList<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(path, "*.nix")) {
      for (Path entry : entries) {
        if (files.size() < MOST_FILES
            && !entry.equals(module())
            && Files.isRegularFile(entry, LinkOption.NOFOLLOW_LINKS)) {
          files.add(entry);
        }
      }
    }
    files.sort(null);
    return files;
  }

  private static EnvironmentException unsafe(Path file, String why) {
    return new EnvironmentException(
        Problem.of(
            ErrorCode.UNSAFE_CONFIG,
            "The configuration is not touched: " + PathBytes.printable(file) + " " + why + ".",
            "Name the directory by its own path, and let root alone, or you alone, change it and"
                + " all above it; or put the module there yourself."));
  }
}
