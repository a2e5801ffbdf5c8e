/**
 * Copies a Nix store: every store path with its hard links, hashed while it is read, then the state
 * of Nix, then the database. Hides how a copy is kept crash-safe and taken up again: private names,
 * one sync for many paths, a journal in the target. Read {@link
 * org.nixwsl.storage.linux.copy.LinuxStoreHost} first, then {@code LinuxCopySession}.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.linux.copy;
