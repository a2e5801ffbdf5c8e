package org.nixwsl.storage.testkit.layout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.StoreCopier;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.migrate.CopyEngine;
import org.nixwsl.storage.core.migrate.MigrationEngine;
import org.nixwsl.storage.core.migrate.stage.SideEffects;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.core.vhdx.VhdxEngine;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.linux.LinuxPlatform;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.mount.MountName;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLayout;
import org.nixwsl.storage.mount.StorageLocation;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.testkit.StoreFixture;
import org.nixwsl.storage.testkit.copy.LocalEngine;

/** The contract on disks that Linux attaches itself. */
abstract class DisksOfThisMachine extends LayoutContract {
  private static final AtomicInteger COUNT = new AtomicInteger();
  private static final DiskSpec DISK = DiskSpec.ofSize(ByteSize.mebibytes(512));

  private final StorageLayout layout;
  private final StorageLayout another;
  private final ProcessRunner processes = new ProcessRunner();
  private final WslMounter mounter = new LinuxPlatform().mounter(processes, Ticker.system());
  private final MountName name =
      MountName.of("layout-" + ProcessHandle.current().pid() + "-" + COUNT.incrementAndGet());

  @TempDir private Path folder = Path.of("/");
  private NixStore store = NixStore.ofRoot(Path.of("/"));

  DisksOfThisMachine(StorageLayout layout, StorageLayout another) {
    this.layout = layout;
    this.another = another;
  }

  @BeforeEach
  void makeAStore() throws IOException {
    mounter.refusals(storage()).stream()
        .findFirst()
        .ifPresent(problem -> assumeTrue(false, "skipped: " + problem.message()));
    store = StoreFixture.create(Files.createDirectory(folder.resolve("source")), 77).store();
  }

  @AfterEach
  void detach() {
    mounter.unmount(storage());
    mounter.unmount(onAnother());
  }

  /** Nothing can be renamed out of a subvolume: what is taken out stays inside until reclaimed. */
  @Tag("long")
  @Test
  void anUpdateKeepsWhatItTakesOutUntilTheTrashIsEmptied() throws IOException {
    MigrationEngine engine = engine(SideEffects.direct());
    engine.run(engine.plan(request(storage())));
    sh("rm " + mountPoint() + "/main/.nix-storage-id");
    NixStore target = NixStore.ofNixDirectory(Path.of(mountPoint(), "main"));
    StoreCopier copier =
        new CopyEngine(new LinuxPlatform().storeHost(processes, Ticker.system()), Ticker.system());

    copier.copy(CopyRequest.builder().source(store).target(target).update(true).build());

    sh("diff -r --no-dereference " + source() + "/store " + mountPoint() + "/main/store");
    String trash = sh("find " + mountPoint() + " -path '*/.nixwsl/trash/main-1'").strip();
    assertThat(Path.of(trash, "var/nix/db/db.sqlite")).exists();
    assertThat(engine.reclaim(storage()).removed()).contains("main-1");
    assertThat(Path.of(trash)).doesNotExist();
  }

  @Override
  MigrationEngine engine(SideEffects effects) {
    return LocalEngine.with(mounter, effects);
  }

  @Override
  SharedStorage storage() {
    return on("shared.vhdx", layout);
  }

  private SharedStorage onAnother() {
    return on("another.vhdx", layout);
  }

  @Override
  SharedStorage onAnotherFileSystem() {
    new VhdxEngine().create(folder.resolve("another.vhdx"), DISK);
    SharedStorage other = on("another.vhdx", another);
    mounter.prepareBlankDisk(other, RunOptions.ofDefaults());
    mounter.unmount(other);
    return onAnother();
  }

  private SharedStorage on(String file, StorageLayout how) {
    return SharedStorage.builder()
        .location(new StorageLocation.VhdxFile(folder.resolve(file)))
        .mountName(name)
        .layout(how)
        .build();
  }

  @Override
  MigrationRequest request(SharedStorage storage) {
    return MigrationRequest.builder()
        .source(store)
        .instance(INSTANCE)
        .storage(storage)
        .createDisk(DISK)
        .build();
  }

  @Override
  String sh(String script) {
    return Operation.quiet(
        script, operation -> processes.runOk(Command.of("sh", "-c", script), operation).text());
  }

  @Override
  String mountPoint() {
    return "/run/nixwsl/mnt/" + name;
  }

  @Override
  String source() {
    return store.directory().toString();
  }

  @Override
  void ensureMounted() {
    mounter.ensureMounted(storage());
  }
}
