package org.nixwsl.storage.core.vhdx;

import java.io.IOException;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.vhdx.format.WritableBytes;
import org.nixwsl.storage.core.vhdx.log.HeaderWriter;
import org.nixwsl.storage.core.vhdx.log.LogWriter;
import org.nixwsl.storage.disk.DiskType;
import org.nixwsl.storage.disk.LogState;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.OperationCancelledException;
import org.nixwsl.storage.error.Problem;

/**
 * A disk whose structures are about to change: sound, of an allowed type, and its log replayed.
 *
 * @param name the file's name for messages
 * @param image as the file was when this was made
 * @param headers the one writer of headers while the file is open
 * @param log the one writer of the log
 */
record OpenDisk(
    WritableBytes file, String name, DiskImage image, HeaderWriter headers, LogWriter log) {
  /** A change that may be cancelled where it looks for that. */
  @FunctionalInterface
  interface Change {
    /** Makes it. */
    void run() throws IOException;
  }

  /**
   * Looks at all of a disk, then replays its log if there is something to replay.
   *
   * @param refused the type that the change cannot be made to
   * @param reason what comes of that, a sentence
   * @throws DiskException {@code VHDX_UNSUPPORTED} for a refused type; as {@link
   *     Repair#requireSound}; nothing is changed then
   */
  static OpenDisk open(
      WritableBytes file, String name, DiskType refused, String reason, Operation operation)
      throws IOException {
    DiskImage image = Repair.requireSound(file, name, operation);
    if (image.geometry().type() == refused) {
      throw new DiskException(
          Problem.of(
              ErrorCode.VHDX_UNSUPPORTED,
              "Cannot change " + name + ": " + reason + ".",
              "Copy what it holds to a disk of another type."));
    }
    if (image.log().state() == LogState.DIRTY) {
      Repair.replayLog(file, image);
      image = Repair.requireSound(file, name, operation);
    }
    HeaderWriter headers = new HeaderWriter(file, image.header());
    return new OpenDisk(file, name, image, headers, new LogWriter(file, headers));
  }

  /** The same disk as it is now, all of it looked at again. */
  OpenDisk again(Operation operation) throws IOException {
    log.retire();
    return new OpenDisk(file, name, Repair.requireSound(file, name, operation), headers, log);
  }

  /** Makes a change and leaves nothing to replay, also when it is cancelled. */
  void change(Change change) throws IOException {
    try {
      change.run();
    } catch (OperationCancelledException e) {
      try {
        log.retire();
      } catch (IOException retiring) {
        e.addSuppressed(retiring);
      }
      throw e;
    }
    log.retire();
  }

  /** Brings the changed entries of the block table to the device, if there are any. */
  void commit(BlockTable table) throws IOException {
    if (table.changes() > 0) {
      headers.beforeWriting();
      log.commit(table.changedSectors());
      table.changesAreInFile();
    }
  }

  /** Cuts off what nothing uses at the end of the file. The log has nothing to replay. */
  void cutTail(Operation operation) throws IOException {
    long end = FileSpace.of(image, operation).end();
    if (end < file.size()) {
      headers.beforeWriting();
      file.truncate(end);
      file.force();
    }
  }
}
