/**
 * Nix itself, for tests and demonstrations: it makes stores and gives second opinions. Read {@link
 * org.nixwsl.storage.testkit.nix.NixProgram} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.testkit.nix;
