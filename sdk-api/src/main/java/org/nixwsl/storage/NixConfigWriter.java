package org.nixwsl.storage;

import java.nio.file.Path;
import org.nixwsl.storage.config.BootControl;
import org.nixwsl.storage.config.ConfigChange;
import org.nixwsl.storage.config.ConfigCheck;
import org.nixwsl.storage.config.NixModuleSettings;
import org.nixwsl.storage.config.WslConfigSettings;

/**
 * Writes the NixOS module with which an instance boots from the shared storage, and makes the
 * configuration import it. Thread-safe; two calls for one directory at the same time are not for
 * the SDK to sort out: the second fails with {@code CONFIG_CHANGED} or finds the work done.
 *
 * <p>A configuration directory is one that holds {@code configuration.nix}, such as {@code
 * /etc/nixos}, or {@code flake.nix}, or both. The calls that change one refuse a directory that
 * others than root and the caller can change, also through a directory above it ({@code
 * UNSAFE_CONFIG}): what stands there is run by root.
 */
public interface NixConfigWriter {
  /** The name of the module's file in the configuration directory. */
  String MODULE_FILE = "nix-storage.nix";

  /**
   * The text of {@code nix-storage.nix}: UTF-8, lines end with a line feed. Equal settings give
   * equal text. Touches no file.
   */
  String render(NixModuleSettings settings);

  /**
   * Writes the module into a configuration directory and adds its import to {@code
   * configuration.nix}. Nix parses both texts before a file is replaced. Nothing but the marked
   * import is added to the user's file, every other byte stays, and the file as it was is kept
   * beside it until {@link #remove}.
   *
   * <p>The import is added only where the file's own attribute set has one {@code imports = [} with
   * a list after it. Everywhere else, and for a flake, the report says what the user has to do.
   * Calling it again with the same settings changes nothing.
   *
   * @param directory absolute
   * @throws org.nixwsl.storage.error.EnvironmentException {@code NOT_FOUND}, {@code UNSAFE_CONFIG},
   *     {@code CONFIG_INVALID} if Nix cannot parse what is there or what would be, {@code
   *     TOOL_MISSING} without {@code nix-instantiate}
   * @throws org.nixwsl.storage.error.ConflictException {@code ALREADY_EXISTS} if another {@code
   *     nix-storage.nix} is there, {@code CONFIG_CHANGED} if a file changes meanwhile
   */
  ConfigChange write(Path directory, NixModuleSettings settings, RunOptions options);

  /** {@link #write(Path, NixModuleSettings, RunOptions)} that nobody follows. */
  default ConfigChange write(Path directory, NixModuleSettings settings) {
    return write(directory, settings, RunOptions.ofDefaults());
  }

  /**
   * Looks at a configuration and changes nothing in it: Nix parses the files; the SDK's own rules
   * are held against the texts of all {@code .nix} files of the directory itself; and where {@code
   * nixos-rebuild} is installed, {@code dry-build}, {@code dry-activate} and the rules on the
   * evaluated configuration. The last three can take minutes and fill the Nix store. What was not
   * run is in the result, with the reason.
   *
   * @param directory absolute
   * @throws org.nixwsl.storage.error.EnvironmentException {@code NOT_FOUND}, {@code UNSAFE_CONFIG}
   *     if a file is not a regular one or is larger than 1 MiB
   */
  ConfigCheck validate(Path directory, RunOptions options);

  /** {@link #validate(Path, RunOptions)} that nobody follows. */
  default ConfigCheck validate(Path directory) {
    return validate(directory, RunOptions.ofDefaults());
  }

  /**
   * Takes back what {@link #write} did: the marked import, the kept copy, the module. If nobody
   * changed the files meanwhile, they are as they were before, byte for byte. An import that the
   * user wrote is the user's to remove; the report says so, and the module stays until then.
   *
   * <p>It does not look at how the instance boots: see {@code docs/nixos-module.md} for what has to
   * happen before.
   *
   * @param directory absolute
   * @throws org.nixwsl.storage.error.StorageSdkException as for {@link #write}
   */
  ConfigChange remove(Path directory, RunOptions options);

  /** {@link #remove(Path, RunOptions)} that nobody follows. */
  default ConfigChange remove(Path directory) {
    return remove(directory, RunOptions.ofDefaults());
  }

  /**
   * How the instance boots that this process runs in. Works on Linux, where it needs root.
   *
   * @throws org.nixwsl.storage.error.EnvironmentException {@code UNSUPPORTED_PLATFORM} on Windows
   */
  BootControl bootControl();

  /**
   * How an instance of this Windows user boots. Works on Windows, through {@code wsl.exe}, which
   * starts the instance for it if it does not run. (Run against stand-ins for {@code wsl.exe} so
   * far.)
   *
   * @param distribution the name of the instance, as WSL knows it
   * @throws org.nixwsl.storage.error.EnvironmentException {@code UNSUPPORTED_PLATFORM} on Linux
   */
  BootControl bootControl(String distribution);

  /**
   * The text of a {@code .wslconfig} with these settings in it. Lines of others keep every byte,
   * and their order; comments and line ends stay. A key that is there gets its value changed where
   * it stands; a missing one is added to its section. Touches no file. Calling it with its own
   * result gives the same text.
   *
   * @param present the file as it is; empty if there is none. UTF-8 with or without a byte order
   *     mark, or any other encoding that agrees with ASCII
   * @throws org.nixwsl.storage.error.EnvironmentException {@code BAD_SETTING} if the text is UTF-16
   *     or larger than 1 MiB
   */
  byte[] mergeWslConfig(byte[] present, WslConfigSettings settings);
}
