package org.nixwsl.storage.testkit.layout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nixwsl.storage.core.migrate.MigrationEngine;
import org.nixwsl.storage.core.migrate.stage.SideEffects;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.migrate.MigrationPlan;
import org.nixwsl.storage.migrate.MigrationReport;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.MigrationStatus.Phase;
import org.nixwsl.storage.migrate.RollbackReport;
import org.nixwsl.storage.migrate.RollbackRequest;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLayout;

/**
 * What every layout of a storage has to do for a move. What is on the storage is looked at by shell
 * commands in the place where its files are, which know nothing of us.
 */
@Tag("alone")
abstract class LayoutContract {
  static final InstanceName INSTANCE = InstanceName.of("main");

  /** An engine of a new process. */
  abstract MigrationEngine engine(SideEffects effects);

  /** The storage, on a disk that is new for each test. */
  abstract SharedStorage storage();

  /** The same layout on a disk with another file system. */
  abstract SharedStorage onAnotherFileSystem();

  /** The request of a move to a storage. */
  abstract MigrationRequest request(SharedStorage storage);

  /** Runs a script where the files are; fails if it does. */
  abstract String sh(String script);

  /** Where the storage is mounted, there. */
  abstract String mountPoint();

  /** The store that is moved, there. */
  abstract String source();

  /** Mounts the storage if it is not. */
  abstract void ensureMounted();

  /** Whether the layout keeps snapshots. */
  private boolean snapshots() {
    return storage().layout() instanceof StorageLayout.BtrfsSubvolumes;
  }

  private MigrationEngine engine() {
    return engine(SideEffects.direct());
  }

  private MigrationReport move() {
    MigrationEngine engine = engine();
    MigrationPlan plan = engine.plan(request(storage()));
    assertThat(plan.refusals()).isEmpty();
    return engine.run(plan);
  }

  @Test
  void aStoreIsMovedAndProvenAndNotMovedTwice() {
    MigrationReport report = move();

    assertThat(report.storage().fileSystemType()).isEqualTo(storage().layout().fileSystemType());
    assertMoved(report);
    assertThat(names(".nixwsl/snapshots").isEmpty()).isNotEqualTo(snapshots());
    for (String name : names(".nixwsl/snapshots")) {
      String at = mountPoint() + "/.nixwsl/snapshots/" + name;
      sh("diff -r --no-dereference " + source() + "/store " + at + "/store");
      assertThat(sh("touch " + at + "/new 2>&1 || true")).contains("Read-only");
    }

    MigrationPlan again = engine().plan(request(storage()));
    assertThat(codes(again)).containsExactly(ErrorCode.TARGET_NOT_EMPTY);
    assertMoved(engine().resume(storage(), INSTANCE));
    assertThat(engine().status(storage(), INSTANCE).phase()).isEqualTo(Phase.COMMITTED);
  }

  @Tag("long")
  @Test
  void aMoveThatIsTakenBackLiesInTheTrashUntilThatIsEmptied() {
    move();
    takeBackAndReclaim();
    assertMoved(move());
  }

  final void takeBackAndReclaim() {
    if (snapshots()) { // users can make some in directories of theirs
      sh("btrfs subvolume create " + mountPoint() + "/main/var/nix/nested >&2");
      sh("touch " + mountPoint() + "/main/var/nix/nested/file");
    }

    RollbackReport back = engine().rollBack(RollbackRequest.of(storage(), INSTANCE));

    ensureMounted();
    String trash = back.trash().orElseThrow();
    assertThat(names(".")).doesNotContain("main");
    sh(
        "diff -r --no-dereference "
            + source()
            + "/store "
            + mountPoint()
            + "/.nixwsl/trash/"
            + trash
            + "/store");
    assertThat(engine().status(storage(), INSTANCE).phase()).isEqualTo(Phase.ROLLED_BACK);

    List<String> due = new ArrayList<>(List.of(trash));
    names(".nixwsl/snapshots").forEach(name -> due.add("snapshots/" + name));
    assertThat(engine().reclaim(storage()).removed()).containsExactlyInAnyOrderElementsOf(due);
    assertThat(names(".nixwsl/trash")).isEmpty();
    assertThat(names(".nixwsl/snapshots")).isEmpty();
    assertThat(engine().reclaim(storage()).removed()).isEmpty();
  }

  @Tag("long")
  @ParameterizedTest
  @ValueSource(
      strings = {
        "make the directory",
        "begin the copy",
        "copy the store paths",
        "copy the state",
        "keep what was proven",
        "write the id"
      })
  void aMoveThatIsKilledComesToTheSameEndWhenItIsTakenUp(String cut) {
    KillAfter kill = new KillAfter(cut);
    MigrationEngine killed = engine(kill);
    assertThat(catchThrowable(() -> killed.run(killed.plan(request(storage())))))
        .as("%s of %s", cut, kill.made())
        .isInstanceOf(KillAfter.Killed.class);
    boolean written = cut.equals("write the id");
    assertThat(names("main").contains(".nix-storage-id")).isEqualTo(written);

    assertMoved(engine().resume(storage(), INSTANCE));
  }

  @Tag("long")
  @Test
  void aFileSystemOfAnotherTypeIsRefused() {
    SharedStorage other = onAnotherFileSystem();
    MigrationEngine engine = engine();
    StorageSdkException refused =
        catchThrowableOfType(
            StorageSdkException.class, () -> engine.run(engine.plan(request(other))));
    assertThat(refused.code()).as(refused.toString()).isEqualTo(ErrorCode.WRONG_STORAGE);
    assertThat(engine().status(other, INSTANCE).phase()).isEqualTo(Phase.NONE);
  }

  @Tag("long")
  @Test
  void aDirectoryOfAnotherOwnerIsRefused() {
    move();
    engine().rollBack(RollbackRequest.of(storage(), INSTANCE));
    ensureMounted();
    String register = mountPoint() + "/.nixwsl/instances/main";
    sh("mkdir -p " + register + " && echo somebody-else > " + register + "/owner");

    MigrationPlan plan = engine().plan(request(storage()));
    assertThat(codes(plan)).containsExactly(ErrorCode.OTHER_OWNER);
    assertThat(names(".")).doesNotContain("main");
  }

  /** By diff, and a listing of owners, modes, times and links. */
  private void assertMoved(MigrationReport report) {
    String target = mountPoint() + "/main";
    assertThat(sh("cat " + target + "/.nix-storage-id")).isEqualTo(report.storageId() + "\n");
    sh("diff -r --no-dereference " + source() + "/store " + target + "/store");
    assertThat(listing(target)).isEqualTo(listing(source()));
    assertThat(names("main")).containsExactlyInAnyOrder(".nix-storage-id", "store", "var");
    if (snapshots()) {
      sh("btrfs subvolume show " + target);
    }
  }

  private String listing(String nix) {
    // Of a directory every file system counts the names in its own way.
    return sh(
        "cd "
            + nix
            + "/store && find . -type d -printf '%P d %m %U %G\\n'"
            + " -o -printf '%P %y %m %U %G %n %T@ %l\\n' | sort");
  }

  /** The names in a directory of the storage; none where it is not there. */
  private List<String> names(String directory) {
    return sh("ls -A " + mountPoint() + "/" + directory + " 2>/dev/null || true").lines().toList();
  }

  private static List<ErrorCode> codes(MigrationPlan plan) {
    return plan.refusals().stream().map(Problem::code).toList();
  }
}
