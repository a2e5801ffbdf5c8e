package org.nixwsl.storage.testkit.faults;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import org.nixwsl.storage.testkit.copy.LoopFileSystem;

/**
 * The disks that a cut of the power may leave. What was written before the last flush that was
 * answered is there. Of what came after it, any sectors may be there, in any order: each is taken
 * or not by lot.
 */
final class CrashDisks {
  private final WriteLog log;
  private final int begun;
  private final int orders;
  private final Random random;

  /**
   * A cut.
   *
   * @param kept so many orders are on the disk for sure
   * @param written so many were given; what is between the two may be there or not
   */
  record Cut(int kept, int written) {
    boolean torn() {
      return kept != written;
    }

    @Override
    public String toString() {
      return torn()
          ? "cut after order " + written + ", of which those from " + kept + " on by lot"
          : "cut after the flush " + kept;
    }
  }

  /** Gets a disk, which it may change, but not keep. */
  @FunctionalInterface
  interface Visit {
    void disk(Cut cut, Path raw) throws IOException;
  }

  /**
   * The disks of cuts in a record.
   *
   * @param begun so many orders are made durable before the first cut
   */
  CrashDisks(WriteLog log, int begun, Random random) throws IOException {
    this.log = log;
    this.begun = begun;
    this.orders = log.count();
    this.random = random;
  }

  /** The flushes that had something to make durable. */
  List<Cut> flushes() {
    List<Cut> cuts = new ArrayList<>();
    boolean written = false;
    for (int i = begun; i < orders; i++) {
      written |= log.writes(i);
      if (log.durable(i) && written) {
        cuts.add(new Cut(i + 1, i + 1));
        written = false;
      }
    }
    return cuts;
  }

  /** Cuts between flushes; between each two the same number, as far as that goes. */
  List<Cut> torn(int count) {
    List<Cut> between = new ArrayList<>();
    int kept = begun;
    for (Cut flush : flushes()) {
      between.add(new Cut(kept, flush.written()));
      kept = flush.written();
    }
    List<Cut> cuts = new ArrayList<>();
    int turn = random.nextInt(between.size());
    for (int i = 0; i < count; i++) {
      Cut room = between.get((turn + i) % between.size());
      int some = 1 + random.nextInt(room.written() - room.kept());
      cuts.add(new Cut(room.kept(), room.kept() + some));
    }
    return cuts;
  }

  /** Makes these disks one after the other; files come and go in that directory. */
  void each(List<Cut> cuts, Path directory, long bytes, Visit visit) throws IOException {
    Path flushed = directory.resolve("flushed.raw");
    Path raw = directory.resolve("cut.raw");
    try (RandomAccessFile empty = new RandomAccessFile(flushed.toFile(), "rw")) {
      empty.setLength(bytes);
    }
    int done = 0;
    try (FileChannel base = FileChannel.open(flushed, StandardOpenOption.WRITE)) {
      for (Cut cut : cuts.stream().sorted(Comparator.comparingInt(Cut::kept)).toList()) {
        for (; done < cut.kept(); done++) {
          log.replay(done, base);
        }
        LoopFileSystem.run("cp", "--sparse=always", flushed.toString(), raw.toString());
        if (cut.torn()) {
          tear(cut, raw);
        }
        visit.disk(cut, raw);
        Files.delete(raw);
      }
    }
    Files.delete(flushed);
  }

  private void tear(Cut cut, Path raw) throws IOException {
    // Nearly all, half of it, nearly nothing: each finds other faults.
    int ofTen = List.of(1, 5, 9).get(random.nextInt(3));
    try (FileChannel disk = FileChannel.open(raw, StandardOpenOption.WRITE)) {
      for (int order = cut.kept(); order < cut.written(); order++) {
        for (int piece = 0; piece < log.pieces(order); piece++) {
          if (random.nextInt(10) < ofTen) {
            log.replay(order, piece, disk);
          }
        }
      }
    }
  }
}
