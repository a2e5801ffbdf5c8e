package org.nixwsl.storage.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.Callable;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskChannel;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.testkit.ScratchDirectory;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code vhdx-io}: reading and writing the contents of a VHDX, in process. */
@CommandLine.Command(
    name = "vhdx-io",
    description =
        "Sequential and random reading and writing of a VHDX against qemu-io, and the memory that a"
            + " disk of 64 TiB takes.")
final class VhdxIoBenchmark implements Callable<Integer> {
  /** What is written and read at a time; qemu-io gets one command for each. */
  private static final int CHUNK = 1 << 20;

  private static final int SECTORS = 4096;
  private static final long SEED = 64;

  @Mixin private Settings settings = new Settings();

  @Option(
      names = "--mebibytes",
      defaultValue = "256",
      paramLabel = "N",
      description = "How much is written and read in sequence; ${DEFAULT-VALUE} when not given.")
  private int mebibytes;

  @Option(
      names = "--random",
      defaultValue = "2000",
      paramLabel = "N",
      description = "How many places of 4 KiB, of the same range; ${DEFAULT-VALUE} when not given.")
  private int places;

  VhdxIoBenchmark() {}

  @Override
  public Integer call() throws IOException {
    try (ScratchDirectory scratch = ScratchDirectory.in(settings.work(), "run-");
        StorageSdk sdk = StorageSdk.open()) {
      return Operation.quiet("vhdx-io", operation -> measure(scratch.path(), sdk, operation));
    }
  }

  private int measure(Path scratch, StorageSdk sdk, Operation operation)
      throws IOException, InterruptedException {
    Harness harness = new Harness(settings.runs());
    harness.title(
        "vhdx-io",
        "A dynamic disk of 16 GiB with blocks of 1 MiB on "
            + Machine.fileSystem(scratch)
            + ". Writing ends on the device. Reading comes from the page cache. qemu-io is a process"
            + " of its own, given all requests at once.",
        operation);
    List<Long> inOrder = new ArrayList<>();
    for (long i = 0; i < mebibytes; i++) {
      inOrder.add(i * CHUNK);
    }
    Random random = new Random(SEED);
    List<Long> scattered = new ArrayList<>();
    for (int i = 0; i < places; i++) {
      scattered.add(random.nextLong(mebibytes * (CHUNK / (long) SECTORS)) * SECTORS);
    }
    Path disk = scratch.resolve("disk.vhdx");
    for (Case test :
        List.of(
            new Case("sequential write, new blocks", true, true, inOrder, CHUNK),
            new Case("sequential write, in place", true, false, inOrder, CHUNK),
            new Case("sequential read", false, false, inOrder, CHUNK),
            new Case("random write of 4 KiB, in place", true, false, scattered, SECTORS),
            new Case("random read of 4 KiB", false, false, scattered, SECTORS))) {
      harness.measure(
          test.name,
          unused -> {
            make(sdk, disk, test.blank ? List.of() : inOrder);
            Machine.settle(operation);
            return () -> Files.deleteIfExists(disk);
          },
          List.of(
              Contestant.inProcess("ours, in process", test.told(), o -> test.run(sdk, disk)),
              Contestant.rival("qemu-io", test.qemu(disk))),
          operation);
    }
    harness.print();
    memory(harness, scratch, sdk);
    return 0;
  }

  private static void make(StorageSdk sdk, Path disk, List<Long> filled) throws IOException {
    sdk.vhdx().create(disk, DiskSpec.ofSize(ByteSize.gibibytes(16)));
    new Case("", true, true, filled, CHUNK).run(sdk, disk);
  }

  /** What is live on the heap while a channel on the largest disk is in use. */
  private static void memory(Harness harness, Path scratch, StorageSdk sdk) throws IOException {
    Path disk = scratch.resolve("large.vhdx");
    Runtime runtime = Runtime.getRuntime();
    sdk.vhdx().create(disk, DiskSpec.ofSize(ByteSize.tebibytes(64)));
    System.gc();
    long before = runtime.totalMemory() - runtime.freeMemory();
    try (DiskChannel channel = sdk.vhdx().openForWriting(disk)) {
      Random random = new Random(SEED);
      for (int i = 0; i < 200; i++) {
        channel.position(random.nextLong(1L << 34) * SECTORS);
        channel.write(ByteBuffer.wrap(new byte[] {1}));
      }
      System.gc();
      long live = runtime.totalMemory() - runtime.freeMemory() - before;
      harness.note(
          String.format(
              Locale.ROOT,
              "A disk of 64 TiB with blocks of 1 MiB, open, 200 places written: %.1f MiB more are"
                  + " live on the heap; its file is %s long.",
              live / 1048576.0,
              ByteSize.ofBytes(Files.size(disk))));
    }
    Files.delete(disk);
  }

  /** One kind of requests. */
  private record Case(String name, boolean write, boolean blank, List<Long> offsets, int length) {
    String told() {
      return String.format(
          Locale.ROOT,
          "%d calls of %s of %d bytes on sdk.vhdx().%s(file), which is then closed",
          offsets.size(),
          write ? "write" : "read",
          length,
          write ? "openForWriting" : "openForReading");
    }

    void run(StorageSdk sdk, Path disk) throws IOException {
      ByteBuffer buffer = ByteBuffer.allocateDirect(length);
      while (buffer.hasRemaining()) {
        buffer.put((byte) 0xA5);
      }
      try (SeekableByteChannel channel =
          write ? sdk.vhdx().openForWriting(disk) : sdk.vhdx().openForReading(disk)) {
        for (long offset : offsets) {
          buffer.clear();
          channel.position(offset);
          int done = write ? channel.write(buffer) : channel.read(buffer);
          if (done != length) {
            throw new IOException("Only " + done + " bytes at " + offset);
          }
        }
      }
    }

    /** Through a shell, as its requests may be too many for one command line. */
    Command qemu(Path disk) {
      StringBuilder requests = new StringBuilder();
      for (long offset : offsets) {
        requests
            .append(write ? "write -q -P 0xa5 " : "read -q ")
            .append(offset)
            .append(' ')
            .append(length)
            .append('\n');
      }
      if (write) {
        requests.append("flush\n");
      }
      Path script = disk.resolveSibling("requests");
      try {
        Files.writeString(script, requests);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      return Command.of(
          "sh",
          "-c",
          "qemu-io -f vhdx -t writeback \"$0\" <\"$1\" >/dev/null",
          disk + "",
          script + "");
    }
  }
}
