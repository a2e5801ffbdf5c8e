package org.nixwsl.storage.error;

/**
 * The stable name of a condition. Programs decide on it, never on message text. Each code has a
 * heading of the same name in {@code docs/errors.md}. New codes may come in a minor release, none
 * changes its meaning.
 */
public enum ErrorCode {
  /** No implementation of the SDK, or none for this operating system, is on the class path. */
  NO_ENGINE,
  /** The operation cannot be done on this operating system. */
  UNSUPPORTED_PLATFORM,
  /** The operation needs root. */
  NOT_ROOT,
  /** A program that the operation needs is not installed. */
  TOOL_MISSING,
  /** A program that the SDK started ended with an error, or with output that makes no sense. */
  COMMAND_FAILED,
  /** A program that the SDK started did not end in time and was killed with its children. */
  COMMAND_TIMED_OUT,
  /** The program that works inside an instance ended, fell silent or could not be started. */
  GUEST_LOST,
  /** The caller cancelled, or the calling thread was interrupted. */
  CANCELLED,
  /** A file could not be read or written. */
  IO_FAILED,
  /** The file or directory does not exist. */
  NOT_FOUND,
  /** The file or directory is there already and is not overwritten. */
  ALREADY_EXISTS,
  /** There is not enough room, in bytes or in inodes. */
  NO_SPACE,

  /** The file is not a VHDX. */
  NOT_A_VHDX,
  /** The file is a VHDX of a version or with a required feature that is not understood. */
  VHDX_UNSUPPORTED,
  /** The VHDX breaks the specification in a way that makes its contents unsure. */
  VHDX_CORRUPT,
  /** The VHDX has a log that was not replayed: its last user did not close it. */
  VHDX_DIRTY,
  /** Another process has the VHDX open. */
  VHDX_IN_USE,
  /** The sizes asked for are outside what a VHDX can have. */
  VHDX_BAD_GEOMETRY,
  /** The parent of a differencing disk is at none of the places that the disk names. */
  VHDX_PARENT_NOT_FOUND,
  /** The parent of a differencing disk is said to be outside the folder of the disk. */
  VHDX_PARENT_OUTSIDE,
  /** What is in the place of the parent is not the disk that the child was made from. */
  VHDX_PARENT_MISMATCH,
  /** What was read back from the copy of a disk differs from what was written. */
  VHDX_COPY_DAMAGED,
  /** The disk holds data past the size that it is to get. */
  VHDX_WOULD_LOSE_DATA,

  /** The device, file system or mount point is not what it was expected to be. */
  WRONG_STORAGE,
  /** The disk holds something already and is not formatted. */
  DISK_NOT_BLANK,
  /** The storage is not attached or not mounted. */
  NOT_MOUNTED,
  /** The storage cannot be unmounted or detached because something uses it. */
  STORAGE_BUSY,
  /** The file system of the target cannot hold a Nix store (tmpfs, overlay, 9p, ...). */
  UNSUITABLE_FILE_SYSTEM,

  /** The directory holds no Nix store, or a store without its database. */
  NOT_A_STORE,
  /** The Nix database has a schema newer than this SDK knows. */
  SCHEMA_TOO_NEW,
  /** The Nix database cannot be read. */
  DATABASE_UNREADABLE,
  /** The store is in use by Nix, so that a moment in which it stands still cannot be had. */
  STORE_IN_USE,
  /** The store is frozen already, by another run. */
  STORE_FROZEN,
  /** The store could not be made to stand still, or not be let go again. */
  FREEZE_FAILED,
  /** A freeze that was relied on is not in force any more. */
  FREEZE_LOST,
  /** The store changed while it was copied. */
  STORE_CHANGED,
  /** The target holds another store, or files that the SDK did not put there. */
  TARGET_NOT_EMPTY,
  /** Source and target lie inside each other or are the same. */
  TARGET_INSIDE_SOURCE,
  /** The files of the store that was named for it cannot be linked into the target. */
  CANNOT_LINK,
  /** Store paths in the source differ from what the database says of them. */
  SOURCE_DAMAGED,
  /** What was read back from the target differs from what the database says. */
  TARGET_DAMAGED,

  /** The plan has reasons to refuse, so that nothing was started. */
  PLAN_REFUSED,
  /** Another call works on a move to the same storage. */
  MOVE_RUNNING,
  /** There is no move of that instance to that storage, or nothing of it is left to do. */
  MOVE_NOT_FOUND,
  /** Another move of the instance, or a rollback, was begun and not brought to its end. */
  MOVE_UNFINISHED,
  /** The instance's directory on the storage belongs to another instance. */
  OTHER_OWNER,
  /**
   * The store on the storage is not what was committed, and the changes cannot be brought back from
   * here: taking the move back would lose them.
   */
  CHANGED_SINCE_COMMIT,
  /** The journal of a move was not written by the SDK, or belongs to another move. */
  JOURNAL_FOREIGN,
  /** The journal of a move is damaged in a way that no crash leaves. */
  JOURNAL_DAMAGED,
  /** The journal of a move was written by a newer version of the SDK. */
  JOURNAL_TOO_NEW,
  /** A setting is not allowed in a NixOS module or in a file name. */
  BAD_SETTING,
  /** Others could change the configuration that root builds, or a file of it is no plain file. */
  UNSAFE_CONFIG,
  /** Nix cannot parse the configuration, as it is or as it would be. */
  CONFIG_INVALID,
  /** Someone changed the configuration while it was worked on. */
  CONFIG_CHANGED,
  /** The instance could not be switched to its configuration, or not back. */
  SWITCH_FAILED,
  /** The instance did not come up on the store that it was restarted for. */
  RESTART_FAILED,

  /** wsl.exe is not there, or too old. */
  WSL_NOT_AVAILABLE,
  /** wsl.exe reported an error. */
  WSL_FAILED,
  /** WSL does not know the distribution. */
  DISTRO_NOT_FOUND,
  /** Windows refused access to the disk. */
  ACCESS_DENIED
}
