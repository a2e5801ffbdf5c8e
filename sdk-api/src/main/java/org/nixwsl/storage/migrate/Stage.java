package org.nixwsl.storage.migrate;

/**
 * The stages of a migration, in their order. An operation of another kind uses the ones it needs.
 */
public enum Stage {
  /** Reads only: is everything there that the rest needs? */
  PREFLIGHT,
  /** Creates the VHDX when it is absent; resizes or compacts it in an operation of that kind. */
  DISK,
  /** Attaches the disk, formats it when it is blank, mounts it and proves what it is. */
  ATTACH,
  /** Writes the NixOS module and its import; switches nothing. */
  CONFIG,
  /** Switches the instance to the configuration with the module, when that was asked for. */
  SWITCH,
  /**
   * Copies all store paths, hashing what is read, and reads them back from the device, unless that
   * is not wanted. Its progress counts bytes and paths once for each of the two.
   */
  COPY,
  /** Installs what attaches the disk again after a restart of the host. */
  PERSIST,
  /**
   * Makes the store that is moved stand still until the commit; where that arms the instance, until
   * the instance is restarted or the move taken back.
   */
  FREEZE,
  /** Copies profiles, roots and logs, then the database. */
  STATE,
  /**
   * Reads back from the device what was not yet: what came last, and the database; and compares it
   * with what was copied.
   */
  PROVE,
  /** Writes the id file: from here on the target is the store. */
  COMMIT,
  /** Restarts the instance, so that it runs from the storage, when that was asked for. */
  RESTART,
  /**
   * Brings what the store on the storage became since the commit into the old store, proven like
   * any copy, before a move is taken back that was in use.
   */
  BRING_BACK,
  /** Detaches what the operation attached, when that was asked for. */
  DETACH,
  /** Removes what lies in the trash of the storage, and snapshots. */
  RECLAIM,
  /** Looks at a store that stays where it is. */
  VERIFY
}
