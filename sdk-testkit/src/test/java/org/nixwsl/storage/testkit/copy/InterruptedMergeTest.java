package org.nixwsl.storage.testkit.copy;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.SortedMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.testkit.OwnJvm;
import org.nixwsl.storage.testkit.copy.KilledMerge.Moment;

/**
 * A merge that is killed, gone on with or given up: the old store is a store whenever it is looked
 * at.
 */
@Tag("once")
class InterruptedMergeTest extends MergeFixture {
  @Test
  void aKillLeavesAStoreAndTheNextCallComesToTheSameEnd() throws Exception {
    killedAt(Moment.DATABASE);
  }

  @Tag("long")
  @ParameterizedTest
  @EnumSource(
      value = Moment.class,
      names = {"PATHS", "PROFILE", "STATE", "PROOF"})
  void soDoesAKillAtAnyOtherMoment(Moment moment) throws Exception {
    killedAt(moment);
  }

  private void killedAt(Moment moment) throws Exception {
    Map<String, String> before = paths(old);
    Set<String> references = references(old);
    String system = Files.readSymbolicLink(Path.of(profile(old))).toString();

    assertThat(mergeAndDie(moment)).isEqualTo(KilledCopy.KILLED);

    if (moment == Moment.PATHS) {
      assertThat(paths(old)).isEqualTo(before);
    } else {
      assertThat(paths(old).keySet()).containsAll(paths(storage).keySet());
    }
    assertThat(paths(old)).containsAllEntriesOf(before);
    assertThat(nix.verify(old).healthy()).as(nix.verify(old).output()).isTrue();
    if (moment == Moment.PATHS || moment == Moment.DATABASE) {
      assertThat(Files.readSymbolicLink(Path.of(profile(old)))).hasToString(system);
    }
    assertThat(paths(old)).as("what the profile leads to").containsKey(leadsTo(profile(old)));
    CopyReport report = KilledMerge.merge(storage, old, Moment.NEVER);
    assertMerged(before, references);
    assertThat(report.paths()).as("also by the call before").isPositive();
  }

  @Tag("long")
  @Test
  void aMergeThatIsGivenUpLeavesTheOldStoreAsItWas() throws Exception {
    SortedMap<String, String> before = TreeListing.of(old.directory(), name -> true);
    assertThat(mergeAndDie(Moment.PATHS)).isEqualTo(KilledCopy.KILLED);
    drop();
    SortedMap<String, String> after = TreeListing.of(old.directory(), name -> true);
    // The time of the directory tells that names came and went.
    before.remove("store");
    after.remove("store");
    assertThat(after).isEqualTo(before);
  }

  @Tag("long")
  @Test
  void aCallThatGoesOnNeedsNoRoomForWhatTheOneBeforeBrought() throws Exception {
    byte[] large = new byte[30 << 20];
    new Random(5).nextBytes(large);
    Path file = Files.write(directory.resolve("large"), large);
    nix(storage, "nix-store", "--add", file.toString());
    Path filler = rootDisk.path().resolve("filler");
    long free = Files.getFileStore(rootDisk.path()).getUsableSpace() - (56L << 20);
    LoopFileSystem.run("fallocate", "-l", Long.toString(free), filler.toString());
    Map<String, String> before = paths(old);
    Set<String> references = references(old);
    assertThat(mergeAndDie(Moment.PATHS)).isEqualTo(KilledCopy.KILLED);
    KilledMerge.merge(storage, old, Moment.NEVER);
    Files.delete(filler);
    assertMerged(before, references);
  }

  @Tag("long")
  @Test
  void whatTheOldStoreBuiltItselfMeanwhileIsNotTakenForWhatWasBrought() throws Exception {
    Set<String> references = references(old);
    assertThat(mergeAndDie(Moment.PATHS)).isEqualTo(KilledCopy.KILLED);
    Path there = old.storeDirectory().resolve(added);
    byte[] bytes = Files.readAllBytes(there);
    bytes[bytes.length / 2] ^= 1;
    Files.delete(there);
    Files.write(there, bytes);
    Files.setPosixFilePermissions(there, PosixFilePermissions.fromString("r--r--r--"));
    change(
        old,
        "insert into ValidPaths(path, hash, registrationTime, narSize) values ('"
            + (PREFIX + added)
            + "', '"
            + narHash(there)
            + "', 1, "
            + query(storage, "select narSize from ValidPaths where path like '%" + added + "'")
                .get(0)
            + ")");
    Map<String, String> before = paths(old);
    assertThat(nix.verify(old).healthy()).isTrue();

    KilledMerge.merge(storage, old, Moment.NEVER);

    assertMerged(before, references);
    assertThat(there).hasSameBinaryContentAs(storage.storeDirectory().resolve(added));
  }

  @Test
  void whatGaveWayComesBackWhenAMergeIsGivenUpBeforeTheDatabaseChanged() throws Exception {
    String both = named(old, "package-3");
    Path rebuilt = old.storeDirectory().resolve(both);
    byte[] bytes = Files.readAllBytes(rot(rebuilt));
    change(
        old,
        "update ValidPaths set hash = '"
            + narHash(rebuilt)
            + "' where path = '"
            + (PREFIX + both)
            + "'");
    Map<String, String> before = paths(old);
    assertThat(nix.verify(old).healthy()).isTrue();

    assertThat(mergeAndDie(Moment.PROFILE, "store/" + both)).isEqualTo(KilledCopy.KILLED);
    assertThat(paths(old)).as("the database comes after that").isEqualTo(before);
    drop();

    assertThat(rebuilt.resolve("share/doc/file-0")).hasBinaryContent(bytes);
    assertThat(nix.verify(old).healthy()).as(nix.verify(old).output()).isTrue();
    assertThat(paths(old)).isEqualTo(before);
  }

  private int mergeAndDie(Moment moment) {
    return mergeAndDie(moment, "var/nix/profiles/demo");
  }

  private int mergeAndDie(Moment moment, String watched) {
    return Operation.quiet(
        "merge and die",
        operation ->
            new ProcessRunner()
                .run(
                    Command.of(
                        OwnJvm.running(
                            KilledMerge.class,
                            storage.directory().toString(),
                            old.directory().toString(),
                            watched,
                            moment.name())),
                    operation)
                .exitCode());
  }
}
