package org.nixwsl.storage.testkit;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.store.Verdict;
import org.nixwsl.storage.store.VerifyLevel;

/** A way to damage a store, and what a verification has to say of it. */
public enum Damage {
  /** One byte of a file differs; size and time are as before. */
  FLIP_BYTE(Verdict.MODIFIED, VerifyLevel.CONTENTS),
  /** One byte of an inode differs that several paths and {@code .links} share. */
  FLIP_SHARED(Verdict.MODIFIED, VerifyLevel.CONTENTS),
  /** A file is cut to its half. */
  TRUNCATE(Verdict.MODIFIED, VerifyLevel.SIZES),
  /** A file is cut to nothing, as after a power cut. */
  ZERO_FILE(Verdict.MODIFIED, VerifyLevel.SIZES),
  /** All bytes of a file are zero; the size is as before. */
  ZERO_FILL(Verdict.MODIFIED, VerifyLevel.CONTENTS),
  /** A file is one byte longer: too little to show in the size of a NAR, which has padding. */
  APPEND(Verdict.MODIFIED, VerifyLevel.CONTENTS),
  /** The executable bit of a file is the other way. */
  EXECUTABLE_BIT(Verdict.MODIFIED, VerifyLevel.SIZES),
  /** A symlink points elsewhere. */
  SYMLINK_TARGET(Verdict.MODIFIED, VerifyLevel.SIZES),
  /** A file is gone. */
  DELETE_FILE(Verdict.MODIFIED, VerifyLevel.SIZES),
  /** There is an empty file too many. */
  EXTRA_FILE(Verdict.MODIFIED, VerifyLevel.SIZES),
  /** There is an empty directory too many. */
  EXTRA_DIRECTORY(Verdict.MODIFIED, VerifyLevel.SIZES),
  /** A file has another name of the same length. */
  RENAME_FILE(Verdict.MODIFIED, VerifyLevel.CONTENTS),
  /** A file became a symlink. */
  TYPE_CHANGE(Verdict.MODIFIED, VerifyLevel.SIZES),
  /** A FIFO stands in a path. Needs the program {@code mkfifo}. */
  FIFO(Verdict.UNREADABLE, VerifyLevel.SIZES),
  /** A whole path is gone that another one refers to. */
  DELETE_PATH(Verdict.MISSING, VerifyLevel.EXISTENCE),
  /** A whole path is gone that nothing refers to. */
  DELETE_LEAF(Verdict.MISSING, VerifyLevel.EXISTENCE),
  /** The row of a path is gone. */
  DELETE_ROW(Verdict.UNREGISTERED, VerifyLevel.EXISTENCE),
  /** There is a path that never had a row. */
  UNREGISTERED(Verdict.UNREGISTERED, VerifyLevel.EXISTENCE),
  /** The hash in a row is another one. */
  DATABASE_HASH(Verdict.MODIFIED, VerifyLevel.CONTENTS),
  /** The size in a row is another one, the hash is right. */
  DATABASE_NAR_SIZE(Verdict.DB, VerifyLevel.CONTENTS),
  /** The hash in a row is written in base 32: another text, the same hash, no damage. */
  DATABASE_HASH_FORMAT(null, VerifyLevel.LINKS),
  /** An entry of {@code .links} differs, in an inode of its own: no path is harmed. */
  LINK_ENTRY(Verdict.LINK, VerifyLevel.LINKS),
  /** A file has another time. */
  MODIFICATION_TIME(Verdict.METADATA, VerifyLevel.SIZES),
  /** A file may be written by its owner. */
  MODE(Verdict.METADATA, VerifyLevel.SIZES);

  private final Optional<Verdict> verdict;
  private final VerifyLevel level;

  Damage(@Nullable Verdict verdict, VerifyLevel level) {
    this.verdict = Optional.ofNullable(verdict);
    this.level = level;
  }

  /** What a verification of that level, or of contents, says; empty if there is nothing to say. */
  public Optional<Verdict> verdict() {
    return verdict;
  }

  /** The first level that sees it and can tell what it is. */
  public VerifyLevel level() {
    return level;
  }
}
