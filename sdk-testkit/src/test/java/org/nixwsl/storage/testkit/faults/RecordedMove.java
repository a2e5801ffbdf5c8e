package org.nixwsl.storage.testkit.faults;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.migrate.stage.SideEffects;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.core.vhdx.VhdxEngine;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.linux.disk.LoopMounter;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.testkit.copy.LoopFileSystem;

/**
 * A whole move onto a new disk, with all that the disk was told to write from its first use until
 * it was detached again, and what the journal beside it said meanwhile.
 */
final class RecordedMove implements AutoCloseable {
  /** Far more than is written; it takes no room until it is. */
  private static final long LOG_BYTES = 16L << 30;

  private final Path disk;
  private final SharedStorage storage;
  private final Path blank;
  private final WriteLog log;
  private final List<Moment> moments = new ArrayList<>();
  private int begun;

  /** What the move is told to move to. */
  enum Where {
    /** A disk: the move makes it, and has its journal beside the file of it. */
    DISK,
    /** The directory where a disk is mounted: the journal lies on the disk itself. */
    DIRECTORY
  }

  /**
   * What the host's side was like.
   *
   * @param written how many orders the disk had got by then
   * @param journal the bytes of the journal; empty as long as there was none
   */
  private record Moment(int written, Optional<byte[]> journal) {}

  private RecordedMove(Path disk, SharedStorage storage, Path blank, WriteLog log) {
    this.disk = disk;
    this.storage = storage;
    this.blank = blank;
    this.log = log;
  }

  /**
   * Moves a store and records it.
   *
   * @param directory for all of it; is there
   * @param run the run directory of the mounter
   */
  static RecordedMove of(SmallMove store, Where where, Path directory, Path run)
      throws IOException {
    Path host = Files.createDirectory(directory.resolve("host"));
    Path disk = host.resolve("shared.vhdx");
    Path logFile = directory.resolve("log");
    try (RandomAccessFile room = new RandomAccessFile(logFile.toFile(), "rw")) {
      room.setLength(LOG_BYTES);
    }
    String path =
        StandInDaemon.in(
            directory.resolve("recording"),
            List.of(
                "--blockdev",
                "driver=file,node-name=log,filename=" + logFile,
                "--blockdev",
                "driver=blklogwrites,node-name=logged,log=log,file=" + StandInDaemon.DISK),
            "logged");
    WslMounter mounter = LoopMounter.apart(new ProcessRunner(), Ticker.system(), path, run);
    SharedStorage vhdx = SharedStorage.onVhdx(disk);
    SharedStorage storage =
        where == Where.DISK
            ? vhdx
            : SharedStorage.inDirectory(run.resolve("mnt").resolve(vhdx.mountName().value()));
    RecordedMove move =
        new RecordedMove(disk, storage, directory.resolve("blank.vhdx"), WriteLog.open(logFile));
    try {
      if (where == Where.DIRECTORY) {
        DiskSpec spec = DiskSpec.ofSize(SmallMove.DISK_SIZE);
        new VhdxEngine().create(disk, spec, RunOptions.ofDefaults());
        Files.copy(disk, move.blank);
        mounter.prepareBlankDisk(vhdx, RunOptions.ofDefaults());
        LoopFileSystem.run("sync", "-f", run.resolve("mnt").toString());
      }
      move.begun = move.log.count();
      store.run(storage, mounter, move.new Watch());
    } finally {
      mounter.unmount(vhdx);
    }
    move.log.count();
    LoopFileSystem.run("rm", "-r", host.toString());
    return move;
  }

  /** Looks at the journal after each change, and keeps the disk as it was before it was used. */
  private final class Watch implements SideEffects {
    @Override
    public <T> T make(String what, Operation.Work<T> change)
        throws IOException, InterruptedException {
      T result = change.run();
      Path journal = SmallMove.journalOf(disk);
      Optional<byte[]> now =
          Files.exists(journal) ? Optional.of(Files.readAllBytes(journal)) : Optional.empty();
      moments.add(new Moment(log.count(), now));
      if (Files.exists(disk) && Files.notExists(blank)) {
        Files.copy(disk, blank);
      }
      return result;
    }
  }

  WriteLog log() {
    return log;
  }

  /** How many orders the disk had got before the move. */
  int begun() {
    return begun;
  }

  /** What the store was moved to. */
  SharedStorage storage() {
    return storage;
  }

  /** The disk as it was made, before anything was written to it. */
  Path blank() {
    return blank;
  }

  /** Where the disk was, in a directory of its own that is not there any more. */
  Path disk() {
    return disk;
  }

  /**
   * The journal as a cut of the power may have left it when the disk had got so many orders. Host
   * and disk are two devices: a line that was written about then may be there, in part, or not.
   */
  byte[] journalAt(int written, Random random) {
    byte[] surely = new byte[0];
    List<byte[]> perhaps = new ArrayList<>();
    for (Moment moment : moments) {
      if (moment.journal().isPresent() && moment.written() < written) {
        surely = moment.journal().get();
      } else if (moment.journal().isPresent()) {
        perhaps.add(moment.journal().get());
        if (moment.written() > written) {
          break;
        }
      }
    }
    int more = random.nextInt(perhaps.size() + 1);
    byte[] after = more == 0 ? surely : perhaps.get(more - 1);
    byte[] before = more > 1 ? perhaps.get(more - 2) : surely;
    int length = after.length;
    if (after.length > before.length && before.length > 0 && random.nextBoolean()) {
      length = before.length + random.nextInt(after.length - before.length);
    }
    return Arrays.copyOf(after, length);
  }

  @Override
  public void close() throws IOException {
    log.close();
  }
}
