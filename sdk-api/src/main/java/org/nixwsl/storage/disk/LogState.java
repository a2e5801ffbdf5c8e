package org.nixwsl.storage.disk;

/** The state of a VHDX log (MS-VHDX section 2.3). */
public enum LogState {
  /** Nothing to replay. */
  CLEAN,
  /** Valid entries have to be replayed before the file is used. */
  DIRTY,
  /** A log is announced that cannot be replayed. */
  CORRUPT
}
