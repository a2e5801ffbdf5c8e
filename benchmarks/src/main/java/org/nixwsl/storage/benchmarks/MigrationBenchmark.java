package org.nixwsl.storage.benchmarks;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.run.Operation;
import picocli.CommandLine.Mixin;

/** Moving a store and being sure of it: our way and the way by hand. */
@picocli.CommandLine.Command(
    name = "migration",
    description =
        "Move a store from cold, proven, against verify + rsync + diff + verify. Needs root.",
    mixinStandardHelpOptions = true)
final class MigrationBenchmark implements Callable<Integer> {
  @Mixin private Settings settings = new Settings();

  MigrationBenchmark() {}

  @Override
  public Integer call() throws IOException {
    Machine.requireRoot("migration");
    try (BenchStore store = BenchStore.open(settings)) {
      return Operation.quiet("migration", operation -> measure(store, operation));
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
                "ours",
                List.of(
                    "migrate",
                    "run",
                    "--source",
                    source,
                    "--instance",
                    "bench",
                    "--directory",
                    target),
                sync),
            Contestant.rival(
                "by hand",
                nixVerify(store, store.uriWithOwnDatabase()),
                Command.of("rsync", "-aHAX", "--numeric-ids", source + "/nix/", target + "/nix/"),
                sync,
                Command.of(
                    "diff", "-r", "--no-dereference", source + "/nix/store", target + "/nix/store"),
                nixVerify(store, "local?root=" + target)));
    Harness harness = new Harness(settings.runs());
    harness.title(
        "migration",
        store.describe()
            + " From cold onto a newly made ext4 on a loop file. Ours plans, copies, reads"
            + " everything back from the device and commits.",
        operation);
    harness.measure("migration, cold", store::coldOntoFresh, contestants, operation);
    return 0;
  }

  private static Command nixVerify(BenchStore store, String uri) throws IOException {
    return store.nix(List.of("nix-store", "--store", uri, "--verify", "--check-contents"));
  }
}
