package org.nixwsl.storage;

import org.nixwsl.storage.config.NixModuleSettings;

/** Writes the NixOS module with which an instance boots from the shared storage. Thread-safe. */
public interface NixConfigWriter {
  /**
   * The text of {@code nix-storage.nix}: UTF-8, lines end with a line feed. Equal settings give
   * equal text. Touches no file.
   */
  String render(NixModuleSettings settings);
}
