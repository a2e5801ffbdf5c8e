package org.nixwsl.storage.core;

import java.util.Comparator;
import java.util.Optional;
import java.util.ServiceLoader;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.StoreCopier;
import org.nixwsl.storage.StoreMigrator;
import org.nixwsl.storage.StoreVerifier;
import org.nixwsl.storage.VhdxManager;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.migrate.CopyEngine;
import org.nixwsl.storage.core.migrate.MigrationEngine;
import org.nixwsl.storage.core.migrate.stage.Machine;
import org.nixwsl.storage.core.migrate.stage.SideEffects;
import org.nixwsl.storage.core.nixwire.NixConfigEngine;
import org.nixwsl.storage.core.platform.Platform;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.core.vhdx.VhdxEngine;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;

/**
 * All parts of the SDK, put together by hand. What needs no operating system works everywhere; the
 * rest comes from the platform that suits this machine, and says so where there is none.
 */
final class Engine implements StorageSdk {
  private final VhdxManager vhdx = new VhdxEngine();
  private final ProcessRunner processes = new ProcessRunner();
  private final Ticker ticker = Ticker.system();
  private final NixConfigWriter configWriter =
      new NixConfigEngine(processes, ticker, name -> platform().instanceShell(name, processes));
  private final Optional<Platform> platform;
  private @Nullable WslMounter mounter;

  Engine() {
    this(
        ServiceLoader.load(Platform.class, Engine.class.getClassLoader()).stream()
            .map(ServiceLoader.Provider::get)
            .filter(Platform::suitsThisMachine)
            .max(Comparator.comparing(Platform::wasAskedFor)));
  }

  Engine(Optional<Platform> platform) {
    this.platform = platform;
  }

  @Override
  public VhdxManager vhdx() {
    return vhdx;
  }

  @Override
  public NixConfigWriter configWriter() {
    return configWriter;
  }

  /** One for all calls, because its calls have to exclude each other. */
  @Override
  public synchronized WslMounter mounter() {
    if (mounter == null) {
      mounter = platform().mounter(processes, ticker);
    }
    return mounter;
  }

  @Override
  public StoreVerifier verifier() {
    return platform().verifier(processes, ticker);
  }

  @Override
  public StoreCopier copier() {
    return new CopyEngine(platform().storeHost(processes, ticker), ticker);
  }

  @Override
  public StoreMigrator migrator() {
    Platform here = platform();
    WslMounter mounts = mounter();
    return new MigrationEngine(
        distribution ->
            new Machine(
                vhdx,
                mounts,
                here.workplace(distribution, configWriter, processes, ticker),
                here.instances(processes, ticker),
                ticker,
                SideEffects.direct()),
        here.notes(),
        ticker);
  }

  @Override
  public void close() {
    // No part holds anything between two calls.
  }

  private Platform platform() {
    return platform.orElseThrow(
        () ->
            new EnvironmentException(
                Problem.of(
                    ErrorCode.NO_ENGINE,
                    "This needs the half of the SDK for "
                        + System.getProperty("os.name")
                        + ", and none is on the class path.",
                    "Add org.nixwsl:nixwsl-sdk-linux on Linux or org.nixwsl:nixwsl-sdk-windows on"
                        + " Windows. There is none for other systems.")));
  }
}
