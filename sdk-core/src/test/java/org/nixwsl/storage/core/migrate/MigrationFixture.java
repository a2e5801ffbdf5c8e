package org.nixwsl.storage.core.migrate;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.migrate.stage.Machine;
import org.nixwsl.storage.core.platform.Stillness;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.store.NixStore;

/** An engine on a machine without a disk, and the requests that its tests make. */
abstract class MigrationFixture {
  final FakeMachine machine = new FakeMachine();
  final EventGrammar events = new EventGrammar();
  final FakeConfig config = new FakeConfig();
  final FaultPlan faults = new FaultPlan();
  final FakeInstance instance = new FakeInstance(machine);
  final MigrationEngine engine =
      new MigrationEngine(
          new Machine(
              machine,
              machine,
              machine,
              machine.tree,
              Stillness.none(),
              config,
              instance,
              ticker(),
              faults));
  final RunOptions options =
      RunOptions.builder().on(StorageEvent.class, events).cancelWith(machine.token).build();

  @TempDir Path folder = Path.of("/");
  Path file = folder;

  @BeforeEach
  void nameTheDisk() {
    file = folder.resolve("disk.vhdx");
  }

  /** Where time comes from. */
  Ticker ticker() {
    return Ticker.system();
  }

  MigrationRequest.Builder request() {
    return MigrationRequest.builder()
        .source(NixStore.ofRoot(Path.of("/")))
        .instance(InstanceName.of("one"));
  }

  MigrationRequest newDisk() {
    return request()
        .storage(SharedStorage.onVhdx(file))
        .createDisk(DiskSpec.ofSize(ByteSize.gibibytes(64)))
        .detachAtEnd(true)
        .build();
  }

  MigrationRequest existingDisk() throws IOException {
    Files.writeString(file, "disk");
    return request().storage(SharedStorage.onVhdx(file)).build();
  }
}
