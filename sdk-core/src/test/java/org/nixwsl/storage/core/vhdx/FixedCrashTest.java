package org.nixwsl.storage.core.vhdx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.nixwsl.storage.core.vhdx.TestImage.MIB;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.io.DurableFiles;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.vhdx.format.Geometry;
import org.nixwsl.storage.core.vhdx.format.WritableBytes;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskCheck;
import org.nixwsl.storage.disk.DiskInfo;
import org.nixwsl.storage.disk.DiskResize;
import org.nixwsl.storage.disk.DiskType;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.migrate.Stage;

/** Crashes while fixed disks are made, and while one grows out of its block table. */
@Tag("once")
class FixedCrashTest {
  /** Blocks of 1 MiB, of which a table of 1 MiB has room for 131,040. */
  static final int FULL = 131_000;

  private final VhdxEngine engine = new VhdxEngine();

  @TempDir Path folder;

  /**
   * The system calls that making a disk is done with, each of which a kill -9 meets once: nothing
   * has the final name, or all of the disk has it.
   */
  @Test
  void aProcessThatIsKilledAtAnyWriteLeavesNoHalfDisk() throws Exception {
    Tools.require("strace");
    Path file = folder.resolve("disk.vhdx");
    int without = 0;
    int with = 0;
    for (String call : List.of("pwrite64", "fsync", "link", "unlink")) {
      for (int n = 1; killedAt(call, n, file); n++) {
        List<String> left = names();
        if (left.remove("disk.vhdx")) {
          with++;
          assertWhole(file);
          Files.delete(file);
        } else {
          without++;
        }
        assertThat(left)
            .as("%s %d", call, n)
            .hasSizeLessThanOrEqualTo(1)
            .allMatch(name -> name.startsWith(DurableFiles.TEMPORARY_PREFIX));
        for (String name : left) {
          Files.delete(folder.resolve(name));
        }
      }
      assertWhole(file);
      Files.delete(file);
    }
    // The identifier, the headers, the tables, the metadata, the blocks; then the name.
    assertThat(without).isGreaterThan(10);
    assertThat(with).isGreaterThan(1);
  }

  /** So what a loss of power takes away has no name yet. */
  @Test
  void nothingOfADiskIsNamedBeforeItIsForced() throws Exception {
    Tools.require("strace");
    Path file = folder.resolve("disk.vhdx");
    Path trace = folder.resolve("trace");
    List<String> command = new ArrayList<>(List.of("strace", "-f", "-o", trace.toString(), "-e"));
    command.add("trace=pwrite64,fsync,link,unlink");
    command.addAll(child(file));
    Tools.Result result = Tools.run(command);
    assertThat(result.exitCode()).as(result.output()).isZero();
    List<String> calls =
        Files.readAllLines(trace).stream()
            .map(line -> line.replaceFirst("^\\d+ +", ""))
            .filter(line -> line.matches("(pwrite64|fsync|link|unlink)\\(.*"))
            .map(line -> line.substring(0, line.indexOf('(')))
            .toList();
    int named = calls.indexOf("link");
    assertThat(calls.get(named - 1)).isEqualTo("fsync");
    assertThat(calls.subList(named, calls.size())).containsExactly("link", "unlink", "fsync");
  }

  /** Whether the child was killed; if not it is done. */
  private boolean killedAt(String call, int n, Path file) throws Exception {
    List<String> command =
        new ArrayList<>(List.of("strace", "-f", "-o", "/dev/null", "-e", "trace=" + call, "-e"));
    command.add("inject=" + call + ":signal=SIGKILL:when=" + n);
    command.addAll(child(file));
    Tools.Result result = Tools.run(command);
    assertThat(result.exitCode()).as(result.output()).isIn(0, 128 + 9);
    return result.exitCode() != 0;
  }

  /** The device goes away after each number of acts in turn; what it has is what is found later. */
  @Test
  void aFixedDiskWhoseTableMovesHasTheOldOrTheNewSizeAfterAnyFailure() throws Exception {
    Path file = folder.resolve("disk.vhdx");
    makeDiskWithAFullTable(file);
    byte[] head = new byte[4 * MIB];
    long length = Files.size(file);
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      ChannelBytes bytes = ChannelBytes.of(channel);
      bytes.write(length - MIB, ByteBuffer.wrap(filled()));
      bytes.read(0, ByteBuffer.wrap(head));
    }
    int old = 0;
    int grown = 0;
    boolean done = false;
    for (int acts = 0; !done; acts++) {
      try (FileChannel channel =
          FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
        ChannelBytes bytes = ChannelBytes.of(channel);
        bytes.truncate(length);
        bytes.write(0, ByteBuffer.wrap(head));
        done = grows(new Failing(bytes, acts));
      }
      String what = "after " + acts + " acts";
      assertThat(engine.check(file).status()).as(what).isNotEqualTo(DiskCheck.Status.ERRORS);
      long blocks = holdsWhatItHeld(file, what);
      assertThat(blocks).as(what).isIn((long) FULL, FULL + 3L);
      old += blocks == FULL ? 1 : 0;
      grown += blocks == FULL ? 0 : 1;
      if (acts % 8 == 0) {
        engine.resize(file, ByteSize.mebibytes(FULL + 3));
        assertThat(holdsWhatItHeld(file, what + ", then again")).isEqualTo(FULL + 3);
      }
    }
    assertThat(old).isGreaterThan(10);
    assertThat(grown).isGreaterThan(5);
  }

  /** How many blocks the disk has; the last one that was there has contents, new ones have none. */
  private long holdsWhatItHeld(Path file, String what) throws IOException {
    try (SeekableByteChannel disk = engine.openForReading(file)) {
      ByteBuffer found = ByteBuffer.allocate(MIB);
      disk.position((FULL - 1L) * MIB).read(found);
      assertThat(Arrays.equals(found.array(), filled())).as(what).isTrue();
      for (long at = (long) FULL * MIB; at < disk.size(); at += MIB) {
        disk.position(at).read(found.clear());
        assertThat(Arrays.equals(found.array(), new byte[MIB])).as(what).isTrue();
      }
      return disk.size() / MIB;
    }
  }

  /** Whether the device lasted. */
  private static boolean grows(Failing device) {
    DiskResize to = DiskResize.to(ByteSize.mebibytes(FULL + 3));
    try {
      Operation.quiet(
          "t",
          op ->
              op.stage(
                  Stage.DISK,
                  progress -> {
                    Resizing.run(device, "t", to, op, progress);
                    return true;
                  }));
      return true;
    } catch (StorageSdkException e) {
      assertThat(e).hasMessageContaining("the device is gone");
      return false;
    }
  }

  /**
   * Makes a fixed disk with as many blocks as a table of 1 MiB has entries for, nearly, in a file
   * that is mostly a hole.
   */
  static void makeDiskWithAFullTable(Path file) throws IOException {
    Geometry small = new Geometry(DiskType.FIXED, 31L * 4096 * MIB, MIB, 512, 4096);
    Geometry geometry = small.withVirtualSize((long) FULL * MIB);
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE)) {
      DiskCreation.write(channel, small);
      ChannelBytes bytes = ChannelBytes.of(channel);
      // As large as a disk with such a table can be.
      ByteBuffer size = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
      bytes.write(TestImage.ITEMS + 8, size.putLong(0, geometry.virtualSize()));
      AddedBlocks blocks = new AddedBlocks(geometry, 0, TestImage.PAYLOAD);
      Operation.quiet(
          "t",
          op -> {
            blocks.forEachPiece(0, op, (index, e) -> bytes.write(TestImage.BAT + index * 8, e));
            return true;
          });
      bytes.extend((4L + FULL) * MIB);
    }
  }

  private static byte[] filled() {
    byte[] bytes = new byte[MIB];
    Arrays.fill(bytes, (byte) 3);
    return bytes;
  }

  /** A device that takes so many acts, and no more. */
  private static final class Failing implements WritableBytes {
    private final WritableBytes file;
    private int left;

    Failing(WritableBytes file, int acts) {
      this.file = file;
      this.left = acts;
    }

    private void act() throws IOException {
      if (left == 0) {
        throw new IOException("the device is gone");
      }
      left--;
    }

    @Override
    public long size() {
      return file.size();
    }

    @Override
    public void read(long offset, ByteBuffer target) throws IOException {
      file.read(offset, target);
    }

    @Override
    public void write(long offset, ByteBuffer source) throws IOException {
      act();
      file.write(offset, source);
    }

    @Override
    public void extend(long size) throws IOException {
      act();
      file.extend(size);
    }

    @Override
    public void truncate(long size) throws IOException {
      act();
      file.truncate(size);
    }

    @Override
    public void force() throws IOException {
      act();
      file.force();
    }
  }

  private static List<String> child(Path file) {
    return List.of(
        ChildJvm.java(),
        "-Xmx64m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:-UsePerfData",
        "-cp",
        System.getProperty("java.class.path"),
        ChildJvm.class.getName(),
        "create-fixed",
        file.toString(),
        "4M");
  }

  private void assertWhole(Path file) throws IOException {
    assertThat(engine.check(file).findings()).isEmpty();
    DiskInfo info = engine.inspect(file);
    assertThat(info.type()).isEqualTo(DiskType.FIXED);
    assertThat(info.blocks().fullyPresent()).isEqualTo(4);
    assertThat(Files.size(file)).isEqualTo(8L * MIB);
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return new ArrayList<>(files.map(f -> f.getFileName().toString()).toList());
    }
  }
}
