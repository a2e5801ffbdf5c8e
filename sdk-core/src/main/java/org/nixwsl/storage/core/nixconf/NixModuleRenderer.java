package org.nixwsl.storage.core.nixconf;

import java.util.Map;
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
 * <p>What the module cannot do yet:
 *
 * <ul>
 *   <li>Activation by {@code nixos-rebuild test} copies the system to the root disk before it moves
 *       {@code /sbin/init}, but after {@code /etc} and {@code /bin} were moved. At boot the hook
 *       asks whether the root disk has the directory of the disk's system, not whether Nix there
 *       calls it valid.
 *   <li>The seed pins no generation by a name of its own and is never collected, so that it grows.
 *   <li>The hook starts the shim it was built with, not the one of the system that it boots.
 *   <li>No lease: nothing keeps a cloned instance from using the same directory.
 *   <li>No epoch: a disk or root disk restored from a backup is not noticed.
 *   <li>A disk that is attached but not mounted under WSL's share is not mounted by the hook.
 *   <li>The seed is synced to the device, but its contents are not proven by their hashes.
 * </ul>
 */
public final class NixModuleRenderer {
  /** Two spaces more than the {@code let} that the scripts stand in. */
  private static final int SCRIPT_MARGIN = 4;

  private final Template module = new Template(Template.resource("nix-storage.nix.template"));
  private final String initScript = script("nix-storage-init.sh");
  private final String seedScript = script("nix-storage-seed.sh");

  /** A renderer; reads its texts from the jar once. */
  public NixModuleRenderer() {}

  /** The text of the module. Equal settings give equal text. */
  public String render(NixModuleSettings settings) {
    return module.fill(
        Map.of(
            "instance", NixText.quoted(settings.instance().value()),
            "mountName", NixText.quoted(settings.mountName().value()),
            "storageId", NixText.quoted(settings.storageId().toString()),
            "waitSeconds", Integer.toString(settings.waitSeconds()),
            "initScript", initScript,
            "seedScript", seedScript));
  }

  private static String script(String resource) {
    return NixText.indented(Template.resource(resource), SCRIPT_MARGIN);
  }
}
