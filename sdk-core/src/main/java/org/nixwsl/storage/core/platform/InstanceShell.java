package org.nixwsl.storage.core.platform;

import java.io.IOException;
import java.time.Duration;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;

/** A way to run things inside one instance. Thread-safe. */
public interface InstanceShell {
  /** The instance as it is called in messages: "this instance", "the WSL instance nixos". */
  String instance();

  /**
   * Runs a script of POSIX sh, on Windows as root, and waits for its end. The script sets its own
   * PATH, and must not end with the statuses 67 and 87, which {@code wsl.exe} takes for errors of
   * its own.
   *
   * @param limit after which it is given up
   * @return what it printed and its status, whatever that is
   */
  ProcessRunner.Result run(String script, Duration limit, Operation operation)
      throws IOException, InterruptedException;
}
