package org.nixwsl.storage.windows;

import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.StoreVerifier;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.guest.GuestLauncher;
import org.nixwsl.storage.core.guest.GuestProgram;
import org.nixwsl.storage.core.guest.GuestWorkplace;
import org.nixwsl.storage.core.guest.InstanceJava;
import org.nixwsl.storage.core.platform.InstanceControl;
import org.nixwsl.storage.core.platform.InstanceShell;
import org.nixwsl.storage.core.platform.Instances;
import org.nixwsl.storage.core.platform.Platform;
import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.core.platform.Workplace;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.core.vhdx.VhdxEngine;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.windows.guest.Guests;
import org.nixwsl.storage.windows.guest.WslInstanceControl;
import org.nixwsl.storage.windows.guest.WslInstanceShell;
import org.nixwsl.storage.windows.guest.WslShell;
import org.nixwsl.storage.windows.task.LogonTasks;
import org.nixwsl.storage.windows.wsl.WslExe;
import org.nixwsl.storage.windows.wsl.WslRunner;

/**
 * What Windows brings: the way to mount, through {@code wsl.exe}, and the way into an instance.
 * Stores are Linux files and are read and written there, by a guest. Thread-safe.
 *
 * <p>The environment variable {@code NIXWSL_WSL} names another program in the place of {@code
 * wsl.exe}, and {@code NIXWSL_SCHTASKS} one in the place of {@code schtasks.exe}. With the first
 * this platform is used on Linux too, where the program is a simulator. {@code NIXWSL_GUEST_JAR}
 * names the jar of the guest, on Windows, and {@code NIXWSL_GUEST_JAVA} the Java that runs it, in
 * the instance; both are found where they are not named.
 */
public final class WindowsPlatform implements Platform {
  private final Optional<String> named;
  private final Function<ProcessRunner, WslRunner> wsl;
  private final Path directory;
  private final Map<String, String> environment;
  private final GuestProgram program;

  /** For this machine's {@code wsl.exe}, found on the system path, or the one that is named. */
  public WindowsPlatform() {
    this(System.getenv());
  }

  WindowsPlatform(Map<String, String> environment) {
    this.environment = Map.copyOf(environment);
    this.named = variable(environment, "NIXWSL_WSL");
    this.wsl = processes -> WslRunner.ofProgram(processes, named.orElse("wsl.exe"));
    this.directory = HostDirectory.ofThisUser(environment);
    this.program = program(environment);
  }

  /**
   * With something else in the place of {@code wsl.exe}, for tests.
   *
   * @param directory where locks and notes are kept
   */
  public WindowsPlatform(WslRunner wsl, Path directory, Map<String, String> environment) {
    this.named = Optional.empty();
    this.wsl = processes -> wsl;
    this.directory = directory;
    this.environment = Map.copyOf(environment);
    this.program = program(environment);
  }

  @Override
  public boolean suitsThisMachine() {
    return named.isPresent()
        || System.getProperty("os.name", "").toLowerCase(Locale.ROOT).startsWith("windows");
  }

  @Override
  public boolean wasAskedFor() {
    return named.isPresent();
  }

  @Override
  public WslMounter mounter(ProcessRunner processes, Ticker ticker) {
    HostDirectory host = new HostDirectory(directory);
    String schtasks = environment.getOrDefault("NIXWSL_SCHTASKS", "schtasks.exe");
    return new WslExeMounter(
        new WslExe(wsl.apply(processes)),
        host,
        new VhdxEngine(ticker),
        new LogonTasks(processes, schtasks, environment, host::made),
        ticker);
  }

  @Override
  public Optional<Path> notes() {
    return Optional.of(directory);
  }

  @Override
  public StoreVerifier verifier(ProcessRunner processes, Ticker ticker) {
    throw inside("Verifying a store");
  }

  @Override
  public InstanceShell instanceShell(Optional<String> distribution, ProcessRunner processes) {
    return new WslInstanceShell(
        new WslExe(wsl.apply(processes)),
        distribution.orElseThrow(
            () ->
                new EnvironmentException(
                    Problem.of(
                        ErrorCode.UNSUPPORTED_PLATFORM,
                        "Windows does not boot through the module; an instance of WSL does.",
                        "Name the instance."))));
  }

  @Override
  public Instances instances(ProcessRunner processes, Ticker ticker) {
    WslExe exe = new WslExe(wsl.apply(processes));
    return new Instances() {
      @Override
      public InstanceShell shell(String name) {
        return new WslInstanceShell(exe, name);
      }

      @Override
      public Optional<InstanceControl> control(String name) {
        return Optional.of(new WslInstanceControl(exe, name));
      }
    };
  }

  @Override
  public StoreHost storeHost(ProcessRunner processes, Ticker ticker) {
    throw inside("Copying a store");
  }

  /** One guest in the instance, which is started when something has to be done there. */
  @Override
  public Workplace workplace(
      Optional<String> distribution,
      NixConfigWriter config,
      ProcessRunner processes,
      Ticker ticker) {
    WslExe exe = new WslExe(wsl.apply(processes));
    Function<String, GuestLauncher> launcher =
        name ->
            new GuestLauncher(
                new WslShell(exe, name),
                program,
                new InstanceJava(
                    new WslInstanceShell(exe, name), variable(environment, InstanceJava.VARIABLE)),
                ticker);
    if (distribution.isPresent()) {
      return GuestWorkplace.of(launcher.apply(distribution.get()), config, ticker);
    }
    return GuestWorkplace.ofFirst(
        operation ->
            new Guests(exe)
                .all("Cannot work on the storage", operation).stream().map(launcher).toList(),
        config,
        ticker);
  }

  private static GuestProgram program(Map<String, String> environment) {
    return variable(environment, GuestProgram.VARIABLE)
        .map(jar -> GuestProgram.at(Path.of(jar)))
        .orElseGet(() -> GuestProgram.ofClasses(WindowsPlatform.class.getClassLoader()));
  }

  private static Optional<String> variable(Map<String, String> environment, String name) {
    return Optional.ofNullable(environment.get(name)).filter(value -> !value.isBlank());
  }

  private static EnvironmentException inside(String what) {
    return new EnvironmentException(
        Problem.of(
            ErrorCode.UNSUPPORTED_PLATFORM,
            what + " runs where the files are: inside the instance, not on Windows.",
            "Call the SDK inside a WSL instance."));
  }
}
