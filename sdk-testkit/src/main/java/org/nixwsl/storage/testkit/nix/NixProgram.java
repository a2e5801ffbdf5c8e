package org.nixwsl.storage.testkit.nix;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.process.ProcessRunner.Result;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.store.NixStore;

/**
 * The Nix that is installed on this machine, run so that it never touches the machine's own store,
 * settings or network. Its working files are in a directory of the caller's, who deletes it.
 * Thread-safe for different stores.
 */
public final class NixProgram {
  private static final Duration LIMIT = Duration.ofMinutes(30);

  private final Path work;
  private final ProcessRunner processes = new ProcessRunner();

  private NixProgram(Path work) {
    this.work = work;
  }

  /**
   * Sets Nix up.
   *
   * @param work an existing, private, empty directory
   */
  public static NixProgram in(Path work) throws IOException {
    Path conf = Files.createDirectories(work.resolve("conf"));
    Files.createDirectories(work.resolve("home"));
    Files.writeString(
        conf.resolve("nix.conf"), "sandbox = false\nsubstituters =\nbuild-users-group =\n");
    return new NixProgram(work);
  }

  /** Whether {@code nix-store} and {@code nix-instantiate} are on PATH. */
  public static boolean installed() {
    String path = System.getenv("PATH");
    return path != null
        && Stream.of("nix-store", "nix-instantiate", "nix-env")
            .allMatch(
                tool ->
                    Stream.of(path.split(":", -1))
                        .anyMatch(folder -> Files.isExecutable(Path.of(folder, tool))));
  }

  /** The version line of {@code nix-store}. */
  public String version() {
    // Even for this it opens a store, and the machine's own may not be the caller's to open.
    Result result = onRoot(work.resolve("empty"), List.of("nix-store", "--version"));
    return requireOk(result, "nix-store --version").text().strip();
  }

  /**
   * What Nix says of a store.
   *
   * @param healthy whether it found nothing wrong
   * @param output what it printed
   */
  public record Opinion(boolean healthy, String output) {}

  /**
   * Asks {@code nix-store --verify --check-contents}. That command writes to the database it is
   * given, so that it gets a copy; the store is only read.
   */
  public Opinion verify(NixStore store) throws IOException {
    Path state = Files.createTempDirectory(work, "state-");
    Path db = Files.createDirectories(state.resolve("db"));
    for (String name : List.of("db.sqlite", "db.sqlite-wal", "schema")) {
      Path file = store.database().resolveSibling(name);
      if (Files.exists(file)) {
        Files.copy(file, db.resolve(name), StandardCopyOption.COPY_ATTRIBUTES);
      }
    }
    String uri =
        "local?real=" + store.storeDirectory() + "&state=" + state + "&log=" + state.resolve("log");
    Result result =
        run(List.of("nix-store", "--store", uri, "--verify", "--check-contents"), Map.of());
    return new Opinion(result.exitCode() == 0, result.allText());
  }

  /**
   * Runs a Nix command on the store below a root directory, whatever its exit status is.
   *
   * @param root the directory that holds {@code nix/}
   * @param command the program, such as {@code nix-store}, and its arguments
   */
  public Result onRoot(Path root, List<String> command) {
    return run(command, Map.of("NIX_REMOTE", "local?root=" + root));
  }

  private Result run(List<String> argv, Map<String, String> environment) {
    Command command =
        Command.of(argv)
            .within(LIMIT)
            .with("NIX_CONF_DIR", work.resolve("conf").toString())
            .with("HOME", work.resolve("home").toString())
            .with("NIX_PATH", "");
    for (Map.Entry<String, String> variable : environment.entrySet()) {
      command = command.with(variable.getKey(), variable.getValue());
    }
    Command whole = command;
    return Operation.quiet(whole.toString(), operation -> processes.run(whole, operation));
  }

  Path work() {
    return work;
  }

  static Result requireOk(Result result, String what) {
    if (result.exitCode() != 0) {
      throw new IllegalStateException(what + " failed: " + result.allText());
    }
    return result;
  }
}
