package org.nixwsl.storage.testkit;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;

/** The programs of Nix, as an oracle. */
final class NixTool {
  private NixTool() {}

  /** Skips the test when the program is not installed. */
  static void require(String program) {
    boolean there =
        Stream.of(System.getenv("PATH").split(":"))
            .anyMatch(directory -> Files.isExecutable(Path.of(directory, program)));
    assumeTrue(there, "skipped: " + program + " is missing");
  }

  /** Runs a program on the store below a root. */
  static ProcessRunner.Result run(Path root, String... argv) {
    List<String> all = new ArrayList<>(List.of(argv));
    return Operation.quiet(
        "run " + argv[0],
        operation ->
            new ProcessRunner()
                .run(
                    Command.of(all)
                        .with("NIX_REMOTE", "local?root=" + root)
                        .with("NIX_CONF_DIR", root.toString())
                        .with("HOME", root.toString()),
                    operation));
  }
}
