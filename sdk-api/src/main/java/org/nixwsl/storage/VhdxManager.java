package org.nixwsl.storage;

import java.nio.channels.SeekableByteChannel;
import java.nio.file.Path;
import org.nixwsl.storage.disk.DiskChannel;
import org.nixwsl.storage.disk.DiskCheck;
import org.nixwsl.storage.disk.DiskInfo;
import org.nixwsl.storage.disk.DiskRepair;
import org.nixwsl.storage.disk.DiskSpec;

/**
 * Creates, examines, reads, writes and repairs VHDX files on any operating system: no Hyper-V, no
 * administrator, no other program. Format: MS-VHDX, revision 8.0. Thread-safe for different files;
 * two calls that change one file exclude each other, also across processes.
 */
public interface VhdxManager {
  /**
   * Creates a disk. The file appears under its name only when it is complete and on the device; a
   * failure leaves nothing.
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
   * Looks for everything that is wrong with a disk. Never changes a byte of it. The codes of the
   * findings are listed in {@code docs/vhdx-findings.md}.
   *
   * @throws org.nixwsl.storage.error.DiskException {@code NOT_A_VHDX} if the file is no VHDX at
   *     all; {@code VHDX_IN_USE} if another program writes to it
   * @throws org.nixwsl.storage.error.EnvironmentException {@code NOT_FOUND}, {@code IO_FAILED}
   */
  DiskCheck check(Path file);

  /**
   * Opens the contents of a disk for reading, as a guest would see them. The caller closes the
   * channel; it is not thread-safe. Size and position are those of the virtual disk. The file is
   * locked against writers while it is open.
   *
   * @throws org.nixwsl.storage.error.DiskException as {@link #inspect}, also for a log that cannot
   *     be replayed, and {@code VHDX_UNSUPPORTED} for a differencing disk
   */
  SeekableByteChannel openForReading(Path file);

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
   * @throws org.nixwsl.storage.error.DiskException as {@link #openForReading}; {@code VHDX_IN_USE}
   *     if anybody has the file open, for reading too
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
}
