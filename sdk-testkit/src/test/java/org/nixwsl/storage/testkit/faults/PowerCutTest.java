package org.nixwsl.storage.testkit.faults;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.migrate.journal.StageJournal;
import org.nixwsl.storage.core.migrate.stage.SideEffects;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.linux.disk.LoopMounter;
import org.nixwsl.storage.migrate.MigrationStatus.Phase;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.testkit.copy.LoopFileSystem;
import org.nixwsl.storage.testkit.faults.RecordedMove.Where;

/**
 * The power is cut while a store is moved: at each moment at which the disk was asked to make
 * durable what it had, and between. What the disk may hold then is made from a record of all that
 * was written to it; the kernel, e2fsck and Nix say what it is worth; and the move is taken up by
 * its journal as it was at that moment, or without it. What is recorded differs a little from run
 * to run, so that a seed alone repeats the lots and not all of the disk.
 */
@Tag("once")
class PowerCutTest {
  @TempDir private static Path folder;
  private static SmallMove store;

  private final long seed = Long.getLong("nixwsl.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private final Path run = folder.resolve("run");
  private final WslMounter mounter =
      LoopMounter.apart(new ProcessRunner(), Ticker.system(), StandInDaemon.PATH, run);
  private final Map<Seen, Integer> seen = new EnumMap<>(Seen.class);
  private final Map<End, Integer> ends = new EnumMap<>(End.class);
  private final List<String> failures = new ArrayList<>();

  /** What was seen of a disk. */
  private enum Seen {
    /** The kernel did not mount it: it was cut while it was formatted. */
    NO_FILE_SYSTEM,
    NO_ID,
    ID
  }

  /** How a move came to its end. */
  private enum End {
    TAKEN_UP,
    BEGUN_ANEW,
    REFUSED_AS_COMMITTED,
    DISK_MADE_ANEW
  }

  /** How many of the cuts are tried. */
  private enum Extent {
    SAMPLE,
    ALL
  }

  @BeforeAll
  static void makeAStore() throws IOException {
    store = SmallMove.in(folder);
  }

  /** A sample of what the long sibling does. */
  @Test
  void afterACutTheMoveEndsAsAnUndisturbedOne() throws IOException {
    cut(Where.DISK, Extent.SAMPLE);
  }

  @ParameterizedTest
  @EnumSource(Where.class)
  @Tag("long")
  void afterACutAtAnyFlushOrBetweenTheMoveEndsAsAnUndisturbedOne(Where where) throws IOException {
    cut(where, Extent.ALL);
  }

  private void cut(Where where, Extent extent) throws IOException {
    Path place = Files.createDirectory(folder.resolve(where + "-" + extent));
    try (RecordedMove move = RecordedMove.of(store, where, place, run)) {
      CrashDisks disks = new CrashDisks(move.log(), move.begun(), random);
      List<CrashDisks.Cut> flushes = disks.flushes();
      List<CrashDisks.Cut> cuts = new ArrayList<>(disks.torn(extent == Extent.ALL ? 200 : 5));
      int step = extent == Extent.ALL ? 1 : flushes.size() / 3;
      for (int i = random.nextInt(step); i < flushes.size(); i += step) {
        cuts.add(flushes.get(i));
      }
      disks.each(
          cuts,
          place,
          SmallMove.DISK_SIZE.bytes(),
          (cut, raw) -> {
            try {
              goOn(move, where, cut, raw);
            } catch (AssertionError | RuntimeException e) {
              failures.add(cut + ": " + e); // one does not hide the others
            } finally {
              mounter.unmount(SharedStorage.onVhdx(move.disk()));
              LoopFileSystem.run("rm", "-r", host(move).toString());
            }
          });
      System.out.printf(
          "power cuts, %s, -Dnixwsl.seed=%d: %d orders with %d flushes, %d cuts: %s, %s%n",
          where, seed, move.log().count(), flushes.size(), cuts.size(), seen, ends);
    }
    LoopFileSystem.run("rm", "-r", place.toString());
    assertThat(failures).isEmpty();
  }

  private void goOn(RecordedMove move, Where where, CrashDisks.Cut cut, Path raw)
      throws IOException {
    vhdxOf(move, raw);
    boolean journalLost = where == Where.DISK && random.nextInt(4) == 0;
    boolean formatting = where == Where.DISK && putJournal(move, cut.written());
    if (journalLost) {
      Files.delete(SmallMove.journalOf(move.disk()));
    }
    Seen what = look(raw);
    seen.merge(what, 1, Integer::sum);
    if (what == Seen.NO_FILE_SYSTEM) {
      assertThat(formatting).as("only what was being formatted is no file system").isTrue();
    }
    End end = where == Where.DISK ? takeUp(move, what, journalLost) : takeUpOnTheDiskItself(move);
    ends.merge(end, 1, Integer::sum);
    if (journalLost && what == Seen.ID) {
      assertThat(end)
          .as("nobody moves onto a store that an instance may use")
          .isEqualTo(End.REFUSED_AS_COMMITTED);
    }
    store.assertMoved(move.storage(), mounter);
  }

  /** The disk as it was made and where it was, with these contents. */
  private static void vhdxOf(RecordedMove move, Path raw) throws IOException {
    Files.createDirectory(host(move));
    Files.copy(move.blank(), move.disk());
    String convert = "qemu-img convert -n --target-is-zero -f raw -O vhdx " + raw + " ";
    LoopFileSystem.run((convert + move.disk()).split(" ", -1));
  }

  /** What the host has of the move. */
  private static Path host(RecordedMove move) {
    return Objects.requireNonNull(move.disk().getParent());
  }

  /** Puts the journal there; whether it says that formatting was begun and not ended. */
  private boolean putJournal(RecordedMove move, int written) throws IOException {
    Path place = SmallMove.journalOf(move.disk());
    Files.createDirectory(
        Objects.requireNonNull(place.getParent()),
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    Files.write(place, move.journalAt(written, random));
    Map<String, String> facts = StageJournal.read(place).orElseThrow().facts(Stage.ATTACH);
    return !facts.containsKey("fileSystemUuid");
  }

  /** The opinion of the kernel, of e2fsck, and of Nix on a store that claims to be whole. */
  private static Seen look(Path raw) throws IOException {
    Path mountPoint = Files.createDirectories(raw.resolveSibling("look"));
    if (sh("mount", "-o", "loop", raw.toString(), mountPoint.toString()).exitCode() != 0) {
      return Seen.NO_FILE_SYSTEM;
    }
    boolean committed;
    try {
      committed = store.isCommittedAndWhole(mountPoint);
    } finally {
      LoopFileSystem.run("umount", mountPoint.toString());
    }
    ProcessRunner.Result check = sh("e2fsck", "-fn", raw.toString());
    assertThat(check.exitCode()).as(check.allText()).isZero();
    return committed ? Seen.ID : Seen.NO_ID;
  }

  private static ProcessRunner.Result sh(String... command) {
    return Operation.quiet(
        "test", operation -> new ProcessRunner().run(Command.of(command), operation));
  }

  private End takeUp(RecordedMove move, Seen what, boolean journalLost) throws IOException {
    try {
      if (!journalLost) {
        SmallMove.resume(move.storage(), mounter);
        return End.TAKEN_UP;
      }
      run(move);
      return End.BEGUN_ANEW;
    } catch (StorageSdkException e) {
      if (journalLost && what == Seen.ID) {
        assertThat(e.code()).as(e.toString()).isEqualTo(ErrorCode.TARGET_NOT_EMPTY);
        mounter.ensureMounted(move.storage());
        return End.REFUSED_AS_COMMITTED;
      }
      // Cut while it was formatted: whoever looks at it cannot tell whose it is.
      assertThat(what).as(e.toString()).isEqualTo(Seen.NO_FILE_SYSTEM);
      assertThat(e.code()).isIn(ErrorCode.WRONG_STORAGE, ErrorCode.DISK_NOT_BLANK);
      if (!journalLost) {
        assertThat(e.getMessage()).contains("Delete " + move.disk());
      }
      Files.delete(move.disk());
      run(move);
      return End.DISK_MADE_ANEW;
    }
  }

  /** The journal is what the cut left of it. */
  private End takeUpOnTheDiskItself(RecordedMove move) {
    mounter.ensureMounted(SharedStorage.onVhdx(move.disk()));
    Phase phase = SmallMove.phase(move.storage(), mounter);
    if (phase == Phase.NONE) {
      run(move);
      return End.BEGUN_ANEW;
    }
    SmallMove.resume(move.storage(), mounter);
    return End.TAKEN_UP;
  }

  private void run(RecordedMove move) {
    store.run(move.storage(), mounter, SideEffects.direct());
  }
}
