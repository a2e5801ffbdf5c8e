package org.nixwsl.storage.benchmarks;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.store.VerifyRequest;
import picocli.CommandLine.Mixin;

/** Copying, verifying and moving a whole store, beside what people use for it now. */
@picocli.CommandLine.Command(
    name = "store",
    description =
        "Copy, verify and move a store, against cp, rsync, Nix and the way by hand. Needs root.",
    mixinStandardHelpOptions = true)
final class StoreBenchmark implements Callable<Integer> {
  @Mixin private Settings settings = new Settings();

  StoreBenchmark() {}

  @Override
  public Integer call() throws IOException {
    Machine.requireRoot("store");
    try (BenchStore store = BenchStore.open(settings);
        StorageSdk sdk = StorageSdk.open()) {
      return Operation.quiet("store", operation -> measure(store, sdk, operation));
    }
  }

  private int measure(BenchStore store, StorageSdk sdk, Operation operation)
      throws IOException, InterruptedException {
    Harness harness = new Harness(settings.runs());
    harness.title(
        "store",
        store.describe()
            + " Each copy goes to a newly made ext4 on a loop file and ends with a sync of it."
            + " Ours hashes while it copies and compares with the database; \"proven\" also reads"
            + " everything back from the device. cp and rsync do neither, and nix copy makes one"
            + " inode of each name.",
        operation);
    harness.measure("copy, cold", store::coldOntoFresh, copies(store), operation);
    harness.measure("copy, warm", store::warmOntoFresh, copies(store), operation);
    List<Contestant> verifiers = verifiers(store);
    harness.measure("verify, cold", store::cold, verifiers, operation);
    verify(sdk, store); // so that the next contestant is a JVM that has done it once
    verifiers.add(
        1,
        Contestant.inProcess(
            "ours, again in one JVM",
            "sdk.verifier().verify(VerifyRequest.of(store)) in a JVM that has done it once",
            unused -> verify(sdk, store)));
    harness.measure("verify, warm", store::warm, verifiers, operation);
    harness.measure("migration, cold", store::coldOntoFresh, migrations(store), operation);
    MoveFigures figures =
        new MoveFigures(store, Contestant.nixwsl(ownJdk(), move(store, "--json")));
    harness.measure(
        "resume after a kill at 90 %",
        figures::killed, List.of(Contestant.nixwsl("ours", move(store), sync(store))), operation);
    harness.print();
    for (int run = 1; run <= settings.runs(); run++) {
      harness.note(figures.downtime(operation));
    }
    return 0;
  }

  private List<Contestant> copies(BenchStore store) throws IOException {
    String source = store.root().toString();
    String target = store.target().toString();
    Command sync = sync(store);
    List<String> plain = List.of("store", "copy", source, target, "--no-reread");
    List<Contestant> all = ours(plain, sync);
    all.add(Contestant.nixwsl("ours, proven", List.of("store", "copy", source, target), sync));
    all.add(Contestant.rival("cp -a", Command.of("cp", "-a", source + "/nix", target + "/"), sync));
    all.add(
        Contestant.rival(
            "rsync",
            Command.of("rsync", "-aHAX", "--numeric-ids", source + "/nix/", target + "/nix/"),
            sync));
    all.add(
        Contestant.rival(
            "nix copy",
            store.nix(
                List.of(
                    "nix",
                    "copy",
                    "--from",
                    store.uriWithOwnDatabase(),
                    "--to",
                    "local?root=" + target,
                    "--all",
                    "--no-check-sigs")),
            sync));
    return all;
  }

  private List<Contestant> verifiers(BenchStore store) throws IOException {
    String uri = store.uriWithOwnDatabase();
    List<Contestant> all = ours(List.of("store", "verify", store.root().toString()));
    all.add(
        Contestant.rival(
            "nix store verify",
            store.nix(List.of("nix", "store", "verify", "--store", uri, "--all", "--no-trust"))));
    all.add(Contestant.rival("nix-store --verify", nixVerify(store, uri)));
    return all;
  }

  private List<Contestant> migrations(BenchStore store) throws IOException {
    String source = store.root().toString();
    String target = store.target().toString();
    Command sync = sync(store);
    List<Contestant> all = ours(move(store), sync);
    all.add(
        Contestant.rival(
            "by hand",
            nixVerify(store, store.uriWithOwnDatabase()),
            Command.of("rsync", "-aHAX", "--numeric-ids", source + "/nix/", target + "/nix/"),
            sync,
            Command.of(
                "diff", "-r", "--no-dereference", source + "/nix/store", target + "/nix/store"),
            nixVerify(store, "local?root=" + target)));
    return all;
  }

  private static List<String> move(BenchStore store, String... more) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "migrate",
                "run",
                "--source",
                store.root().toString(),
                "--instance",
                "bench",
                "--directory",
                store.target().toString()));
    all.addAll(List.of(more));
    return all;
  }

  private static Command sync(BenchStore store) {
    return Command.of("sync", "-f", store.target().toString());
  }

  private static Path ownJdk() {
    return Path.of(System.getProperty("java.home"));
  }

  /** One command of ours on each JDK. */
  private List<Contestant> ours(List<String> arguments, Command... after) {
    List<Contestant> all = new ArrayList<>(List.of(Contestant.nixwsl("ours", arguments, after)));
    for (Path jdk : settings.otherJdk().stream().toList()) {
      all.add(Contestant.nixwsl("ours, other JDK", jdk, arguments, after));
    }
    return all;
  }

  private static Command nixVerify(BenchStore store, String uri) throws IOException {
    return store.nix(List.of("nix-store", "--store", uri, "--verify", "--check-contents"));
  }

  private static void verify(StorageSdk sdk, BenchStore store) {
    if (sdk.verifier().verify(VerifyRequest.of(store.store())).damaged()) {
      throw new IllegalStateException("the store is damaged: measure a healthy one");
    }
  }
}
