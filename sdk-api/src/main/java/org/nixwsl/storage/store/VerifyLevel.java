package org.nixwsl.storage.store;

/** How deep a verification looks. Each level finds what the ones before it find. */
public enum VerifyLevel {
  /** The database and one directory listing: missing and unregistered paths. */
  EXISTENCE,
  /** The metadata of every file: truncation, lost files, executable bits, types. */
  SIZES,
  /** Every byte, once: the NAR hash of each store path against the database. */
  CONTENTS,
  /** The entries of {@code .links} too. */
  LINKS
}
