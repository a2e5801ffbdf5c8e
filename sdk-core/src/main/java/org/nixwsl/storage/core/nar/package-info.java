/**
 * Nix's archive format NAR, as far as its hash and its size need it: how a tree becomes one row of
 * bytes, and how the hash of that row is written. Hides the framing; no archive is ever stored.
 * Read {@link org.nixwsl.storage.core.nar.NarDigest} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.nar;
