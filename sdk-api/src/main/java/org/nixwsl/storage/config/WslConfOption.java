package org.nixwsl.storage.config;

import java.util.Arrays;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The keys of {@code /etc/wsl.conf} that WSL knows, as of WSL 2.9. NixOS writes that file from the
 * option {@code wsl.wslConf} and takes any key there; WSL ignores the ones it does not know. Names
 * are compared without regard to case, as WSL does.
 */
public enum WslConfOption {
  /** Mount the Windows drives. */
  AUTOMOUNT_ENABLED("automount", "enabled", Type.BOOLEAN),
  /** The directory of the Windows drives and of WSL's share. */
  AUTOMOUNT_ROOT("automount", "root", Type.TEXT),
  /** Options of the mounts of Windows drives. */
  AUTOMOUNT_OPTIONS("automount", "options", Type.TEXT),
  /** Mount what {@code /etc/fstab} lists, before systemd. */
  AUTOMOUNT_MOUNT_FSTAB("automount", "mountFsTab", Type.BOOLEAN),
  /** Run {@code ldconfig} for the drivers of Windows. */
  AUTOMOUNT_LDCONFIG("automount", "ldconfig", Type.BOOLEAN),
  /** {@code v1} or {@code v2}. */
  AUTOMOUNT_CGROUPS("automount", "cgroups", Type.CGROUPS),
  /** The mask of new files, octal. */
  FILESYSTEM_UMASK("filesystem", "umask", Type.INTEGER),
  /** Let Windows programs be started. */
  INTEROP_ENABLED("interop", "enabled", Type.BOOLEAN),
  /** Add the path of Windows to the path. */
  INTEROP_APPEND_WINDOWS_PATH("interop", "appendWindowsPath", Type.BOOLEAN),
  /** Write {@code /etc/hosts}. */
  NETWORK_GENERATE_HOSTS("network", "generateHosts", Type.BOOLEAN),
  /** Write {@code /etc/resolv.conf}. */
  NETWORK_GENERATE_RESOLV_CONF("network", "generateResolvConf", Type.BOOLEAN),
  /** The host name. */
  NETWORK_HOSTNAME("network", "hostname", Type.TEXT),
  /** Follow the time zone of Windows. */
  TIME_USE_WINDOWS_TIMEZONE("time", "useWindowsTimezone", Type.BOOLEAN),
  /** Serve the files to Windows. */
  FILE_SERVER_ENABLED("fileServer", "enabled", Type.BOOLEAN),
  /** The log of that server. */
  FILE_SERVER_LOG_FILE("fileServer", "logFile", Type.TEXT),
  /** How much it logs. */
  FILE_SERVER_LOG_LEVEL("fileServer", "logLevel", Type.INTEGER),
  /** Whether the log begins anew. */
  FILE_SERVER_LOG_TRUNCATE("fileServer", "logTruncate", Type.BOOLEAN),
  /** Let programs use the graphics card. */
  GPU_ENABLED("gpu", "enabled", Type.BOOLEAN),
  /** Add the path of its libraries. */
  GPU_APPEND_LIB_PATH("gpu", "appendLibPath", Type.BOOLEAN),
  /** Who is logged in when nobody is named. */
  USER_DEFAULT("user", "default", Type.TEXT),
  /** Run by the shell beside the start of systemd. */
  BOOT_COMMAND("boot", "command", Type.TEXT),
  /** Start systemd. */
  BOOT_SYSTEMD("boot", "systemd", Type.BOOLEAN),
  /** How long WSL waits for systemd, in milliseconds. */
  BOOT_INIT_TIMEOUT("boot", "initTimeout", Type.INTEGER),
  /** Keep a peer's shutdown from clearing binary formats. */
  BOOT_PROTECT_BINFMT("boot", "protectBinfmt", Type.BOOLEAN),
  /** Show graphical programs. */
  GENERAL_GUI_APPLICATIONS("general", "guiApplications", Type.BOOLEAN);

  private final String section;
  private final String key;
  private final Type type;

  WslConfOption(String section, String key, Type type) {
    this.section = section;
    this.key = key;
    this.type = type;
  }

  /** The section without brackets. */
  public String section() {
    return section;
  }

  /** The key in its section. */
  public String key() {
    return key;
  }

  /** The option of that name, if WSL knows one. */
  public static Optional<WslConfOption> find(String section, String key) {
    return Arrays.stream(values())
        .filter(o -> o.section.equalsIgnoreCase(section) && o.key.equalsIgnoreCase(key))
        .findFirst();
  }

  /**
   * The option of that name.
   *
   * @throws IllegalArgumentException if WSL knows none
   */
  public static WslConfOption of(String section, String key) {
    return find(section, key)
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "WSL knows no option " + section + "." + key + " in wsl.conf"));
  }

  /** Whether WSL takes this value for this option. */
  public boolean accepts(String value) {
    return type.pattern.matcher(value).matches();
  }

  /** What its values are. */
  public Kind kind() {
    return switch (type) {
      case BOOLEAN -> Kind.BOOLEAN;
      case INTEGER -> Kind.INTEGER;
      case CGROUPS, TEXT -> Kind.TEXT;
    };
  }

  /** What the values of an option are. */
  public enum Kind {
    /** On or off. */
    BOOLEAN,
    /** A whole number. */
    INTEGER,
    /** Words. */
    TEXT
  }

  @Override
  public String toString() {
    return section + "." + key;
  }

  private enum Type {
    /** WSL reads these words and numbers, in any case. */
    BOOLEAN("(?i)true|false|1|0"),
    /** As the C function strtol reads it with base 0, in 31 bits. */
    INTEGER("[+-]?(0[xX][0-9a-fA-F]{1,7}|[0-9]{1,9})"),
    CGROUPS("(?i)v1|v2"),
    /** What an ini value can hold; see the escaping of such values. */
    TEXT("[\\x20-\\x7e\\t\\n]*");

    private final Pattern pattern;

    Type(String pattern) {
      this.pattern = Pattern.compile(pattern);
    }
  }
}
