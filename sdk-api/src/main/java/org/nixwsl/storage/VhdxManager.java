package org.nixwsl.storage;

import java.nio.channels.SeekableByteChannel;
import java.nio.file.Path;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskChannel;
import org.nixwsl.storage.disk.DiskCheck;
import org.nixwsl.storage.disk.DiskCompaction;
import org.nixwsl.storage.disk.DiskCopy;
import org.nixwsl.storage.disk.DiskCopyOptions;
import org.nixwsl.storage.disk.DiskInfo;
import org.nixwsl.storage.disk.DiskRepair;
import org.nixwsl.storage.disk.DiskResize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.disk.ParentAccess;

/**
 * Creates, examines, reads, writes, resizes, compacts, copies and repairs VHDX files on any
 * operating system: no Hyper-V, no administrator, no other program. Format: MS-VHDX, revision 8.0.
 * Thread-safe for different files; two calls that change one file exclude each other, also across
 * processes.
 */
public interface VhdxManager {
  /**
   * Creates a disk. The file appears under its name only when it is complete and on the device; a
   * failure leaves nothing. All of a fixed disk is written, which is told as progress of the stage
   * {@code DISK} and can be cancelled.
   *
   * @param file the file to make, ending in {@code .vhdx}; its folder must exist
   * @throws org.nixwsl.storage.error.ConflictException {@code ALREADY_EXISTS} if the file is there
   * @throws org.nixwsl.storage.error.DiskException {@code VHDX_BAD_GEOMETRY} if no VHDX can be like
   *     that; {@code BAD_SETTING} if the name does not end in {@code .vhdx}
   * @throws org.nixwsl.storage.error.EnvironmentException {@code NO_SPACE}, {@code NOT_FOUND},
   *     {@code IO_FAILED}
   */
  DiskInfo create(Path file, DiskSpec spec, RunOptions options);

  /** {@link #create(Path, DiskSpec, RunOptions)} that nobody follows. */
  default DiskInfo create(Path file, DiskSpec spec) {
    return create(file, spec, RunOptions.ofDefaults());
  }

  /**
   * Tells what a disk is. Never changes a byte of it; a log is replayed in memory, and one that
   * cannot be replayed is told, not refused. Other errors that {@link #check} would find refuse the
   * disk.
   *
   * @throws org.nixwsl.storage.error.DiskException {@code NOT_A_VHDX}, {@code VHDX_UNSUPPORTED},
   *     {@code VHDX_CORRUPT}; {@code VHDX_IN_USE} if another program writes to the file
   * @throws org.nixwsl.storage.error.EnvironmentException {@code NOT_FOUND}, {@code IO_FAILED}
   */
  DiskInfo inspect(Path file);

  /**
   * Looks for everything that is wrong with a disk: structure, block table, log, and for a
   * differencing disk whether its parents can be read. Never changes a byte of it. The codes of the
   * findings are listed in {@code docs/vhdx-findings.md}. Only parents in the folder of their child
   * are opened; one elsewhere is a warning.
   *
   * @throws org.nixwsl.storage.error.DiskException {@code NOT_A_VHDX} if the file is no VHDX at
   *     all; {@code VHDX_IN_USE} if another program writes to it
   * @throws org.nixwsl.storage.error.EnvironmentException {@code NOT_FOUND}, {@code IO_FAILED}
   */
  default DiskCheck check(Path file) {
    return check(file, ParentAccess.CHILD_FOLDER);
  }

  /** {@link #check(Path)}, also of parents that are elsewhere. */
  DiskCheck check(Path file, ParentAccess parents);

  /**
   * Opens the contents of a disk for reading, as a guest would see them. The caller closes the
   * channel; it is not thread-safe. Size and position are those of the virtual disk. The file is
   * locked against writers while it is open.
   *
   * <p>What a differencing disk does not hold is read from its parent, and so on through up to 64
   * files, all of them locked. A parent is looked up where the child says, by its relative path
   * first; on systems other than Windows by that one only. It has to be the one that the child was
   * made from, by its DataWriteGuid. Only parents in the folder of their child are opened.
   *
   * @throws org.nixwsl.storage.error.DiskException as {@link #inspect}, also for a log that cannot
   *     be replayed; {@code VHDX_PARENT_NOT_FOUND}, {@code VHDX_PARENT_OUTSIDE}, {@code
   *     VHDX_PARENT_MISMATCH}; {@code VHDX_CORRUPT} if a parent is its own child; {@code
   *     VHDX_UNSUPPORTED} for a chain that is too long
   */
  default SeekableByteChannel openForReading(Path file) {
    return openForReading(file, ParentAccess.CHILD_FOLDER);
  }

  /** {@link #openForReading(Path)}, with the parents that may be opened. */
  SeekableByteChannel openForReading(Path file, ParentAccess parents);

  /**
   * Copies what a disk holds to a new disk of the same size, block size and sector sizes. The new
   * file has a clean log, whatever the source's is, and no blocks of zeros; blocks are in the order
   * of the disk. A fixed disk gives a fixed one, a differencing disk is merged with its parents
   * into a dynamic one. The source is not changed by a byte, and is locked against writers.
   *
   * <p>The copy appears under its name when all of it is on the device and was read back: the
   * SHA-256 of its contents is that of the source. It was read through the operating system, which
   * may have served it from memory. A failure or a cancellation leaves nothing. Metadata and
   * regions that MS-VHDX does not define are not copied.
   *
   * @param target the file to make, ending in {@code .vhdx}; its folder must exist
   * @throws org.nixwsl.storage.error.ConflictException {@code ALREADY_EXISTS} if the target is
   *     there
   * @throws org.nixwsl.storage.error.DiskException as {@link #openForReading(Path)}; {@code
   *     VHDX_COPY_DAMAGED} if the copy reads back differently; {@code BAD_SETTING} if the name does
   *     not end in {@code .vhdx}
   * @throws org.nixwsl.storage.error.EnvironmentException {@code NO_SPACE}, {@code NOT_FOUND},
   *     {@code IO_FAILED}
   */
  DiskCopy copy(Path source, Path target, DiskCopyOptions options, RunOptions run);

  /** {@link #copy(Path, Path, DiskCopyOptions, RunOptions)} that nobody follows. */
  default DiskCopy copy(Path source, Path target) {
    return copy(source, target, DiskCopyOptions.ofDefaults(), RunOptions.ofDefaults());
  }

  /**
   * Opens the contents of a dynamic or fixed disk for reading and writing, as a guest would see
   * them. The caller closes the channel, which says what is durable when; it is not thread-safe.
   * Nobody else can open the file meanwhile. All of the file is looked at before its first byte is
   * changed; a log that is to be replayed is replayed to the file then, and otherwise nothing is
   * changed before the first write. A symbolic link is followed.
   *
   * <p>A crash at any moment leaves a file that can be opened again. It may be longer than the
   * blocks in it need by what was written since the last {@link DiskChannel#force}.
   *
   * @throws org.nixwsl.storage.error.DiskException as {@link #openForReading(Path)}; {@code
   *     VHDX_IN_USE} if anybody has the file open, for reading too
   * @throws org.nixwsl.storage.error.EnvironmentException {@code NOT_FOUND}, {@code IO_FAILED};
   *     {@code NO_SPACE} if replaying the log needs more room
   */
  DiskChannel openForWriting(Path file);

  /**
   * Puts right what can be put right without guessing: replays the log to the file, and makes a
   * damaged copy of header or region table from the good one. What a guest sees does not change. A
   * disk that needs nothing of that is left as it is; differencing disks are repaired as well.
   *
   * @throws org.nixwsl.storage.error.DiskException {@code NOT_A_VHDX}, {@code VHDX_UNSUPPORTED};
   *     {@code VHDX_CORRUPT} if anything else is wrong with the disk, and nothing is changed then;
   *     {@code VHDX_IN_USE} as {@link #openForWriting}
   * @throws org.nixwsl.storage.error.EnvironmentException {@code NOT_FOUND}, {@code IO_FAILED},
   *     {@code NO_SPACE}
   */
  DiskRepair repair(Path file, RunOptions options);

  /** {@link #repair(Path, RunOptions)} that nobody follows. */
  default DiskRepair repair(Path file) {
    return repair(file, RunOptions.ofDefaults());
  }

  /**
   * Gives a dynamic or fixed disk another size, and leaves a disk alone that has it. What is new
   * reads as zeros. A smaller disk keeps what lies before its new end; the room of the rest is
   * given back to the file system, for which blocks may have to move. The file system inside has to
   * be made smaller before, or larger afterwards, by the one who has it.
   *
   * <p>A crash at any moment leaves the disk with the old size or with the new one, and with its
   * contents. The file may be longer than it needs to be then; {@link #compact} gives that back for
   * a dynamic disk. After a cancellation the same holds. Progress is that of the stage {@code
   * DISK}.
   *
   * @return the disk as it is now
   * @throws org.nixwsl.storage.error.DiskException {@code VHDX_WOULD_LOSE_DATA} if something other
   *     than zeros lies past a smaller size and that was not allowed; {@code VHDX_BAD_GEOMETRY} if
   *     no disk can have the size; {@code VHDX_UNSUPPORTED} for a differencing disk; otherwise as
   *     {@link #openForWriting}; in all of these cases a log may have been replayed, and nothing
   *     else is changed
   * @throws org.nixwsl.storage.error.EnvironmentException {@code NOT_FOUND}, {@code IO_FAILED},
   *     {@code NO_SPACE}
   */
  DiskInfo resize(Path file, DiskResize resize, RunOptions options);

  /** {@link #resize(Path, DiskResize, RunOptions)} without losing data, and nobody follows. */
  default DiskInfo resize(Path file, ByteSize virtualSize) {
    return resize(file, DiskResize.to(virtualSize), RunOptions.ofDefaults());
  }

  /**
   * Makes the file of a dynamic or differencing disk as short as its contents allow: blocks of
   * nothing but zeros leave the file, blocks from its end move into the holes, and the end is cut
   * off. What a guest sees does not change. Reads all of the file. Room that a file system inside
   * has given up is given back only if it holds zeros, so write them there before.
   *
   * <p>A crash at any moment, and a cancellation, leave the disk with its contents; the call may be
   * made again. Progress is that of the stage {@code DISK}.
   *
   * @throws org.nixwsl.storage.error.DiskException {@code VHDX_UNSUPPORTED} for a fixed disk;
   *     otherwise as {@link #repair(Path, RunOptions)}
   * @throws org.nixwsl.storage.error.EnvironmentException {@code NOT_FOUND}, {@code IO_FAILED}
   */
  DiskCompaction compact(Path file, RunOptions options);

  /** {@link #compact(Path, RunOptions)} that nobody follows. */
  default DiskCompaction compact(Path file) {
    return compact(file, RunOptions.ofDefaults());
  }
}
