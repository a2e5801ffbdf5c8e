package org.nixwsl.storage.benchmarks;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.store.VerifyRequest;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Comparing the contents of a whole store with its database. */
@Command(
    name = "verify",
    description = "Verify the contents of a store, against Nix. Cold only with root.",
    mixinStandardHelpOptions = true)
final class VerifyBenchmark implements Callable<Integer> {
  @Mixin private Settings settings = new Settings();

  VerifyBenchmark() {}

  @Override
  public Integer call() throws IOException {
    try (BenchStore store = BenchStore.open(settings);
        StorageSdk sdk = StorageSdk.open()) {
      return Operation.quiet("verify", operation -> measure(store, sdk, operation));
    }
  }

  private int measure(BenchStore store, StorageSdk sdk, Operation operation)
      throws IOException, InterruptedException {
    String uri = store.uriWithOwnDatabase();
    List<Contestant> contestants =
        new ArrayList<>(
            List.of(
                Contestant.nixwsl("ours", List.of("store", "verify", store.root().toString())),
                Contestant.rival(
                    "nix store verify",
                    store.nix(
                        List.of("nix", "store", "verify", "--store", uri, "--all", "--no-trust"))),
                Contestant.rival(
                    "nix-store --verify",
                    store.nix(
                        List.of("nix-store", "--store", uri, "--verify", "--check-contents")))));
    Harness harness = new Harness(settings.runs());
    harness.title("verify", store.describe(), operation);
    if (Machine.root()) {
      harness.measure("verify, cold", store::cold, contestants, operation);
    } else {
      harness.note("verify, cold: left out, as only root can drop the page cache.");
    }
    verify(sdk, store); // so that the next contestant is a JVM that has done it once
    contestants.add(
        1,
        Contestant.inProcess(
            "ours, again in one JVM",
            "sdk.verifier().verify(VerifyRequest.of(store)) in a JVM that has done it once",
            unused -> verify(sdk, store)));
    harness.measure("verify, warm", store::warm, contestants, operation);
    return 0;
  }

  private static void verify(StorageSdk sdk, BenchStore store) {
    if (sdk.verifier().verify(VerifyRequest.of(store.store())).damaged()) {
      throw new IllegalStateException("the store is damaged: measure a healthy one");
    }
  }
}
