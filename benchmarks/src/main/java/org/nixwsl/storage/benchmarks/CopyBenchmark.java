package org.nixwsl.storage.benchmarks;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.run.Operation;
import picocli.CommandLine.Mixin;

/** Copying a whole store onto a new file system. */
@picocli.CommandLine.Command(
    name = "copy",
    description = "Copy a store onto a new ext4, against cp and rsync. Needs root.",
    mixinStandardHelpOptions = true)
final class CopyBenchmark implements Callable<Integer> {
  @Mixin private Settings settings = new Settings();

  CopyBenchmark() {}

  @Override
  public Integer call() throws IOException {
    Machine.requireRoot("copy");
    try (BenchStore store = BenchStore.open(settings)) {
      return Operation.quiet("copy", operation -> measure(store, operation));
    }
  }

  private int measure(BenchStore store, Operation operation)
      throws IOException, InterruptedException {
    String source = store.root().toString();
    String target = store.target().toString();
    Command sync = Command.of("sync", "-f", target);
    List<Contestant> contestants =
        List.of(
            Contestant.nixwsl(
                "ours", List.of("store", "copy", source, target, "--no-reread"), sync),
            Contestant.nixwsl("ours, proven", List.of("store", "copy", source, target), sync),
            Contestant.rival("cp -a", Command.of("cp", "-a", source + "/nix", target + "/"), sync),
            Contestant.rival(
                "rsync",
                Command.of("rsync", "-aHAX", "--numeric-ids", source + "/nix/", target + "/nix/"),
                sync));
    Harness harness = new Harness(settings.runs());
    harness.title(
        "copy",
        store.describe()
            + " Each copy goes to a newly made ext4 on a loop file and ends with a sync of it."
            + " Ours hashes while it copies and compares with the database; \"proven\" also reads"
            + " everything back from the device. No rival does either.",
        operation);
    harness.measure("copy, cold", store::coldOntoFresh, contestants, operation);
    harness.measure("copy, warm", store::warmOntoFresh, contestants, operation);
    return 0;
  }
}
