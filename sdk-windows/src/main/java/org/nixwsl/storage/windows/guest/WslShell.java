package org.nixwsl.storage.windows.guest;

import org.nixwsl.storage.core.guest.Shell;
import org.nixwsl.storage.core.process.RunningProcess;
import org.nixwsl.storage.windows.wsl.WslDistribution;
import org.nixwsl.storage.windows.wsl.WslExe;

/**
 * A shell in an instance of WSL, as root, that is talked with. The instance is started where it
 * does not run, and is in use as long as the shell runs. Thread-safe.
 */
public final class WslShell implements Shell {
  private final WslExe wsl;
  private final String distribution;

  /** In the instance of that name. */
  public WslShell(WslExe wsl, String distribution) {
    this.wsl = wsl;
    this.distribution = WslDistribution.requireName(distribution);
  }

  @Override
  public RunningProcess start(String script) {
    return wsl.talk(distribution, script);
  }

  @Override
  public String place() {
    return "the WSL instance " + distribution;
  }
}
