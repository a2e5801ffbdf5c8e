package org.nixwsl.storage.config;

/**
 * A rule that a configuration breaks.
 *
 * @param rule which
 * @param basis what was looked at
 * @param where the file and line, as {@code configuration.nix:12}, or the option
 * @param message what is wrong and what to write instead
 */
public record ConfigFinding(Rule rule, Basis basis, String where, String message) {
  /** What an instance needs to boot from the shared storage, and what would break that. */
  public enum Rule {
    /**
     * {@code fileSystems} has {@code /nix} or {@code /nix/store}. A mount of systemd's comes after
     * the activation and hides the store it runs from.
     */
    STORE_IN_FILE_SYSTEMS,
    /** A mount or automount unit of systemd mounts {@code /nix} or {@code /nix/store}. */
    STORE_MOUNT_UNIT,
    /**
     * {@code wsl.wslConf.boot.command} mounts something on {@code /nix}. WSL runs it beside the
     * start of systemd, in no order with it.
     */
    STORE_MOUNT_COMMAND,
    /** {@code wsl.wslConf.automount.mountFsTab} is on: WSL mounts before the disk can be there. */
    MOUNT_FSTAB,
    /**
     * {@code wsl.wslConf.boot.initTimeout} is under 40 000 ms: a boot waits up to 15 s for the
     * disk, and WSL's own 10 s come on top of what systemd takes.
     */
    INIT_TIMEOUT,
    /** A key of {@code wsl.wslConf} that WSL does not know, which NixOS does not notice. */
    UNKNOWN_WSL_CONF_KEY,
    /** The module is there and the configuration does not import it, as far as its text shows. */
    MODULE_NOT_IMPORTED
  }

  /** What was looked at. */
  public enum Basis {
    /** The text of a file, so that what other files and functions make of it is not known. */
    TEXT,
    /** The configuration as Nix evaluates it. */
    EVALUATED
  }
}
