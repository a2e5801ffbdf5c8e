package org.nixwsl.storage.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.testkit.ScratchDirectory;
import org.nixwsl.storage.testkit.nix.NixProgram;
import org.nixwsl.storage.testkit.nix.RealNixStore;

/**
 * The store that is measured, and a private place for what the runs make. Closing deletes that
 * place; the store stays. Nothing may be mounted there any more.
 *
 * @param root the directory that holds {@code nix/}
 * @param files what is in it
 * @param scratch the private place
 */
record BenchStore(Path root, StoreFiles files, ScratchDirectory scratch) implements AutoCloseable {
  private static final long SEED = 1;

  /** The store that was asked for; a made one is made once and kept in the work directory. */
  static BenchStore open(Settings settings) throws IOException {
    Path work = settings.work();
    Path root = settings.store().isPresent() ? settings.store().get() : made(work, settings);
    if (!Files.exists(NixStore.ofRoot(root).database())) {
      throw new IllegalArgumentException(
          root + " is no chroot store: " + NixStore.ofRoot(root).database() + " is missing");
    }
    StoreFiles files = StoreFiles.readAll(NixStore.ofRoot(root));
    BenchStore store = new BenchStore(root, files, ScratchDirectory.in(work, "run-"));
    Files.createDirectory(store.target());
    return store;
  }

  private static Path made(Path work, Settings settings) throws IOException {
    Path root = work.resolve("store-" + settings.packages());
    if (Files.exists(root)) {
      return root;
    }
    if (!NixProgram.installed()) {
      throw new IllegalStateException(
          "Nix makes the store, and it is not installed. Install nix-bin, or name a store with"
              + " --store.");
    }
    System.err.println("making a store of " + settings.packages() + " packages, once");
    try (ScratchDirectory scratch = ScratchDirectory.in(work, "making-")) {
      NixProgram nix = NixProgram.in(Files.createDirectory(scratch.path().resolve("nix-work")));
      Path making = scratch.path().resolve("root");
      RealNixStore.make(nix, making, settings.packages(), SEED);
      // Under its name only when it is whole: a run that is stopped leaves no half of a store.
      Files.move(making, root, StandardCopyOption.ATOMIC_MOVE);
    }
    return root;
  }

  /** The store for the SDK. */
  NixStore store() {
    return NixStore.ofRoot(root);
  }

  /** An empty directory, where {@link #fresh} mounts. */
  Path target() {
    return scratch.path().resolve("target");
  }

  /** What the tables are about. */
  String describe() throws IOException {
    return "The store: " + root + " (" + Machine.fileSystem(root) + "), " + files + ".";
  }

  /** Nothing of the store cached, and a new file system mounted on the target. */
  Harness.Prepared coldOntoFresh(Operation operation) throws IOException, InterruptedException {
    return fresh(operation, true);
  }

  /** All of the store cached, and a new file system mounted on the target. */
  Harness.Prepared warmOntoFresh(Operation operation) throws IOException, InterruptedException {
    return fresh(operation, false);
  }

  private Harness.Prepared fresh(Operation operation, boolean cold)
      throws IOException, InterruptedException {
    FreshExt4 target = FreshExt4.mount(scratch.path(), target(), files, operation);
    boolean ready = false;
    try {
      if (cold) {
        cold(operation);
      } else {
        warm(operation);
      }
      ready = true;
      return target;
    } finally {
      if (!ready) {
        target.close();
      }
    }
  }

  /** Nothing of the store cached. */
  Harness.Prepared cold(Operation operation) throws IOException, InterruptedException {
    Machine.dropCaches(operation);
    return () -> {};
  }

  /** All of the store cached. */
  Harness.Prepared warm(Operation operation) throws IOException, InterruptedException {
    StoreFiles.readAll(store());
    Machine.settle(operation);
    return () -> {};
  }

  /** Nix's own settings, so that the machine's neither help nor hurt. */
  Command nix(List<String> argv) throws IOException {
    Path conf = scratch.path().resolve("conf");
    if (!Files.exists(conf)) {
      Files.createDirectory(conf);
      Files.writeString(
          conf.resolve("nix.conf"),
          "substituters =\nbuild-users-group =\nexperimental-features = nix-command\n");
    }
    return Command.of(argv)
        .with("NIX_CONF_DIR", conf.toString())
        .with("HOME", scratch.path().toString());
  }

  /**
   * The store for Nix, with a copy of its database: {@code --verify} writes to the one it is given,
   * and the store may be the caller's own.
   */
  String uriWithOwnDatabase() throws IOException {
    Path state = scratch.path().resolve("state");
    Path db = Files.createDirectories(state.resolve("db"));
    List<String> names = new ArrayList<>(List.of("db.sqlite", "db.sqlite-wal", "schema"));
    names.removeIf(name -> Files.notExists(store().database().resolveSibling(name)));
    for (String name : names) {
      Files.copy(
          store().database().resolveSibling(name),
          db.resolve(name),
          StandardCopyOption.REPLACE_EXISTING);
    }
    return "local?real="
        + store().storeDirectory()
        + "&state="
        + state
        + "&log="
        + state.resolve("log");
  }

  @Override
  public void close() throws IOException {
    scratch.close();
  }
}
