package org.nixwsl.storage.testkit;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.nixwsl.storage.store.NixStore;

/** What {@code /nix/var} holds besides the database. */
final class StateDirectory {
  private StateDirectory() {}

  /** Directories, version and lock files: what has to be there before the database. */
  static void make(NixStore store) throws IOException {
    Path state = store.stateDirectory();
    for (String name :
        List.of(
            "db",
            "profiles/per-user/root",
            "gcroots/auto",
            "gcroots/per-user",
            "temproots",
            "userpool",
            "daemon-socket",
            "gc-socket")) {
      Files.createDirectories(state.resolve(name));
    }
    Files.createDirectories(store.directory().resolve("var/log/nix/drvs/ab"));
    Files.write(store.directory().resolve("var/log/nix/drvs/ab/cd-hello.drv"), new byte[] {'l'});
    Files.writeString(state.resolve("db/schema"), "10");
    Files.createFile(state.resolve("db/big-lock"));
    Files.createFile(state.resolve("gc.lock"));
  }

  /** A profile with two generations, and roots: one that is alive and one that dangles. */
  static void addRoots(NixStore store, List<String> paths) throws IOException {
    Path state = store.stateDirectory();
    Path profiles = state.resolve("profiles");
    link(profiles.resolve("system-1-link"), paths.get(0));
    link(profiles.resolve("system-2-link"), paths.get(1));
    link(profiles.resolve("system"), "system-2-link");
    link(profiles.resolve("per-user/root/channels-1-link"), paths.get(2));
    link(profiles.resolve("per-user/root/channels"), "channels-1-link");
    Path roots = state.resolve("gcroots");
    link(roots.resolve("profiles"), "/nix/var/nix/profiles");
    link(roots.resolve("current-system"), "/run/current-system");
    link(roots.resolve("auto/0123456789abcdfghijklmnpqrsvwxyz"), "/home/gone/result");
    link(roots.resolve("per-user/keep"), paths.get(3));
  }

  private static void link(Path at, String target) throws IOException {
    Files.createSymbolicLink(at, Path.of(target));
  }
}
