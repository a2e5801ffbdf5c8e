package org.nixwsl.storage.core.nixconf;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.nixwsl.storage.config.DataDirectory;
import org.nixwsl.storage.config.NixModuleSettings;
import org.nixwsl.storage.config.WslConfOption;
import org.nixwsl.storage.core.escape.IniText;
import org.nixwsl.storage.core.escape.NixText;
import org.nixwsl.storage.core.escape.SystemdText;
import org.nixwsl.storage.mount.StorageLayout;

/**
 * The settings that the module has only when they are asked for: each makes a block of its own, or
 * nothing at all.
 */
final class ModuleSettingsText {
  /**
   * How long WSL waits for systemd, in milliseconds, when nothing else is said: longer than the
   * hook may wait and what systemd needs after it.
   */
  private static final String INIT_TIMEOUT = "40000";

  private ModuleSettingsText() {}

  static String initTimeout(NixModuleSettings settings) {
    return settings.wslConf().getOrDefault(WslConfOption.BOOT_INIT_TIMEOUT, INIT_TIMEOUT);
  }

  /** All blocks, each after an empty line. */
  static String blocks(NixModuleSettings settings) {
    return storeSettings(settings)
        + seedSettings(settings)
        + dataSettings(settings)
        + wslConf(settings);
  }

  private static String storeSettings(NixModuleSettings settings) {
    List<String> lines = new ArrayList<>();
    settings
        .autoOptimiseStore()
        .ifPresent(on -> lines.add("nix.settings.auto-optimise-store = " + on));
    settings.fsyncStorePaths().ifPresent(on -> lines.add("nix.settings.fsync-store-paths = " + on));
    settings.minFree().ifPresent(size -> lines.add("nix.settings.min-free = " + size.bytes()));
    settings.maxFree().ifPresent(size -> lines.add("nix.settings.max-free = " + size.bytes()));
    settings
        .gcSchedule()
        .ifPresent(
            schedule -> {
              lines.add("nix.gc.automatic = true");
              lines.add("nix.gc.dates = " + NixText.quoted(schedule));
            });
    settings
        .gcOlderThanDays()
        .ifPresent(
            days ->
                lines.add(
                    "nix.gc.options = " + NixText.quoted("--delete-older-than " + days + "d")));
    return block("Settings for a store on a disk of its own.", lines);
  }

  /** What the SDK needs inside of the instance besides the module's own program. */
  static String programs(NixModuleSettings settings) {
    return settings.layout() instanceof StorageLayout.BtrfsSubvolumes ? " pkgs.btrfs-progs" : "";
  }

  private static String seedSettings(NixModuleSettings settings) {
    if (settings.seedGenerations().isEmpty()) {
      return "";
    }
    return """

      # Old systems leave the root disk, save for the one from before the move and the one that /etc
      # and /bin name; nothing does until the old store is given up (nix-storage release-old-store).
      systemd.services.nix-storage-prune-seed = {
        description = "Remove old systems from the root disk";
        startAt = "weekly";
        unitConfig.ConditionPathExists = [ active "${stateDir}/old-store-released" ];
        serviceConfig = {
          Type = "oneshot";
          Nice = 19;
          IOSchedulingClass = "idle";
        };
        script = "exec ${command}/bin/nix-storage prune-seed %d";
      };
      systemd.timers.nix-storage-prune-seed.timerConfig.Persistent = true;
    """
        .formatted(settings.seedGenerations().getAsInt());
  }

  private static String dataSettings(NixModuleSettings settings) {
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < settings.dataDirectories().size(); i++) {
      lines.add(
          "systemd.services."
              + NixText.quoted(waitUnit(settings.dataDirectories().get(i)))
              + " = waitForData (builtins.elemAt dataDirectories "
              + i
              + ")");
    }
    if (!lines.isEmpty()) {
      lines.add("systemd.mounts = map mountData dataDirectories");
      lines.add("system.build.nixStorageData = dataScript");
    }
    return block("Directories of the shared disk besides the store.", lines);
  }

  /** The elements of the list in the module's text. */
  static String directories(NixModuleSettings settings) {
    StringBuilder text = new StringBuilder();
    for (DataDirectory directory : settings.dataDirectories()) {
      text.append("    { where = ")
          .append(NixText.quoted(directory.path()))
          .append("; wait = ")
          .append(NixText.quoted(waitUnit(directory)))
          .append("; }\n");
    }
    return text.toString();
  }

  /** More assertions, for what only the evaluation knows. */
  static String dataAssertions(NixModuleSettings settings) {
    return settings.dataDirectories().isEmpty()
        ? ""
        : " ++ map (directory: {\n"
            + "    assertion = !lib.hasPrefix \"${shareRoot}/\" \"${directory.where}/\""
            + " && !(config.fileSystems ? ${directory.where});\n"
            + "    message = \"nix-storage.nix mounts ${directory.where}: it must not lie below"
            + " ${shareRoot}, and fileSystems must not have it too.\";\n"
            + "  }) dataDirectories";
  }

  private static String waitUnit(DataDirectory directory) {
    return "nix-storage-data-" + SystemdText.path(directory.path());
  }

  private static String wslConf(NixModuleSettings settings) {
    List<String> lines = new ArrayList<>();
    for (Map.Entry<WslConfOption, String> option : settings.wslConf().entrySet()) {
      if (option.getKey() != WslConfOption.BOOT_INIT_TIMEOUT) {
        lines.add(
            "wsl.wslConf."
                + option.getKey()
                + " = lib.mkDefault "
                + value(option.getKey(), option.getValue()));
      }
    }
    return block(
        "Options of /etc/wsl.conf. What configuration.nix says of the same option counts more.",
        lines);
  }

  private static String value(WslConfOption option, String value) {
    return switch (option.kind()) {
      case BOOLEAN -> Boolean.toString(value.equalsIgnoreCase("true") || value.equals("1"));
      // In another form than Nix has, such as 0022, it stays text, which WSL reads as a number.
      case INTEGER -> value.matches("0|-?[1-9][0-9]*") ? value : NixText.quoted(value);
      // NixOS writes text as it is; this is the form that WSL reads as the text that was meant.
      case TEXT -> NixText.quoted(IniText.value(value));
    };
  }

  private static String block(String comment, List<String> lines) {
    if (lines.isEmpty()) {
      return "";
    }
    StringBuilder block = new StringBuilder("\n  # ").append(comment).append('\n');
    lines.forEach(line -> block.append("  ").append(line).append(";\n"));
    return block.toString();
  }
}
