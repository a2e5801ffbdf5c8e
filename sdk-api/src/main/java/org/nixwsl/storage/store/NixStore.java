package org.nixwsl.storage.store;

import java.nio.file.Path;

/**
 * Where a Nix store lies on this machine: a directory that holds what {@code /nix} holds, that is
 * {@code store/} and {@code var/}. The paths inside, and in the database, are always the logical
 * {@code /nix/store/...}, wherever the directory is.
 *
 * @param directory the directory that holds {@code store} and {@code var}; absolute
 */
public record NixStore(Path directory) {
  /** Makes the directory absolute and normal; touches no file. */
  public NixStore {
    directory = directory.toAbsolutePath().normalize();
  }

  /**
   * The store of a root directory, which has it below {@code nix/}: {@code /} or a chroot store.
   */
  public static NixStore ofRoot(Path root) {
    return new NixStore(root.resolve("nix"));
  }

  /** The store in a directory that itself holds {@code store/} and {@code var/}. */
  public static NixStore ofNixDirectory(Path directory) {
    return new NixStore(directory);
  }

  /** The directory of the store paths, physically. */
  public Path storeDirectory() {
    return directory.resolve("store");
  }

  /** The directory of Nix's state: database, profiles, roots. */
  public Path stateDirectory() {
    return directory.resolve("var").resolve("nix");
  }

  /** The database file. */
  public Path database() {
    return stateDirectory().resolve("db").resolve("db.sqlite");
  }
}
