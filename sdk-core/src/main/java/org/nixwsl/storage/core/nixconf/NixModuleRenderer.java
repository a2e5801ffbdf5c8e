package org.nixwsl.storage.core.nixconf;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.nixwsl.storage.config.NixModuleSettings;
import org.nixwsl.storage.core.escape.NixText;

/**
 * Renders {@code nix-storage.nix}, the NixOS module with which an instance boots from its directory
 * on the shared disk: a hook before systemd, a copy of each system on the root disk (the seed) for
 * the day the disk is away, and a rescue boot from there. Thread-safe; touches no file.
 *
 * <p>The hook and the seed copier are shell scripts of their own, embedded as Nix strings; only
 * {@link NixText} writes literals.
 *
 * <p>What the module does and does not: {@code docs/nixos-module.md}.
 */
public final class NixModuleRenderer {
  /** Two spaces more than the {@code let} that the scripts stand in. */
  private static final int SCRIPT_MARGIN = 4;

  private final Template module = new Template(Template.resource("nix-storage.nix.template"));
  private final String initScript = script("nix-storage-init.sh");
  private final String seedScript = script("nix-storage-seed.sh");
  private final String commandScript = script("nix-storage-command.sh");

  /** A renderer; reads its texts from the jar once. */
  public NixModuleRenderer() {}

  /** The text of the module. Equal settings give equal text. */
  public String render(NixModuleSettings settings) {
    return module.fill(
        Map.of(
            "instance", NixText.quoted(settings.instance().value()),
            "mountName", NixText.quoted(settings.mountName().value()),
            "storageId", NixText.quoted(settings.storageId().toString()),
            "fileSystemUuid",
                NixText.quoted(settings.fileSystemUuid().map(UUID::toString).orElse("")),
            "waitSeconds", Integer.toString(settings.waitSeconds()),
            "verifySchedule", NixText.quoted(settings.verifySchedule()),
            "storeSettings", storeSettings(settings),
            "initScript", initScript,
            "seedScript", seedScript,
            "commandScript", commandScript));
  }

  /** What was asked for beyond the boot: a block of its own, or nothing at all. */
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
    if (lines.isEmpty()) {
      return "";
    }
    StringBuilder block = new StringBuilder("\n  # Settings for a store on a disk of its own.\n");
    lines.forEach(line -> block.append("  ").append(line).append(";\n"));
    return block.toString();
  }

  private static String script(String resource) {
    return NixText.indented(Template.resource(resource), SCRIPT_MARGIN);
  }
}
