package org.nixwsl.storage.windows.guest;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.nixwsl.storage.core.platform.InstanceShell;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.windows.wsl.WslAnswer;
import org.nixwsl.storage.windows.wsl.WslDistribution;
import org.nixwsl.storage.windows.wsl.WslExe;

/** An instance of WSL, as root, from Windows. It is started where it does not run. Thread-safe. */
public final class WslInstanceShell implements InstanceShell {
  private final WslExe wsl;
  private final String distribution;

  /**
   * The instance of that name.
   *
   * @throws IllegalArgumentException if no instance can have it
   */
  public WslInstanceShell(WslExe wsl, String distribution) {
    this.wsl = wsl;
    this.distribution = WslDistribution.requireName(distribution);
  }

  @Override
  public String instance() {
    return "the WSL instance " + distribution;
  }

  @Override
  public ProcessRunner.Result run(String script, Duration limit, Operation operation)
      throws IOException, InterruptedException {
    WslAnswer answer = wsl.exec(distribution, script, limit, operation);
    return new ProcessRunner.Result(
        answer.exitCode(), utf8(answer.stdout()), utf8(answer.stderr()));
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
