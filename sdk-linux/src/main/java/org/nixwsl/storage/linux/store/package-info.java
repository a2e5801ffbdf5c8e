/**
 * A Nix store on disk: its database, its trees and its locks, all of them only read. Hides SQLite,
 * the order of a walk and the way to take part in Nix's locking. Read {@link
 * org.nixwsl.storage.linux.store.StoreDatabase} and {@link
 * org.nixwsl.storage.linux.store.TreeWalker} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.linux.store;
