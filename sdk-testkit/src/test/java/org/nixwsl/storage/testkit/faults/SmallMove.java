package org.nixwsl.storage.testkit.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.migrate.MigrationEngine;
import org.nixwsl.storage.core.migrate.stage.SideEffects;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.linux.disk.LoopMounter;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.MigrationStatus;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLocation;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.testkit.copy.CopyBench;
import org.nixwsl.storage.testkit.copy.LocalEngine;
import org.nixwsl.storage.testkit.copy.LoopFileSystem;
import org.nixwsl.storage.testkit.copy.TreeListing;
import org.nixwsl.storage.testkit.nix.NixProgram;
import org.nixwsl.storage.testkit.nix.RealNixStore;

/** A small store made by Nix that is moved to new disks, and what has to come of that each time. */
final class SmallMove {
  static final InstanceName INSTANCE = InstanceName.of("instance");

  /** So that ext4 has blocks of 4096 bytes, as on the large disks of users. */
  static final ByteSize DISK_SIZE = ByteSize.mebibytes(512);

  private final NixProgram nix;
  private final NixStore source;
  private final SortedMap<String, String> untouched;

  private SmallMove(NixProgram nix, NixStore source) throws IOException {
    this.nix = nix;
    this.source = source;
    this.untouched = TreeListing.untouched(source);
  }

  /** Makes the store; the test is skipped where something is missing, and says what. */
  static SmallMove in(Path folder) throws IOException {
    LoopFileSystem.assumeRoot();
    assumeTrue(NixProgram.installed(), "skipped: nix-store is missing");
    List<Problem> refusals =
        LoopMounter.apart(new ProcessRunner(), Ticker.system(), StandInDaemon.PATH, folder)
            .refusals(SharedStorage.onVhdx(folder.resolve("any.vhdx")));
    assumeTrue(refusals.isEmpty(), "skipped: " + refusals);
    NixProgram nix = NixProgram.in(Files.createDirectory(folder.resolve("nix-work")));
    return new SmallMove(nix, RealNixStore.make(nix, folder.resolve("source"), 2, 7));
  }

  /** The move to a storage; a disk is made if it is not there. */
  private MigrationRequest to(SharedStorage storage) {
    MigrationRequest.Builder move =
        MigrationRequest.builder().source(source).instance(INSTANCE).storage(storage);
    return storage.location() instanceof StorageLocation.VhdxFile
        ? move.createDisk(DiskSpec.ofSize(DISK_SIZE)).build()
        : move.build();
  }

  /** Moves it; changes go through the effects. */
  void run(SharedStorage storage, WslMounter mounter, SideEffects effects) {
    MigrationEngine engine = LocalEngine.with(mounter, effects);
    engine.run(engine.plan(to(storage)));
  }

  /** Goes on with a move of another process. */
  static void resume(SharedStorage storage, WslMounter mounter) {
    LocalEngine.with(mounter, SideEffects.direct()).resume(storage, INSTANCE);
  }

  /** How far it is, as a process sees it that knows nothing of it. */
  static MigrationStatus.Phase phase(SharedStorage storage, WslMounter mounter) {
    return LocalEngine.with(mounter, SideEffects.direct()).status(storage, INSTANCE).phase();
  }

  /** The journal of a move to that disk. */
  static Path journalOf(Path disk) {
    return disk.resolveSibling(disk.getFileName() + ".nixwsl").resolve(INSTANCE + ".journal");
  }

  /** A store that is one by its id is a whole one, says Nix. Whether it is one. */
  boolean isCommittedAndWhole(Path mountPoint) throws IOException {
    Path store = mountPoint.resolve(INSTANCE.value());
    boolean committed = Files.exists(store.resolve(".nix-storage-id"));
    if (committed) {
      NixProgram.Opinion opinion = nix.verify(NixStore.ofNixDirectory(store));
      assertThat(opinion.healthy()).as(opinion.output()).isTrue();
    }
    return committed;
  }

  /** Nothing of the old store was changed. */
  void assertSourceUntouched() throws IOException {
    assertThat(TreeListing.untouched(source)).isEqualTo(untouched);
  }

  /** The same tree, the same rows, and nothing else. The id is taken off. */
  void assertMoved(SharedStorage storage, WslMounter mounter) throws IOException {
    assertThat(phase(storage, mounter)).isEqualTo(MigrationStatus.Phase.COMMITTED);
    MountedStorage mounted = mounter.state(storage).orElseThrow();
    NixStore target = NixStore.ofNixDirectory(mounted.instanceDirectory(INSTANCE));
    Files.delete(target.directory().resolve(".nix-storage-id"));
    CopyBench.assertSame(source, target);
    assertThat(TreeListing.of(target.directory(), name -> !name.contains("/")).keySet())
        .isEqualTo(Set.of("store", "var"));
    assertSourceUntouched();
  }
}
