/**
 * For tests of programs that embed the SDK, and of the SDK itself: small Nix stores made in plain
 * Java, whole ones and damaged ones. Needs no Nix. Read {@link
 * org.nixwsl.storage.testkit.StoreFixture} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.testkit;
