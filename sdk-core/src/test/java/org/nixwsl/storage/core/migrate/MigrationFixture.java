package org.nixwsl.storage.core.migrate;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.StoreVerifier;
import org.nixwsl.storage.core.migrate.stage.Machine;
import org.nixwsl.storage.core.platform.Stillness;
import org.nixwsl.storage.core.platform.StorageTree;
import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.core.platform.Workplace;
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

  /** For whom a machine was opened, in order. */
  final List<Optional<String>> opened = new ArrayList<>();

  /** Whether a store can be reached that another one was bound over. */
  boolean hasView = true;

  final List<String> views = new ArrayList<>();

  private int closed;
  final MigrationEngine engine = engine(Stillness.none());
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

  /** An engine with a freeze. */
  MigrationEngine engine(Stillness stillness) {
    return new MigrationEngine(
        distribution -> {
          opened.add(distribution);
          return new Machine(machine, machine, place(stillness), instance, ticker(), faults);
        },
        ticker());
  }

  /** A workplace that has to be closed as often as one is opened. */
  private Workplace place(Stillness stillness) {
    return new Workplace() {
      @Override
      public StoreHost host() {
        return machine;
      }

      @Override
      public StoreVerifier verifier() {
        throw new AssertionError("not used");
      }

      @Override
      public StorageTree tree() {
        return machine.tree;
      }

      @Override
      public Stillness stillness() {
        return stillness;
      }

      @Override
      public NixConfigWriter config() {
        return config;
      }

      @Override
      public Optional<Beneath> beneath() {
        return hasView
            ? Optional.of(
                new Beneath(machine, machine.tree, Path.of("/hidden"), () -> views.add("closed")))
            : Optional.empty();
      }

      @Override
      public void close() {
        closed++;
      }
    };
  }

  @AfterEach
  void everyWorkplaceIsClosed() {
    assertThat(closed).isEqualTo(opened.size());
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
