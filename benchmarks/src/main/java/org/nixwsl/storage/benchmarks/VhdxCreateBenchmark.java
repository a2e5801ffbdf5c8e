package org.nixwsl.storage.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.testkit.ScratchDirectory;
import picocli.CommandLine.Mixin;

/** Creating a large dynamic disk. */
@picocli.CommandLine.Command(
    name = "vhdx-create",
    description = "Create a dynamic VHDX of 2 TiB, against qemu-img.",
    mixinStandardHelpOptions = true)
final class VhdxCreateBenchmark implements Callable<Integer> {
  private static final DiskSpec DISK = DiskSpec.ofSize(ByteSize.parse("2T"));

  /** What qemu-img takes for a disk of this size if it is not told. */
  private static final DiskSpec LARGE_BLOCKS =
      DiskSpec.builder()
          .virtualSize(ByteSize.parse("2T"))
          .blockSize(ByteSize.mebibytes(32))
          .build();

  @Mixin private Settings settings = new Settings();

  VhdxCreateBenchmark() {}

  @Override
  public Integer call() throws IOException {
    try (ScratchDirectory scratch = ScratchDirectory.in(settings.work(), "run-");
        StorageSdk sdk = StorageSdk.open()) {
      return Operation.quiet("vhdx-create", operation -> measure(scratch.path(), sdk, operation));
    }
  }

  private int measure(Path scratch, StorageSdk sdk, Operation operation)
      throws IOException, InterruptedException {
    Path file = scratch.resolve("disk.vhdx");
    String name = file.toString();
    Command sync = Command.of("sync", name);
    List<Contestant> contestants =
        List.of(
            Contestant.inProcess(
                "ours, in process",
                "sdk.vhdx().create(file, DiskSpec.ofSize(ByteSize.parse(\"2T\")))",
                unused -> sdk.vhdx().create(file, DISK)),
            Contestant.inProcess(
                "ours, in process, 32 MiB blocks",
                "the same with .blockSize(ByteSize.mebibytes(32))",
                unused -> sdk.vhdx().create(file, LARGE_BLOCKS)),
            Contestant.nixwsl(
                "ours, whole process", List.of("vhdx", "create", name, "--size", "2T")),
            Contestant.rival("qemu-img (32 MiB blocks)", qemu(name)),
            Contestant.rival("qemu-img (32 MiB blocks), synced", qemu(name), sync),
            Contestant.rival("qemu-img, 1 MiB blocks", qemu(name, "-o", "block_size=1M")),
            Contestant.rival(
                "qemu-img, 1 MiB blocks, synced", qemu(name, "-o", "block_size=1M"), sync));
    Harness harness = new Harness(settings.runs());
    harness.title(
        "vhdx-create",
        "A dynamic disk of 2 TiB on "
            + Machine.fileSystem(scratch)
            + ". Ours has blocks of 1 MiB if not said otherwise, and is on the device when the call returns.",
        operation);
    harness.measure(
        "vhdx-create",
        unused -> {
          Machine.settle(operation);
          return () -> Files.deleteIfExists(file);
        },
        contestants,
        operation);
    harness.print();
    for (Contestant contestant : contestants) {
      if (contestant.missing().isEmpty()) {
        contestant.run(operation);
        harness.note(
            String.format(
                Locale.ROOT,
                "File of %s: %.1f MiB long, %.1f MiB in use.",
                contestant.name(),
                Files.size(file) / 1048576.0,
                blocks(file, operation) * 512 / 1048576.0));
        Files.delete(file);
      }
    }
    return 0;
  }

  /** What stat calls blocks: units of 512 bytes, whatever the file system's own are. */
  private static long blocks(Path file, Operation operation)
      throws IOException, InterruptedException {
    return Long.parseLong(
        new ProcessRunner()
            .runOk(Command.of("stat", "-c", "%b", file.toString()), operation)
            .text()
            .strip());
  }

  private static Command qemu(String file, String... options) {
    List<String> argv = new ArrayList<>(List.of("qemu-img", "create", "-q", "-f", "vhdx"));
    argv.addAll(List.of(options));
    argv.addAll(List.of(file, "2T"));
    return Command.of(argv);
  }
}
