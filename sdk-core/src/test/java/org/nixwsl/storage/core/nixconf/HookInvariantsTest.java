package org.nixwsl.storage.core.nixconf;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.core.escape.Interpreters;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;

/** The rules of the hook that have a number, in their order; docs/development.md lists them. */
@Tag("once")
class HookInvariantsTest extends BootScripts {
  @Test
  void b1RescuesWhenNixDoesNotKnowTheSystemOnTheRootDisk() throws IOException {
    Files.writeString(scratch.resolve("invalid"), "");
    rescued(MOUNTED, "seed older than disk");
  }

  @Test
  void b2PinsWhatWasBootedBeforeTheMoveAndWhatTheLinksName() throws IOException {
    boot(MOUNTED);
    Path roots = root.resolve("var/nix/gcroots");
    Path system = Path.of("/nix").resolve(SYSTEM);
    assertThat(Files.readSymbolicLink(roots.resolve("nix-storage-premove"))).isEqualTo(system);
    assertThat(Files.readSymbolicLink(roots.resolve("nix-storage-current"))).isEqualTo(system);
  }

  @Test
  void b4RescuesFromASystemThatIsOlderThanTheModule() throws IOException {
    Files.delete(disk.resolve(SYSTEM).resolve("nix-storage-shim"));
    rescued(MOUNTED, "older than the nix-storage module");
  }

  @Test
  void b4RescuesFromAShimThatCannotBeTheSystemsOwn() throws IOException {
    Path shim = disk.resolve("store/shim/bin/systemd-shim");
    String text = Files.readString(shim);
    Files.writeString(shim, "\n", StandardOpenOption.APPEND);
    rescued(MOUNTED, "is not the one that the root disk has");
    Files.delete(shim);
    Files.createDirectory(shim);
    rescued(MOUNTED, "is missing in");
    Files.delete(shim);
    program(shim, text);
    Path link = disk.resolve(SYSTEM).resolve("nix-storage-shim");
    for (String target : List.of("/bin/sh", "/nix/store/../bin/sh")) {
      program(disk.resolve("bin/sh"), "");
      Files.delete(link);
      Files.createSymbolicLink(link, Path.of(target));
      rescued(MOUNTED, "is missing in");
    }
  }

  @Test
  void b5UnarmedItBootsAtOnceFromTheRootDiskWithoutRescue() throws IOException {
    Files.delete(scratch.resolve("armed"));
    Files.writeString(scratch.resolve("force-rescue"), "");
    assertThat(boot(NOT_MOUNTED)).startsWith("root disk");
    assertThat(report()).containsEntry("decision", "unarmed");
    assertThat(scratch.resolve("run/rescue")).doesNotExist();
    assertThat(scratch.resolve("run/active")).doesNotExist();
    assertThat(scratch.resolve("slept")).doesNotExist();
  }

  @Test
  void b5ArmedItRescuesFromAMoveThatWasNotCommitted() throws IOException {
    Files.delete(disk.resolve(".nix-storage-id"));
    rescued(MOUNTED, ".nix-storage-id is missing");
  }

  @Test
  void b6RescuesWhileAnotherInstanceHasTheLease() throws IOException {
    rescued(
        MOUNTED
            + "; mkdir -p \"$mountPoint/.nixwsl/locks\"; exec 7> \"$mountPoint/.nixwsl/locks/main\";"
            + " flock -x 7",
        "is in use by another instance");
  }

  @Test
  void b6RescuesFromTheDirectoryOfAnotherOwnerUntilAdopted() throws IOException {
    boot(MOUNTED);
    assertThat(register("owner")).hasContent("root-uuid");
    Files.writeString(register("owner"), "another\n");
    rescued(MOUNTED, "belongs to the instance with the root disk 'another'");
  }

  @Test
  void b6FollowsNoLinkToTheLease() throws IOException {
    Path victim = scratch.resolve("victim");
    Files.createDirectories(disk.resolveSibling(".nixwsl/locks"));
    Files.createSymbolicLink(disk.resolveSibling(".nixwsl/locks/main"), victim);
    rescued(MOUNTED, "cannot be opened");
    assertThat(victim).doesNotExist();
  }

  @Test
  void b6TheLeaseLastsThoughEveryProgramOfTheRootDiskIsHidden() throws IOException {
    program(scratch.resolve("bin/sleep"), "exit 1");
    boot(MOUNTED);
    assertThat(scratch.resolve("lease")).hasContent("held");
  }

  @Test
  void b6RescuesFromAnOwnerThatCannotBeRead() throws IOException {
    boot(MOUNTED);
    Files.writeString(register("owner"), "");
    rescued(MOUNTED, "the owner of");
    Files.delete(register("owner"));
    Files.createSymbolicLink(register("owner"), scratch.resolve("nowhere"));
    rescued(MOUNTED, "the owner of");
    Files.delete(register("owner"));
    Files.createDirectory(register("owner"));
    rescued(MOUNTED, "the owner of");
  }

  @Test
  void b7CountsBootsOnBothSidesAndFindsTheOneThatIsBehind() throws IOException {
    boot(MOUNTED);
    boot(MOUNTED);
    assertThat(register("epoch")).hasContent("2");
    assertThat(scratch.resolve("state/epoch")).hasContent("2 2");
    assertThat(report()).containsEntry("findings", List.of());
    Files.writeString(register("epoch"), "1\n");
    boot(MOUNTED);
    assertThat(report()).containsEntry("findings", List.of("disk-restored"));
    assertThat(register("epoch")).hasContent("3");
    Files.writeString(scratch.resolve("state/epoch"), "1 1\n");
    boot(MOUNTED);
    assertThat(report()).containsEntry("findings", List.of("root-restored"));
    assertThat(scratch.resolve("state/epoch")).hasContent("4 4");
  }

  @Test
  void b7APowerCutBetweenTheTwoCountersIsNoRestore() throws IOException {
    boot(MOUNTED);
    for (String onDisk : List.of("1", "2")) {
      Files.writeString(scratch.resolve("state/epoch"), "1 2\n");
      Files.writeString(register("epoch"), onDisk + "\n");
      boot(MOUNTED);
      assertThat(report()).containsEntry("findings", List.of());
      assertThat(register("epoch")).hasContent("3");
    }
  }

  @Test
  void b7ACounterThatIsNoNumberCountsAsNone() throws IOException {
    boot(MOUNTED);
    Files.writeString(register("epoch"), "$(touch /tmp/x)\n");
    assertThat(boot(MOUNTED)).startsWith("shared disk");
    assertThat(report()).containsEntry("findings", List.of("disk-restored"));
  }

  @Test
  void b7ForcesEachFileAndItsDirectoryBeforeTheNextOne() throws IOException {
    program(
        scratch.resolve("bin/sync"),
        "for last; do :; done; echo \"${last##*/}\" >> " + scratch.resolve("synced"));
    boot(MOUNTED);
    assertThat(Files.readAllLines(scratch.resolve("synced")))
        .containsExactly(
            "owner.new", "main", "epoch.new", "state", "epoch.new", "main", "epoch.new", "state");
  }

  @Test
  void b8WaitsNoLongerThanWasSet() throws IOException {
    rescued(NOT_MOUNTED, "nothing is mounted on");
    assertThat(Files.readAllLines(scratch.resolve("slept"))).hasSize(60).containsOnly("0.25");
  }

  @Test
  void b8RescuesFromASystemdThatHangs() throws IOException {
    program(disk.resolve("store/systemd/lib/systemd/systemd"), "while :; do kill -STOP $$; done");
    // The real limit, made shorter: what hangs hangs for any time.
    program(
        scratch.resolve("bin/timeout"),
        "limit=60; case \"$*\" in *unshare*) limit=0.5 ;; esac; [ \"$1\" != -k ] || shift 2; shift;"
            + " exec /usr/bin/timeout -k 0.5 $limit \"$@\"");
    rescued(MOUNTED, "systemd does not run from");
  }

  @Test
  void b9MountsTheOneDeviceThatCarriesTheUuid() throws IOException {
    values.put("fileSystemUuid", ID);
    values.put("waitSeconds", "0");
    program(scratch.resolve("bin/blkid"), "[ \"$1\" = -p ] && echo root-uuid || echo /dev/null");
    program(
        scratch.resolve("bin/mountpoint"),
        "case $1 in -d | -x) echo 7:0 ;; *) exec /usr/bin/mountpoint \"$@\" ;; esac");
    program(
        scratch.resolve("bin/mount"),
        "[ \"$1\" != -t ] || set -- --bind "
            + scratch.resolve("disk")
            + " \"$5\"; exec /usr/bin/mount \"$@\"");
    assertThat(boot(NOT_MOUNTED)).startsWith("shared disk");
    program(
        scratch.resolve("bin/blkid"),
        "[ \"$1\" = -p ] && echo root-uuid || printf '/dev/null\\n/dev/zero\\n'");
    rescued(NOT_MOUNTED, "2 devices carry the UUID");
  }

  /** With the programs of this machine: a btrfs shows a device number that no device has. */
  @Test
  void b9MountsTheBtrfsThatCarriesTheUuidAndTakesNoOther() throws IOException {
    Interpreters.needs("mkfs.btrfs");
    values.put("fileSystemUuid", ID);
    values.put("fileSystemType", "btrfs");
    values.put("mountOptions", "compress=zstd:1,max_inline=0");
    values.put("waitSeconds", "0");
    Files.delete(scratch.resolve("bin/stat"));
    program(
        scratch.resolve("bin/blkid"),
        "[ \"$1\" = -p ] && echo root-uuid || exec /sbin/blkid \"$@\"");
    program(
        scratch.resolve("bin/findmnt"),
        "case $* in *'--mountpoint /') echo /dev/root ;; *) exec /usr/bin/findmnt \"$@\" ;; esac");
    String mine = btrfs(ID, "btrfs subvolume create main >&2; cp -a \"$1/main\" .");
    String other = btrfs(UUID.randomUUID().toString(), ":");
    try {
      assertThat(boot(NOT_MOUNTED)).startsWith("shared disk");
      rescued("mount -t btrfs " + other + " \"$mountPoint\"", "does not have the UUID");
      values.put("fileSystemType", "ext4");
      rescued("mount -t btrfs " + mine + " \"$mountPoint\"", "no disk of the SDK's kind");
    } finally {
      Interpreters.run(Command.of("losetup", "--detach", mine, other));
    }
  }

  /** The device of a new btrfs, on which a script was run that finds the disk in $1. */
  private String btrfs(String uuid, String script) throws IOException {
    Path image = Files.createTempFile(scratch, "btrfs", ".img");
    String text =
        "set -e; truncate -s 128M \"$2\"; mkfs.btrfs -q -K -U "
            + uuid
            + " \"$2\" >&2; device=$(losetup --find --show \"$2\"); mkdir \"$2.d\";"
            + " mount -t btrfs \"$device\" \"$2.d\"; cd \"$2.d\"; "
            + script
            + "; cd /; umount \"$2.d\"; echo \"$device\"";
    ProcessRunner.Result made =
        Interpreters.run(
            Command.of(
                "sh", "-c", text, "sh", scratch.resolve("disk").toString(), image.toString()));
    assertThat(made.exitCode()).as(made.allText()).isZero();
    return made.text().strip();
  }

  @Test
  void b9RescuesFromAMountThatIsNotTheDisk() throws IOException {
    values.put("fileSystemUuid", ID);
    rescued(MOUNTED, "does not have the UUID");
  }

  @Test
  void b9MountsNothingOverWhatALinkNames() throws IOException {
    values.put("fileSystemUuid", ID);
    values.put("waitSeconds", "0");
    program(scratch.resolve("bin/blkid"), "[ \"$1\" = -p ] && echo root-uuid || echo /dev/null");
    program(scratch.resolve("bin/mount"), "echo \"$@\" >> " + scratch.resolve("mounted"));
    Files.createDirectory(scratch.resolve("victim"));
    rescued("rmdir \"$mountPoint\"; ln -s ../victim \"$mountPoint\"", "nothing is mounted on");
    assertThat(scratch.resolve("mounted")).doesNotExist();
    // And nothing on what another user may exchange for a link.
    rescued(
        "rm \"$mountPoint\"; mkdir \"$mountPoint\"; chown 1000 \"$mountPoint\"",
        "nothing is mounted on");
    assertThat(scratch.resolve("mounted")).doesNotExist();
  }

  @Test
  void b11AHostileIdCanNeitherForgeTheReportNorSteerTheTerminal() throws IOException {
    Files.writeString(
        disk.resolve(".nix-storage-id"), "\",\"decision\":\"disk\u001b[2J\\é" + "x".repeat(99999));
    rescued(MOUNTED, "wrong disk: the id in");
    assertThat(scratch.resolve("run/rescue")).content().matches("[\\x20-\\x7e\n]*");
    assertThat(Files.size(scratch.resolve("run/boot.json"))).isLessThan(1000);
  }

  @Test
  void b11SaysWhatWasDecidedAsJsonInEachCase() throws IOException {
    boot(NOT_MOUNTED);
    assertThat(report())
        .containsOnlyKeys("version", "decision", "reason", "findings", "source", "storageId")
        .containsEntry("decision", "rescue");
    boot(MOUNTED);
    assertThat(report()).containsEntry("decision", "disk");
    Files.delete(scratch.resolve("armed"));
    boot(MOUNTED);
    assertThat(report()).containsEntry("decision", "unarmed");
  }
}
