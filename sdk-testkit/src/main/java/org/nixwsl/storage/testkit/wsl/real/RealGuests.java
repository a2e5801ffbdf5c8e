package org.nixwsl.storage.testkit.wsl.real;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.testkit.wsl.model.Guests;

/**
 * Instances in which the programs of this machine run, as root, with the mounts of the instance.
 */
final class RealGuests implements Guests {
  private static final int NOT_FOUND = 127;

  private final Namespaces namespaces;

  RealGuests(Namespaces namespaces) {
    this.namespaces = namespaces;
  }

  @Override
  public Ran run(String instance, List<String> argv, byte[] input) throws IOException {
    if (!namespaces.runs(instance)) {
      return Ran.of(1, "", "The instance " + instance + " has no processes here.\n");
    }
    List<String> program =
        new ArrayList<>(
            List.of(
                "env",
                "--ignore-environment",
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME=/root",
                "USER=root",
                "LANG=C.UTF-8",
                "TERM=dumb",
                "WSL_DISTRO_NAME=" + instance));
    program.addAll(argv);
    ProcessRunner.Result result =
        Operation.quiet(
            "run " + argv.get(0), operation -> namespaces.run(instance, program, input, operation));
    String errors = new String(result.stderr(), StandardCharsets.UTF_8);
    if (result.exitCode() == NOT_FOUND && errors.startsWith("env: '" + argv.get(0) + "': ")) {
      return Ran.of(1, "", "execvp(" + argv.get(0) + ") failed: No such file or directory\n");
    }
    return Ran.of(result.exitCode(), result.stdout(), result.stderr());
  }
}
