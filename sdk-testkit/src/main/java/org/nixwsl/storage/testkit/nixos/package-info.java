/**
 * A system like NixOS on WSL, small enough to be built in seconds and without a network, for
 * instances that are containers.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.testkit.nixos;
