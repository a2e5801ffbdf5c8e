package org.nixwsl.storage.windows;

import java.util.Locale;
import org.nixwsl.storage.StoreVerifier;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.platform.Platform;
import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;

/**
 * What Windows brings: the way to mount, through {@code wsl.exe}. Stores are Linux files and are
 * read and written inside an instance. Thread-safe.
 */
public final class WindowsPlatform implements Platform {
  private final String wslProgram;

  /** For this machine's {@code wsl.exe}, found on the system path. */
  public WindowsPlatform() {
    this("wsl.exe");
  }

  WindowsPlatform(String wslProgram) {
    this.wslProgram = wslProgram;
  }

  @Override
  public boolean suitsThisMachine() {
    return System.getProperty("os.name", "").toLowerCase(Locale.ROOT).startsWith("windows");
  }

  @Override
  public WslMounter mounter(ProcessRunner processes, Ticker ticker) {
    return new WslExeMounter(new WslExe(processes, wslProgram), ticker, WslExeMounter.PATIENCE);
  }

  @Override
  public StoreVerifier verifier(ProcessRunner processes, Ticker ticker) {
    throw inside("Verifying a store");
  }

  @Override
  public StoreHost storeHost(ProcessRunner processes, Ticker ticker) {
    throw inside("Copying a store");
  }

  private static EnvironmentException inside(String what) {
    return new EnvironmentException(
        Problem.of(
            ErrorCode.UNSUPPORTED_PLATFORM,
            what + " runs where the files are: inside the instance, not on Windows.",
            "Call the SDK inside a WSL instance."));
  }
}
