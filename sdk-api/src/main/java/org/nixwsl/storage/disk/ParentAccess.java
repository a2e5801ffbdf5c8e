package org.nixwsl.storage.disk;

/**
 * Which parents of a differencing disk are opened. The file of the child names them, and who made
 * that file may name any file that the caller is able to read.
 */
public enum ParentAccess {
  /** Those in the folder of the child or below it, symbolic links resolved; each for its own. */
  CHILD_FOLDER,
  /** Wherever they are said to be: for disks of a trusted source. */
  ANYWHERE
}
