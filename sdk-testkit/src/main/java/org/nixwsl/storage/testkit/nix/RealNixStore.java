package org.nixwsl.storage.testkit.nix;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.nixwsl.storage.store.NixStore;

/**
 * A store made by Nix itself: packages with shared contents, executables, symlinks and odd names,
 * files and derivations that refer to them, a profile with two generations, and identical files
 * hard-linked by {@code nix-store --optimise}.
 */
public final class RealNixStore {
  private static final int SHARED_FILES = 40;
  private static final int LARGEST_SMALL_FILE = 60_000;
  private static final int LARGE_FILE = 2 << 20;

  private RealNixStore() {}

  /**
   * Makes a store.
   *
   * @param nix the Nix that makes it
   * @param root the directory that will hold {@code nix/}; made when it is not there
   * @param packages how many packages, at least 2; each takes about 1.5 MB and 60 files
   * @param seed equal seeds give equal contents
   */
  public static NixStore make(NixProgram nix, Path root, int packages, long seed)
      throws IOException {
    Path sources = Files.createTempDirectory(nix.work(), "sources-");
    Random random = new Random(seed);
    List<byte[]> shared = new ArrayList<>();
    for (int i = 0; i < SHARED_FILES; i++) {
      shared.add(bytes(random, random.nextInt(LARGEST_SMALL_FILE)));
    }
    for (int i = 0; i < packages; i++) {
      writePackage(Files.createDirectory(sources.resolve("package-" + i)), i, random, shared);
    }
    Path expression = sources.resolve("store.nix");
    Files.writeString(expression, expression(packages));
    Files.createDirectories(root);
    NixProgram.requireOk(
        nix.onRoot(root, List.of("nix-instantiate", expression.toString())), "nix-instantiate");

    NixStore store = NixStore.ofRoot(root);
    for (String name : List.of("package-0", "package-1")) {
      NixProgram.requireOk(
          nix.onRoot(
              root,
              List.of(
                  "nix-env",
                  "--profile",
                  store.stateDirectory().resolve("profiles").resolve("demo").toString(),
                  "--set",
                  "/nix/store/" + named(store, name))),
          "nix-env --set");
    }
    NixProgram.requireOk(
        nix.onRoot(root, List.of("nix-store", "--optimise")), "nix-store --optimise");
    return store;
  }

  private static String named(NixStore store, String name) throws IOException {
    try (var entries = Files.newDirectoryStream(store.storeDirectory(), "*-" + name)) {
      for (Path entry : entries) {
        return String.valueOf(entry.getFileName());
      }
    }
    throw new IllegalStateException("Nix made no store path for " + name);
  }

  /** Sources, a text file that refers to two of them, and a derivation that refers to all three. */
  private static String expression(int packages) {
    return """
        let
          packages = %d;
          source = i: builtins.path {
            path = ./. + "/package-${toString i}";
            name = "package-${toString i}";
          };
          wrapper = i: builtins.toFile "wrapper-${toString i}"
            "${source i}/bin/run ${source (if i == 0 then packages - 1 else i - 1)}";
          unit = i: derivation {
            name = "unit-${toString i}";
            system = builtins.currentSystem;
            builder = "/bin/sh";
            args = [ (wrapper i) ];
            src = source i;
          };
        in builtins.genList unit packages
        """
        .formatted(packages);
  }

  private static void writePackage(Path top, int number, Random random, List<byte[]> shared)
      throws IOException {
    Path bin = Files.createDirectory(top.resolve("bin"));
    Path run = Files.writeString(bin.resolve("run"), "#!/bin/sh\necho " + number + "\n");
    if (Files.getFileStore(run).supportsFileAttributeView("posix")) {
      Files.setPosixFilePermissions(run, PosixFilePermissions.fromString("rwxr-xr-x"));
    }
    Files.createSymbolicLink(bin.resolve("start"), Path.of("run"));
    Path share = Files.createDirectories(top.resolve("share").resolve("doc"));
    for (int i = 0; i < 50; i++) {
      boolean own = random.nextInt(3) == 0;
      byte[] contents =
          own
              ? bytes(random, random.nextInt(LARGEST_SMALL_FILE))
              : shared.get(random.nextInt(shared.size()));
      Files.write(share.resolve("file-" + i), contents);
    }
    Files.createSymbolicLink(share.resolve("latest"), Path.of("file-0"));
    Files.createSymbolicLink(share.resolve("dangling"), Path.of("../nowhere"));
    Files.write(share.resolve("empty"), new byte[0]);
    if (number % 10 == 0) {
      Files.write(top.resolve("large.bin"), bytes(random, LARGE_FILE));
    }
    if (number == 0) {
      writeOddNames(Files.createDirectory(top.resolve("odd")));
    }
  }

  /** Names that only programs which keep raw bytes bring over. */
  private static void writeOddNames(Path odd) throws IOException {
    String base = odd.toUri().getRawPath();
    String slash = base.endsWith("/") ? "" : "/";
    for (String name :
        List.of(
            "with%20space", "two%0Alines", "latin1-%E9", "broken-%FF%FE", "utf8-%C3%A9", "%25")) {
      Path path = Path.of(URI.create("file://" + base + slash + name));
      Files.write(path, name.getBytes(StandardCharsets.US_ASCII));
    }
  }

  private static byte[] bytes(Random random, int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    return bytes;
  }
}
