/**
 * Writes the NixOS configuration. Hides the text of the generated module and of its scripts, which
 * lie beside the classes as resources. Read {@link
 * org.nixwsl.storage.core.nixconf.NixModuleRenderer} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.nixconf;
