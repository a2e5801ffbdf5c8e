package org.nixwsl.storage.linux;

import java.util.Optional;
import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.StoreVerifier;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.platform.InstanceControl;
import org.nixwsl.storage.core.platform.InstanceShell;
import org.nixwsl.storage.core.platform.Instances;
import org.nixwsl.storage.core.platform.Platform;
import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.core.platform.Workplace;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.linux.copy.LinuxStoreHost;
import org.nixwsl.storage.linux.disk.LoopMounter;
import org.nixwsl.storage.linux.freeze.LinuxFreezer;
import org.nixwsl.storage.linux.freeze.LinuxStillness;
import org.nixwsl.storage.linux.tree.LinuxStorageTree;
import org.nixwsl.storage.linux.verify.StoreVerifyEngine;

/** Linux: the stores are here, and a disk is a loop device. */
public final class LinuxPlatform implements Platform {
  /** For {@link java.util.ServiceLoader}. */
  public LinuxPlatform() {}

  @Override
  public boolean suitsThisMachine() {
    return System.getProperty("os.name").equals("Linux");
  }

  @Override
  public WslMounter mounter(ProcessRunner processes, Ticker ticker) {
    return new LoopMounter(processes, ticker);
  }

  @Override
  public StoreVerifier verifier(ProcessRunner processes, Ticker ticker) {
    return new StoreVerifyEngine(processes, ticker);
  }

  @Override
  public InstanceShell instanceShell(Optional<String> distribution, ProcessRunner processes) {
    if (distribution.isPresent()) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.UNSUPPORTED_PLATFORM,
              "Other instances of WSL are reached from Windows only, and this is Linux.",
              "Call without a name, for the instance this runs in; or call the SDK on Windows."));
    }
    return new LocalShell(processes);
  }

  @Override
  public StoreHost storeHost(ProcessRunner processes, Ticker ticker) {
    return new LinuxStoreHost(processes, ticker);
  }

  @Override
  public Workplace workplace(
      Optional<String> distribution,
      NixConfigWriter config,
      ProcessRunner processes,
      Ticker ticker) {
    return new Workplace.Here(
        storeHost(processes, ticker),
        verifier(processes, ticker),
        new LinuxStorageTree(processes),
        new LinuxStillness(new LinuxFreezer(processes, ticker)),
        config);
  }

  @Override
  public Instances instances(ProcessRunner processes, Ticker ticker) {
    return new Instances() {
      @Override
      public InstanceShell shell(String name) {
        return new LocalShell(processes);
      }

      /** A machine that stopped itself could not start itself again. */
      @Override
      public Optional<InstanceControl> control(String name) {
        return Optional.empty();
      }
    };
  }
}
