package org.nixwsl.storage.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options of every benchmark that needs a store. */
final class Settings {
  @Option(
      names = "--runs",
      defaultValue = "3",
      paramLabel = "N",
      description = "How often each contestant runs; ${DEFAULT-VALUE} when not given.")
  private int runs;

  @Option(
      names = "--size",
      defaultValue = "small",
      paramLabel = "SIZE",
      description =
          "How large the made store is: small, medium or large, that is 400, 1000 or 4000 packages of"
              + " 60 files and 1.5 MB each before identical files are linked; ${DEFAULT-VALUE} when"
              + " not given.")
  private Size size = Size.small;

  /** Sizes of a made store, as they are written. */
  private enum Size {
    small(400),
    medium(1000),
    large(4000);

    private final int packages;

    Size(int packages) {
      this.packages = packages;
    }
  }

  @Option(
      names = "--store",
      paramLabel = "ROOT",
      description =
          "An existing chroot store (a directory that holds nix/) instead of a made one. It is only"
              + " read.")
  private @Nullable Path store;

  @Option(
      names = "--work",
      paramLabel = "DIR",
      description =
          "Where the made store is kept and the loop files are; ~/.cache/nixwsl-bench when not"
              + " given. Needs room for twice the store and 1 GiB.")
  private @Nullable Path work;

  @Option(
      names = "--jdk",
      paramLabel = "HOME",
      description =
          "A JDK that runs ours as well, beside the one that measures; ./dev gives JDK 25 if it finds"
              + " one.")
  private @Nullable Path otherJdk;

  Settings() {}

  /** How often each contestant runs, at least once. */
  int runs() {
    return Math.max(1, runs);
  }

  /** How many packages a made store has. */
  int packages() {
    return size.packages;
  }

  /** Another JDK to run ours on as well. */
  Optional<Path> otherJdk() {
    return Optional.ofNullable(otherJdk);
  }

  /** The root of the store that was given, if one was. */
  Optional<Path> store() {
    return Optional.ofNullable(store).map(root -> root.toAbsolutePath().normalize());
  }

  /** The work directory; made, private, when it is not there. */
  Path work() throws IOException {
    Path directory =
        Objects.requireNonNullElseGet(
            work, () -> Path.of(System.getProperty("user.home"), ".cache", "nixwsl-bench"));
    directory = directory.toAbsolutePath().normalize();
    if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
      Files.createDirectories(Objects.requireNonNull(directory.getParent()));
      // Refuses what someone else may have put there, such as a symlink in /tmp.
      Files.createDirectory(
          directory,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    }
    return directory;
  }
}
