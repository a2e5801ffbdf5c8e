package org.nixwsl.storage.testkit.copy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeSet;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.migrate.MigrationEngine;
import org.nixwsl.storage.core.migrate.stage.SideEffects;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.linux.LinuxPlatform;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.MigrationStatus.Phase;
import org.nixwsl.storage.migrate.RollbackReport;
import org.nixwsl.storage.migrate.RollbackRequest;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.testkit.StoreFixture;

/**
 * A move between real file systems, killed before or after each change that it makes, then taken up
 * or taken back. What is compared is read by other code than moves it.
 */
@Tag("once")
class MoveCrashTest {
  private static final InstanceName INSTANCE = InstanceName.of("instance");

  @TempDir Path directory;
  private LoopFileSystem disk;
  private NixStore source;
  private SortedMap<String, String> untouched;
  private final Kill kill = new Kill();

  /** Ends a move at one of its changes: nothing is changed after. */
  private static final class Kill implements SideEffects {
    private final List<String> made = new ArrayList<>();
    private int at = -1;
    private boolean after;
    private boolean dead;

    private static final class Killed extends Error {
      private static final long serialVersionUID = 1L;
    }

    void at(int change, boolean afterIt) {
      made.clear();
      dead = false;
      at = change;
      after = afterIt;
    }

    /** The kernel closes what a killed process has open. */
    private static void letGo(Object result) throws IOException {
      if (result instanceof AutoCloseable open) {
        try {
          open.close();
        } catch (IOException | RuntimeException e) {
          throw e;
        } catch (Exception e) {
          throw new IllegalStateException(e);
        }
      }
    }

    @Override
    public <T> T make(String what, Operation.Work<T> change)
        throws IOException, InterruptedException {
      boolean here = made.size() == at;
      dead |= here && !after;
      if (dead) {
        throw new Killed();
      }
      made.add(what);
      T result = change.run();
      dead = here;
      if (dead) {
        letGo(result);
        throw new Killed();
      }
      return result;
    }
  }

  @BeforeEach
  void mount() throws IOException {
    disk = LoopFileSystem.ext4(directory, 64L << 20);
    source = StoreFixture.create(Files.createDirectory(directory.resolve("source")), 77).store();
    untouched = oldStore();
  }

  @AfterEach
  void unmount() {
    if (disk != null) {
      disk.close();
    }
  }

  /** A new process each time: nothing is remembered. */
  private MigrationEngine engine() {
    return LocalEngine.with(
        new LinuxPlatform().mounter(new ProcessRunner(), Ticker.system()), kill);
  }

  private SortedMap<String, String> oldStore() throws IOException {
    return TreeListing.untouched(source);
  }

  private SharedStorage storage() {
    return SharedStorage.inDirectory(disk.path());
  }

  private MigrationRequest request() {
    return MigrationRequest.builder().source(source).instance(INSTANCE).storage(storage()).build();
  }

  private NixStore target() {
    return NixStore.ofNixDirectory(disk.path().resolve(INSTANCE.value()));
  }

  private void run() {
    engine().run(engine().plan(request()));
  }

  private int countChanges() throws IOException {
    kill.at(-1, false);
    run();
    int changes = kill.made.size();
    assertMoved();
    rollBack();
    assertThat(changes).isGreaterThan(16);
    return changes;
  }

  private void killed(int change, boolean after) throws IOException {
    kill.at(change, after);
    assertThat(catchThrowable(this::run)).isInstanceOf(Kill.Killed.class);
    assertThat(oldStore()).isEqualTo(untouched);
    boolean id = Files.exists(target().directory().resolve(".nix-storage-id"));
    Phase phase = engine().status(storage(), INSTANCE).phase();
    assertThat(phase == Phase.COMMITTED).as("%s", phase).isEqualTo(id);
    if (id) {
      assertThat(target().database()).exists();
    }
    kill.at(-1, false);
  }

  private void takeUp() throws IOException {
    if (engine().status(storage(), INSTANCE).phase() == Phase.UNFINISHED
        || engine().status(storage(), INSTANCE).phase() == Phase.COMMITTED) {
      engine().resume(storage(), INSTANCE);
    } else {
      run();
    }
    assertMoved();
  }

  /** The same tree, the same rows, and nothing else. */
  private void assertMoved() throws IOException {
    Path id = target().directory().resolve(".nix-storage-id");
    assertThat(UUID.fromString(Files.readString(id).strip()))
        .isEqualTo(engine().status(storage(), INSTANCE).storageId().orElseThrow());
    assertThat(oldStore()).isEqualTo(untouched);
    assertThat(names(target().directory())).isEqualTo(Set.of(".nix-storage-id", "store", "var"));
    byte[] bytes = Files.readAllBytes(id);
    Files.delete(id);
    CopyBench.assertSame(source, target());
    Files.write(id, bytes);
  }

  private void rollBack() throws IOException {
    try {
      RollbackReport report = engine().rollBack(RollbackRequest.of(storage(), INSTANCE));
      report.trash().ifPresent(name -> assertThat(trash().resolve(name)).isDirectory());
    } catch (StorageSdkException e) {
      assertThat(e.code()).isEqualTo(ErrorCode.MOVE_NOT_FOUND);
    }
    assertThat(Files.exists(target().directory(), LinkOption.NOFOLLOW_LINKS)).isFalse();
    Path owner = disk.path().resolve(".nixwsl/instances/instance/owner");
    assertThat(owner).doesNotExist();
    assertThat(oldStore()).isEqualTo(untouched);
    assertThat(engine().status(storage(), INSTANCE).phase()).isIn(Phase.ROLLED_BACK, Phase.NONE);
    engine().reclaim(storage());
    assertThat(names(trash())).isEmpty();
  }

  private Path trash() {
    return disk.path().resolve(".nixwsl/trash");
  }

  private static Set<String> names(Path directory) throws IOException {
    Set<String> names = new TreeSet<>();
    if (Files.isDirectory(directory)) {
      try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
        entries.forEach(entry -> names.add(entry.getFileName().toString()));
      }
    }
    return names;
  }

  /**
   * A third of what the long sibling does; every change, without files, is in the core's own test.
   */
  @Test
  void afterAKillItIsTakenUpOrTakenBack() throws IOException {
    int changes = countChanges();
    for (int change = changes % 3; change < changes; change += 3) {
      killed(change, change % 2 == 0);
      if (change % 2 == 0) {
        takeUp();
      }
      rollBack();
    }
  }

  /** Every change, before and after it, taken up and taken back. */
  @Test
  @Tag("long")
  void afterAKillBeforeAndAfterEachChangeItIsTakenUpAndTakenBack() throws IOException {
    int changes = countChanges();
    for (int change = 0; change < changes; change++) {
      for (boolean after : List.of(false, true)) {
        killed(change, after);
        takeUp();
        rollBack();
        killed(change, after);
        rollBack();
      }
    }
  }

  @Test
  void aDirectoryThatIsMountedSomewhereIsNotTakenBack() throws IOException {
    run();
    Path elsewhere = Files.createDirectory(directory.resolve("elsewhere"));
    LoopFileSystem.run("mount", "--bind", target().directory().toString(), elsewhere.toString());
    try {
      assertThat(engine().status(storage(), INSTANCE).inUse()).isTrue();
      assertThatThrownBy(this::rollBackOnly)
          .isInstanceOfSatisfying(
              StorageSdkException.class,
              e -> assertThat(e.code()).isEqualTo(ErrorCode.STORAGE_BUSY));
    } finally {
      LoopFileSystem.run("umount", elsewhere.toString());
    }
    assertThat(engine().status(storage(), INSTANCE).inUse()).isFalse();
    Path lease = disk.path().resolve(".nixwsl/locks/instance");
    Files.createDirectories(lease.getParent());
    Files.createFile(lease);
    Process holder =
        new ProcessBuilder("flock", "-x", lease.toString(), "sh", "-c", "echo held; cat").start();
    try {
      assertThat(holder.getInputStream().read()).isEqualTo('h');
      assertThat(engine().status(storage(), INSTANCE).inUse()).isTrue();
    } finally {
      holder.getOutputStream().close();
    }
  }

  private void rollBackOnly() {
    engine().rollBack(RollbackRequest.of(storage(), INSTANCE));
  }

  @Test
  void changesOnTheStorageThatMayGoAreNotInTheOldStore() throws Exception {
    run();
    CopyBench.sql(target(), "update ValidPaths set registrationTime = 1 where id = 1");
    UUID id = engine().status(storage(), INSTANCE).storageId().orElseThrow();
    engine().rollBack(new RollbackRequest(storage(), INSTANCE, Optional.of(id)));
    assertThat(target().directory()).doesNotExist();
    assertThat(oldStore()).isEqualTo(untouched);
  }

  @Test
  void whatTheStoreOnTheStorageBecameComesBackIntoTheOldOne() throws Exception {
    assertThat(changesOfARollback()).isGreaterThan(8);
  }

  /** Every change of the rollback, before and after it. */
  @Test
  @Tag("long")
  void afterAKillBeforeAndAfterEachChangeOfTheRollbackItComesBackToo() throws Exception {
    int changes = changesOfARollback();
    for (int change = 0; change < changes; change++) {
      for (boolean after : List.of(false, true)) {
        run();
        String name = addToTheStorage(2 * change + (after ? 1 : 0) + 1);
        SortedMap<String, String> tree =
            TreeListing.of(target().storeDirectory().resolve(name), n -> true);
        kill.at(change, after);
        Throwable thrown = catchThrowable(this::rollBackOnly);
        // The first rollback may have made a change more than the later ones.
        assertThat(thrown == null || thrown instanceof Kill.Killed).as("%s", thrown).isTrue();
        if (Files.notExists(target().directory().resolve(".nix-storage-id"))) {
          assertThat(rows(source)).contains("/nix/store/" + name);
        }
        kill.at(-1, false);
        try {
          rollBackOnly();
        } catch (StorageSdkException e) {
          assertThat(e.code()).isEqualTo(ErrorCode.MOVE_NOT_FOUND);
        }
        assertCameBack(name, tree);
      }
    }
  }

  private int changesOfARollback() throws Exception {
    run();
    String name = addToTheStorage(0);
    SortedMap<String, String> tree =
        TreeListing.of(target().storeDirectory().resolve(name), n -> true);
    kill.at(-1, false);
    RollbackReport report = engine().rollBack(RollbackRequest.of(storage(), INSTANCE));
    assertThat(report.broughtBack().orElseThrow().paths()).isEqualTo(1);
    assertCameBack(name, tree);
    return kill.made.size();
  }

  private void assertCameBack(String name, SortedMap<String, String> tree) throws Exception {
    assertThat(target().directory()).doesNotExist();
    assertThat(rows(source)).contains("/nix/store/" + name);
    assertThat(TreeListing.of(source.storeDirectory().resolve(name), n -> true)).isEqualTo(tree);
    assertThat(Files.readSymbolicLink(source.stateDirectory().resolve("gcroots/added")))
        .hasToString("/nix/store/" + name);
    assertThat(source.directory().resolve(".nixwsl-copy")).doesNotExist();
    SortedMap<String, String> now = oldStore();
    untouched.keySet().stream()
        .filter(old -> old.startsWith("store/") && !old.startsWith("store/.links"))
        .forEach(old -> assertThat(now.get(old)).as(old).isEqualTo(untouched.get(old)));
    engine().reclaim(storage()); // there is not room for many
  }

  /** A path with a root, as a build would leave it. */
  private String addToTheStorage(int number) throws Exception {
    String name = "%032d-added".formatted(number);
    Path some;
    try (var paths = Files.list(target().storeDirectory())) {
      Set<String> rows = rows(target());
      some =
          paths
              .filter(path -> rows.contains("/nix/store/" + path.getFileName()))
              .min(Comparator.naturalOrder())
              .orElseThrow();
    }
    LoopFileSystem.run(
        "cp", "-a", some.toString(), target().storeDirectory().resolve(name).toString());
    CopyBench.sql(
        target(),
        "insert into ValidPaths (path, hash, registrationTime, narSize) select '/nix/store/"
            + name
            + "', hash, 1, narSize from ValidPaths where path = '/nix/store/"
            + some.getFileName()
            + "'");
    Path root = target().stateDirectory().resolve("gcroots/added");
    Files.deleteIfExists(root);
    Files.createSymbolicLink(root, Path.of("/nix/store", name));
    return name;
  }

  private static Set<String> rows(NixStore store) throws SQLException {
    Set<String> rows = new TreeSet<>();
    try (var connection = DriverManager.getConnection("jdbc:sqlite:" + store.database());
        var statement = connection.createStatement();
        var found = statement.executeQuery("select path from ValidPaths")) {
      while (found.next()) {
        rows.add(found.getString(1));
      }
    }
    return rows;
  }

  @Test
  void aDirectoryOfAnotherInstanceIsLeftAlone() throws IOException {
    Path owner = disk.path().resolve(".nixwsl/instances/instance/owner");
    Files.createDirectories(owner.getParent());
    for (String text : List.of("00000000-0000-0000-0000-000000000001\n", "", "?\n")) {
      Files.writeString(owner, text);
      assertThat(engine().plan(request()).refusals())
          .extracting(p -> p.code())
          .containsExactly(ErrorCode.OTHER_OWNER);
    }
    assertThat(target().directory()).doesNotExist();
  }

  @Test
  void twoInstancesAreMovedInOneCall() throws IOException {
    NixStore second =
        StoreFixture.create(Files.createDirectory(directory.resolve("second")), 78).store();
    MigrationRequest other =
        MigrationRequest.builder()
            .source(second)
            .instance(InstanceName.of("second"))
            .storage(storage())
            .build();
    assertThat(engine().runAll(List.of(engine().plan(request()), engine().plan(other)))).hasSize(2);
    assertMoved();
    Path copy = disk.path().resolve("second");
    Files.delete(copy.resolve(".nix-storage-id"));
    CopyBench.assertSame(second, NixStore.ofNixDirectory(copy));
  }
}
