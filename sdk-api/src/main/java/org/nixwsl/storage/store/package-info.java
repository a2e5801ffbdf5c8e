/**
 * Nix stores: where they are, how they are verified and copied. Read {@link
 * org.nixwsl.storage.store.NixStore} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.store;
