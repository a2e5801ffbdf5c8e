package org.nixwsl.storage.examples.nixwsl;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.testkit.ScratchDirectory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code nixwsl demo}: the main job from beginning to end, on a store that it makes itself. */
@Command(
    name = "demo",
    description =
        "Make a Nix store, move it to a new disk, prove it, and clean up. Exit 1: something was not"
            + " proven.")
final class DemoCommand implements Callable<Integer> {
  @Option(
      names = "--work",
      paramLabel = "DIR",
      description = "Where store and disk are made; /var/tmp when not given.")
  private @Nullable Path work;

  @Option(
      names = "--packages",
      defaultValue = "60",
      paramLabel = "N",
      description = "How many packages the store gets, 2 to 10000; each is about 1.5 MB.")
  private int packages;

  @Option(names = "--seed", defaultValue = "1", paramLabel = "N", description = "Of the contents.")
  private long seed;

  @Option(
      names = "--wsl",
      description =
          "Instead, as on Windows: two instances of a simulated WSL, which are containers with a"
              + " systemd, are moved to one disk through wsl.exe's stand-in, restarted on it, and"
              + " one is taken back. Linux as root, with Docker.")
  private boolean wsl;

  @Option(names = "--keep", description = "Keep the store and the disk.")
  private boolean keep;

  @Mixin private @Nullable Output output;

  DemoCommand() {}

  @Override
  public Integer call() throws IOException {
    if (packages < 2 || packages > 10_000) {
      throw new IllegalArgumentException("--packages takes a number from 2 to 10000");
    }
    Output shown = Objects.requireNonNull(output);
    if (wsl) {
      return new WslDemo(shown).run() ? NixWsl.OK : NixWsl.FINDINGS;
    }
    ScratchDirectory scratch = ScratchDirectory.in(base(), "nixwsl-demo-");
    try (StorageSdk sdk = StorageSdk.open()) {
      DemoRun run = new DemoRun(sdk, scratch.path(), packages, seed, shown);
      boolean proven = run.run();
      if (keep) {
        shown.out().println("kept in " + scratch.path());
        shown.out().flush();
      }
      return proven ? NixWsl.OK : NixWsl.FINDINGS;
    } finally {
      if (!keep) {
        scratch.close();
      }
    }
  }

  private Path base() {
    if (work != null) {
      return work;
    }
    // A store cannot live on tmpfs, which /tmp often is.
    Path lasting = Path.of("/var/tmp");
    return Files.isDirectory(lasting) ? lasting : Path.of(System.getProperty("java.io.tmpdir"));
  }
}
