package org.nixwsl.storage.linux;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.nixwsl.storage.core.platform.InstanceShell;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;

/** The instance that this process runs in, as the user of this process. */
final class LocalShell implements InstanceShell {
  private final ProcessRunner processes;

  LocalShell(ProcessRunner processes) {
    this.processes = processes;
  }

  @Override
  public String instance() {
    return "this instance";
  }

  @Override
  public ProcessRunner.Result run(String script, Duration limit, Operation operation)
      throws IOException, InterruptedException {
    return processes.run(
        Command.of("/bin/sh", "-s").within(limit).reading(script.getBytes(StandardCharsets.UTF_8)),
        operation);
  }
}
