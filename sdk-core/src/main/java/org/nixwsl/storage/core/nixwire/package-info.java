/**
 * Puts the module into a NixOS configuration, takes it out again, and looks at the configuration.
 * Hides how a user's Nix file is read and edited. Read {@link
 * org.nixwsl.storage.core.nixwire.NixConfigEngine} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.nixwire;
