package org.nixwsl.storage.testkit.copy;

import java.nio.file.Path;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.migrate.CopyEngine;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;

/** Copies a store in a process of its own, whose calls to the kernel fail or kill it. */
final class FaultyCopy {
  static final int FAILED = 3;

  private FaultyCopy() {}

  /** Arguments: source, target, whether it is an update. */
  public static void main(String[] args) {
    CopyRequest request =
        CopyRequest.builder()
            .source(NixStore.ofNixDirectory(Path.of(args[0])))
            .target(NixStore.ofNixDirectory(Path.of(args[1])))
            .update(Boolean.parseBoolean(args[2]))
            // Faults are counted for each thread: with one, none is passed over.
            .threads(1)
            .build();
    try {
      new CopyEngine(CopyBench.host(), Ticker.system()).copy(request, RunOptions.ofDefaults());
    } catch (StorageSdkException e) {
      System.out.println(e.code() + " " + e.stateLeft() + " " + e.getMessage());
      System.exit(FAILED);
    }
  }
}
