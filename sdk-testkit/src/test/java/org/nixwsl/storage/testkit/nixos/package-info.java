/** Instances like NixOS. */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.testkit.nixos;
