package org.nixwsl.storage.windows.guest;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.core.escape.ShText;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.platform.InstanceControl;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.mount.BootState;
import org.nixwsl.storage.windows.wsl.WslDistribution;
import org.nixwsl.storage.windows.wsl.WslExe;

/** Stops and starts an instance of WSL through {@code wsl.exe}. Thread-safe. */
public final class WslInstanceControl implements InstanceControl {
  /**
   * WSL asks systemd to power off, waits as long as {@code boot.initTimeout} says, which the module
   * sets to 40 s, and then ends what is left.
   */
  private static final Duration GONE = Duration.ofMinutes(2);

  /** The status of the script that asks for a lease, for one that somebody holds. */
  private static final int HELD = 42;

  private final WslExe wsl;
  private final String distribution;

  /**
   * The instance of that name.
   *
   * @throws IllegalArgumentException if no instance can have it
   */
  public WslInstanceControl(WslExe wsl, String distribution) {
    this.wsl = wsl;
    this.distribution = WslDistribution.requireName(distribution);
  }

  @Override
  public String instance() {
    return "the WSL instance " + distribution;
  }

  /** WSL takes names for the same that differ in case only. */
  @Override
  public boolean running(Operation operation) throws IOException, InterruptedException {
    return wsl.running(operation).stream().anyMatch(distribution::equalsIgnoreCase);
  }

  /** An answer of {@code wsl.exe} that it is done is not believed: it is looked at. */
  @Override
  public void terminate(Operation operation) throws IOException, InterruptedException {
    if (!running(operation)) {
      return;
    }
    wsl.terminate(distribution, operation);
    if (!operation.await("the end of " + instance(), GONE, () -> !running(operation))) {
      throw new EnvironmentException(
          Problem.of(
                  ErrorCode.WSL_FAILED,
                  instance() + " was told to stop and still runs after " + GONE.toSeconds() + " s.",
                  "Look at what keeps it from ending, or call wsl --shutdown, and call again.")
              .mayGoAway());
    }
  }

  @Override
  public boolean leaseIsFree(Path lease, Operation operation)
      throws IOException, InterruptedException {
    String file = new String(PathBytes.inInstance(lease), StandardCharsets.UTF_8);
    List<String> others =
        wsl.running(operation).stream()
            .filter(name -> !name.equalsIgnoreCase(distribution))
            .filter(name -> !WslDistribution.belongsToAProgram(name))
            .toList();
    for (String other : others) {
      int status;
      try {
        status = wsl.exec(other, leaseScript(file), operation).exitCode();
      } catch (StorageSdkException e) {
        if (e.code() == ErrorCode.CANCELLED) {
          throw e;
        }
        continue; // it was stopped meanwhile, or cannot be entered: the next one
      }
      if (status == 0 || status == HELD) {
        return status == 0;
      }
    }
    return true; // whoever holds it is an instance that runs
  }

  private static String leaseScript(String file) {
    return "set -- 'lease' "
        + ShText.quoted(file)
        + "\n"
        + WslGuest.PATH
        + "[ -f \"$2\" ] || exit 0\n"
        + "flock -n -x -E "
        + HELD
        + " \"$2\" true\n";
  }

  @Override
  public void start(Operation operation) throws IOException, InterruptedException {
    // The first command waits until systemd has started, or its time is over.
    wsl.exec(distribution, "exit 0\n", operation);
  }

  @Override
  public Optional<BootState> bootState(Operation operation)
      throws IOException, InterruptedException {
    return running(operation)
        ? new WslGuest(wsl, distribution).bootState(operation)
        : Optional.empty();
  }
}
