package org.nixwsl.storage.core.nixconf;

import static java.util.Map.entry;

import java.util.Map;
import java.util.UUID;
import org.nixwsl.storage.config.NixModuleSettings;
import org.nixwsl.storage.core.escape.NixText;
import org.nixwsl.storage.core.platform.DiskFormat;

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
  private final Template data = new Template(Template.resource("nix-storage-data.nix.template"));
  private final String dataScript = script("nix-storage-data.sh");

  /** A renderer; reads its texts from the jar once. */
  public NixModuleRenderer() {}

  /** The text of the module. Equal settings give equal text. */
  public String render(NixModuleSettings settings) {
    DiskFormat format = DiskFormat.of(settings.layout());
    return module.fill(
        Map.ofEntries(
            entry("instance", NixText.quoted(settings.instance().value())),
            entry("mountName", NixText.quoted(settings.mountName().value())),
            entry("storageId", NixText.quoted(settings.storageId().toString())),
            entry(
                "fileSystemUuid",
                NixText.quoted(settings.fileSystemUuid().map(UUID::toString).orElse(""))),
            entry("fileSystemType", NixText.quoted(format.type())),
            entry("mountOptions", NixText.quoted(format.mountOptions())),
            entry("programs", ModuleSettingsText.programs(settings)),
            entry("waitSeconds", Integer.toString(settings.waitSeconds())),
            entry("verifySchedule", NixText.quoted(settings.verifySchedule())),
            entry("initTimeout", ModuleSettingsText.initTimeout(settings)),
            entry("storeSettings", ModuleSettingsText.blocks(settings)),
            entry("dataFunctions", dataFunctions(settings)),
            entry("dataAssertions", ModuleSettingsText.dataAssertions(settings)),
            entry("initScript", initScript),
            entry("seedScript", seedScript),
            entry("commandScript", commandScript)));
  }

  /** What data directories need of functions; nothing where there are none. */
  private String dataFunctions(NixModuleSettings settings) {
    return settings.dataDirectories().isEmpty()
        ? ""
        : data.fill(
            Map.of(
                "directories", ModuleSettingsText.directories(settings), "dataScript", dataScript));
  }

  private static String script(String resource) {
    return NixText.indented(Template.resource(resource), SCRIPT_MARGIN);
  }
}
