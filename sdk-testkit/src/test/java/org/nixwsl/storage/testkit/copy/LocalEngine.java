package org.nixwsl.storage.testkit.copy;

import java.lang.reflect.Proxy;
import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.migrate.MigrationEngine;
import org.nixwsl.storage.core.migrate.stage.Machine;
import org.nixwsl.storage.core.migrate.stage.SideEffects;
import org.nixwsl.storage.core.platform.Instances;
import org.nixwsl.storage.core.platform.Stillness;
import org.nixwsl.storage.core.platform.Workplace;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.core.vhdx.VhdxEngine;
import org.nixwsl.storage.linux.LinuxPlatform;
import org.nixwsl.storage.linux.tree.LinuxStorageTree;

/** Moves of stores that nobody uses on this machine, whose changes go through a test's hands. */
public final class LocalEngine {
  private LocalEngine() {}

  /** An engine that remembers nothing of earlier ones, as in a new process. */
  public static MigrationEngine with(WslMounter mounter, SideEffects effects) {
    ProcessRunner processes = new ProcessRunner();
    NixConfigWriter noConfig =
        (NixConfigWriter)
            Proxy.newProxyInstance(
                NixConfigWriter.class.getClassLoader(),
                new Class<?>[] {NixConfigWriter.class},
                (proxy, method, arguments) -> {
                  throw new AssertionError("not used");
                });
    Workplace here =
        new Workplace.Here(
            CopyBench.host(),
            new LinuxPlatform().verifier(processes, Ticker.system()),
            new LinuxStorageTree(processes),
            Stillness.none(),
            noConfig);
    return new MigrationEngine(
        distribution ->
            new Machine(
                new VhdxEngine(), mounter, here, Instances.none(), Ticker.system(), effects),
        Ticker.system());
  }
}
