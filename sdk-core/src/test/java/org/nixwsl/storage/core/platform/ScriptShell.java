package org.nixwsl.storage.core.platform;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;

/** {@code sh -s} on this machine: the script comes on standard input, as in an instance. */
public final class ScriptShell implements InstanceShell {
  /** The shell. */
  public ScriptShell() {}

  @Override
  public String instance() {
    return "this instance";
  }

  @Override
  public ProcessRunner.Result run(String script, Duration limit, Operation operation)
      throws IOException, InterruptedException {
    Command shell = Command.of("/bin/sh", "-s").reading(script.getBytes(StandardCharsets.UTF_8));
    return new ProcessRunner().run(shell.within(limit), operation);
  }
}
