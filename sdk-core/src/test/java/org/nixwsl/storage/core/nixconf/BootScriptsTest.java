package org.nixwsl.storage.core.nixconf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.escape.Interpreters;
import org.nixwsl.storage.core.escape.ShText;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;

/**
 * The embedded scripts, run for real in a mount namespace of their own: a {@code /nix} of the root
 * disk and one of the shared disk, whose shim says which of the two is in place. As under WSL the
 * hook is PID 1, and its environment has no {@code PATH}. Nothing waits: {@code sleep} is a program
 * of the test.
 */
class BootScriptsTest {
  private static final String ID = "6f1d5b1e-0c0a-4d0e-9a77-3a1f0d7c2b10";
  private static final String SYSTEM = "store/00000000000000000000000000000000-nixos-system";

  /** What the shim writes down: its environment, and whether someone has the lease. */
  private static final String SHIM_SAYS =
      "cd \"@@\"; env > shim-env; lock=wsl/nixstorage/.nixwsl/locks/main; [ ! -e $lock ]"
          + " || { flock -n $lock true && echo free > lease || echo held > lease; }; :";

  private static final String MOUNTED = "mount --bind \"$diskDir\" \"$mountPoint\"";
  private static final String NOT_MOUNTED = ":";

  @TempDir Path scratch;
  private final Map<String, String> values = new LinkedHashMap<>();
  private Path root;
  private Path disk;

  @BeforeEach
  void layOutBothDisks() throws IOException {
    assumeTrue("root".equals(System.getProperty("user.name")), "skipped: root is missing");
    Interpreters.needs("unshare");
    Interpreters.needs("bash");
    assumeTrue(Files.isDirectory(Path.of("/nix")), "skipped: /nix is missing");
    root = nix("root-nix", "root disk");
    disk = nix("disk/main", "shared disk");
    Files.writeString(disk.resolve(".nix-storage-id"), ID + "\n");
    Files.createDirectories(scratch.resolve("wsl/nixstorage"));
    Files.writeString(scratch.resolve("armed"), "");
    Files.writeString(scratch.resolve("kmsg"), "");
    Files.createDirectories(scratch.resolve("bin"));
    program(scratch.resolve("bin/sleep"), "echo \"$1\" >> " + scratch.resolve("slept"));
    values.put("instance", "main");
    values.put("storageId", ID);
    values.put("fileSystemUuid", "");
    values.put("stateDir", scratch.resolve("state").toString());
    program(scratch.resolve("bin/stat"), "echo ${TYPE-ext2/ext3}");
    program(scratch.resolve("bin/findmnt"), "echo /dev/root");
    program(scratch.resolve("bin/blkid"), "[ \"$1\" = -p ] && echo root-uuid");
    program(scratch.resolve("bin/nix-store"), "[ ! -e " + scratch.resolve("invalid") + " ]");
    values.put("runDir", scratch.resolve("run").toString());
    values.put("armedFile", scratch.resolve("armed").toString());
    values.put("forceRescueFile", scratch.resolve("force-rescue").toString());
    values.put("mountPoint", scratch.resolve("wsl/nixstorage").toString());
    values.put("waitSeconds", "15");
    values.put("shim", "/nix/store/shim/bin/systemd-shim");
    values.put("PATH", scratch.resolve("bin") + ":/usr/bin:/bin:/usr/sbin:/sbin");
  }

  @Test
  void bootsFromTheSharedDiskAndHandsArgumentsOn() throws IOException {
    assertThat(boot(MOUNTED)).isEqualTo("shared disk [--unit=a b] []");
    assertThat(report())
        .containsEntry("version", 1)
        .containsEntry("decision", "disk")
        .containsEntry("source", scratch.resolve("wsl/nixstorage/main").toString())
        .containsEntry("storageId", ID);
    assertThat(scratch.resolve("run/active")).exists();
    assertThat(scratch.resolve("run/rescue")).doesNotExist();
    assertThat(scratch.resolve("slept")).doesNotExist();
    assertThat(disk.resolve(".nix-storage-probe")).isEmptyFile();
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
  void b8WaitsNoLongerThanWasSet() throws IOException {
    rescued(NOT_MOUNTED, "nothing is mounted on");
    assertThat(Files.readAllLines(scratch.resolve("slept"))).hasSize(60).containsOnly("0.25");
  }

  @Test
  void takesADiskThatComesLate() throws IOException {
    program(
        scratch.resolve("bin/sleep"),
        "mount --bind " + scratch.resolve("disk") + " " + scratch.resolve("wsl/nixstorage"));
    assertThat(boot(NOT_MOUNTED)).startsWith("shared disk");
  }

  @Test
  void aDirectoryThatWslLeftBehindIsNoDisk() throws IOException {
    values.put("waitSeconds", "0");
    rescued("cp -a " + scratch.resolve("disk") + "/. \"$mountPoint\"", "nothing is mounted on");
  }

  @Test
  void rescuesWhenAsked() throws IOException {
    Files.writeString(scratch.resolve("force-rescue"), "");
    rescued(MOUNTED, "force-rescue exists");
  }

  @Test
  void b5ArmedItRescuesFromAMoveThatWasNotCommitted() throws IOException {
    Files.delete(disk.resolve(".nix-storage-id"));
    rescued(MOUNTED, ".nix-storage-id is missing");
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
  void writesThroughNoLinkOfTheDisk() throws IOException {
    Path victim = Files.writeString(scratch.resolve("victim"), "precious");
    Files.createSymbolicLink(disk.resolve(".nix-storage-probe"), victim);
    assertThat(boot(MOUNTED)).startsWith("shared disk");
    assertThat(victim).hasContent("precious");
  }

  @Test
  void rescuesFromADiskMountedReadOnly() throws IOException {
    rescued(MOUNTED + "; mount -o remount,bind,ro \"$mountPoint\"", "is not writable");
  }

  @Test
  void rescuesFromAStoreWithoutDatabase() throws IOException {
    Files.writeString(disk.resolve("var/nix/db/db.sqlite"), "");
    rescued(MOUNTED, "has no Nix database");
  }

  @Test
  void rescuesFromAProfileThatLeadsOutOfTheStore() throws IOException {
    for (String target : List.of("/etc", "/nix/store/../../etc", "/nix/store/..", "system")) {
      Files.delete(disk.resolve("var/nix/profiles/system"));
      Files.createSymbolicLink(disk.resolve("var/nix/profiles/system"), Path.of(target));
      rescued(MOUNTED, "the system profile in");
    }
  }

  @Test
  void rescuesFromASystemWithoutSystemd() throws IOException {
    Files.delete(disk.resolve("store/systemd/lib/systemd/systemd"));
    rescued(MOUNTED, "has no systemd");
  }

  @Test
  void rescuesFromASystemdThatDoesNotRun() throws IOException {
    program(disk.resolve("store/systemd/lib/systemd/systemd"), "exit 3");
    rescued(MOUNTED, "systemd does not run from");
  }

  @Test
  void rescuesWhenTheRootDiskLacksTheSystem() throws IOException {
    Files.delete(root.resolve(SYSTEM).resolve("activate"));
    rescued(MOUNTED, "seed older than disk");
  }

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
  void b9RescuesFromAMountThatIsNotTheDisk() throws IOException {
    values.put("fileSystemUuid", ID);
    rescued(MOUNTED, "does not have the UUID");
  }

  @Test
  void rescuesFromAMountThatIsNoDisk() throws IOException {
    for (String type : List.of("v9fs", "tmpfs", "xfs", "UNKNOWN (0x1)", "")) {
      program(scratch.resolve("bin/stat"), "echo '" + type + "'");
      rescued(MOUNTED, "is no disk of the SDK's kind");
    }
  }

  @Test
  void wslGivesNoPathAndTheShimGetsNoneEither() throws IOException {
    program(scratch.resolve("bin/blkid"), "echo root-uuid; env > " + scratch.resolve("env"));
    boot(MOUNTED);
    assertThat(scratch.resolve("env")).content().contains("\nPATH=" + scratch.resolve("bin"));
    assertThat(scratch.resolve("shim-env"))
        .content()
        .contains("container=wsl")
        .doesNotContain("PATH=");
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
  void rescuesFromAMountBehindALink() throws IOException {
    rescued(
        "rmdir \"$mountPoint\"; mkdir \"$mountPoint-2\"; ln -s \"$mountPoint-2\" \"$mountPoint\";"
            + " mount --bind \"$diskDir\" \"$mountPoint-2\"",
        "is a link");
  }

  @Test
  void bindsNoDirectoryThatIsOnNixAlready() throws IOException {
    assertThat(boot(MOUNTED + "; mount --bind \"$mountPoint/main\" /nix"))
        .startsWith("shared disk");
    assertThat(report())
        .containsEntry("decision", "rescue")
        .hasEntrySatisfying(
            "reason", said -> assertThat((String) said).contains("is on /nix already"));
  }

  @Test
  void rescuesFromAStoreThatIsPartlyElsewhere() throws IOException {
    for (String part : List.of("var/nix/db", "var/nix/profiles", "var", "store")) {
      Path there =
          Files.createDirectories(scratch.resolve("elsewhere")).resolve(part.replace('/', '-'));
      Files.move(disk.resolve(part), there);
      Files.createSymbolicLink(disk.resolve(part), there);
      rescued(MOUNTED, part + " is not a directory");
      Files.delete(disk.resolve(part));
      Files.move(there, disk.resolve(part));
    }
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
  void rescuesWhenTheRootDiskCannotPinTheSystem() throws IOException {
    boot(MOUNTED);
    program(scratch.resolve("bin/ln"), "exit 1");
    assertThat(boot(MOUNTED)).as("pinned already").startsWith("shared disk");
    Files.delete(root.resolve("var/nix/gcroots/nix-storage-current"));
    rescued(MOUNTED, "cannot pin");
  }

  @Test
  void rescuesWhereNixFindsNoRoomOnTheRootDisk() throws IOException {
    boot(MOUNTED);
    assertThat(root.resolve("var/nix/.nix-storage-probe")).doesNotExist();
    // Neither can be written there then, nor would Nix know any path.
    Files.createDirectory(root.resolve("var/nix/.nix-storage-probe"));
    Files.writeString(scratch.resolve("invalid"), "");
    rescued(MOUNTED, "the root disk is full");
  }

  @Test
  void aBootNeedsNoCopyOfASystemThatTheRootDiskHas() throws IOException {
    fakeNix("exit 1");
    Files.createDirectories(root.resolve("var/nix/gcroots"));
    program(scratch.resolve("bin/mountpoint"), "exit 0");
    program(scratch.resolve("bin/umount"), "");
    Path roots = Files.createDirectories(scratch.resolve("run/root-disk/nix/var/nix/gcroots"));
    Files.createSymbolicLink(roots.resolve("nix-storage-current"), scratch.resolve("system"));
    assertThat(seed("links").exitCode()).isZero();
    Files.delete(roots.resolve("nix-storage-current"));
    assertThat(seed("links").exitCode()).isNotZero();
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

  @Test
  void b10SeedsTheRootDiskAndSyncsBeforeTheProfileNamesIt() throws IOException {
    fakeNix("exit 0");
    assertThat(seed("profile").exitCode()).isZero();
    assertThat(Files.readAllLines(scratch.resolve("calls")))
        .containsExactly(
            "nix --extra-experimental-features nix-command copy --no-check-sigs --to RUN/root-disk "
                + scratch.resolve("system"),
            "sync -f RUN/root-disk",
            "nix-env --store RUN/root-disk --profile RUN/root-disk/nix/var/nix/profiles/system"
                + " --set "
                + scratch.resolve("system"),
            "sync -f RUN/root-disk");
  }

  @Test
  void aTestedSystemIsCopiedButNotMadeTheOneToBoot() throws IOException {
    fakeNix("exit 0");
    assertThat(seed("links").exitCode()).isZero();
    assertThat(scratch.resolve("calls")).content().contains("copy").doesNotContain("nix-env");
  }

  @Test
  void b1ACopyThatFailsLeavesTheProfileAndFails() throws IOException {
    fakeNix("exit 1");
    assertThat(seed("profile").exitCode()).isNotZero();
    assertThat(scratch.resolve("calls")).content().doesNotContain("nix-env");
  }

  @Test
  void seedsNothingWhileTheRootDiskIsInUse() throws IOException {
    fakeNix("exit 0");
    Files.delete(scratch.resolve("run/active"));
    assertThat(seed("profile").exitCode()).isZero();
    assertThat(scratch.resolve("calls")).doesNotExist();
  }

  private void rescued(String preparation, String reason) throws IOException {
    assertThat(boot(preparation)).startsWith("root disk [--unit=a b]");
    assertThat(report())
        .containsEntry("decision", "rescue")
        .hasEntrySatisfying("reason", said -> assertThat((String) said).contains(reason));
    assertThat(scratch.resolve("run/rescue")).content().contains("Reason: ").contains(reason);
    assertThat(scratch.resolve("kmsg")).content().contains("<4>nix-storage: rescue boot: ");
    assertThat(scratch.resolve("run/active")).doesNotExist();
  }

  /** What the shim printed: the disk it came from and its arguments. */
  private String boot(String preparation) throws IOException {
    Path script = script("init.sh", Template.resource("nix-storage-init.sh"));
    ProcessRunner.Result result =
        inNamespace(
            preparation + "\nexec env -i container=wsl /bin/bash " + script + " '--unit=a b' ''\n");
    assertThat(result.exitCode()).as(result.allText()).isZero();
    return result.text();
  }

  private ProcessRunner.Result seed(String argument) throws IOException {
    Path script = script("seed.sh", Template.resource("nix-storage-seed.sh"));
    return inNamespace("exec bash " + script + " " + scratch.resolve("system") + " " + argument);
  }

  private Path register(String file) {
    return disk.resolveSibling(".nixwsl/instances/main").resolve(file);
  }

  private Map<String, Object> report() throws IOException {
    return JSON.std.mapFrom(Files.readString(scratch.resolve("run/boot.json")));
  }

  private ProcessRunner.Result inNamespace(String body) throws IOException {
    String driver =
        "set -e\n"
            + "diskDir="
            + ShText.quoted(scratch.resolve("disk").toString())
            + "\n"
            + "mountPoint="
            + ShText.quoted(scratch.resolve("wsl/nixstorage").toString())
            + "\n"
            + "mount --bind "
            + root
            + " /nix\n"
            + "[ ! -e /dev/kmsg ] || mount --bind "
            + scratch.resolve("kmsg")
            + " /dev/kmsg\n"
            + body;
    Command command =
        Command.of(
                "unshare",
                "--mount",
                "--propagation",
                "private",
                "--pid",
                "--fork",
                "--mount-proc",
                "bash",
                "-s")
            .reading(Interpreters.utf8(driver));
    return Operation.quiet("test", operation -> new ProcessRunner().run(command, operation));
  }

  private Path script(String name, String text) throws IOException {
    StringBuilder all = new StringBuilder();
    values.forEach(
        (key, value) -> all.append(key).append('=').append(ShText.quoted(value)).append('\n'));
    return Files.writeString(scratch.resolve(name), all + text);
  }

  /** A {@code /nix} with a profile, a system, its systemd and a shim that names it. */
  private Path nix(String directory, String name) throws IOException {
    Path nix = scratch.resolve(directory);
    Files.createDirectories(nix.resolve("var/nix/profiles"));
    Files.createDirectories(nix.resolve("var/nix/db"));
    Files.writeString(nix.resolve("var/nix/db/db.sqlite"), "SQLite format 3");
    Files.createSymbolicLink(nix.resolve("var/nix/profiles/system"), Path.of("system-7-link"));
    Files.createSymbolicLink(
        nix.resolve("var/nix/profiles/system-7-link"), Path.of("/nix").resolve(SYSTEM));
    program(nix.resolve(SYSTEM).resolve("activate"), "");
    Files.createSymbolicLink(nix.resolve(SYSTEM).resolve("systemd"), Path.of("/nix/store/systemd"));
    Files.createSymbolicLink(
        nix.resolve(SYSTEM).resolve("nix-storage-shim"),
        Path.of("/nix/store/shim/bin/systemd-shim"));
    program(nix.resolve("store/systemd/lib/systemd/systemd"), "echo systemd 257");
    Files.writeString(nix.resolve("var/where"), name);
    program(
        nix.resolve("store/shim/bin/systemd-shim"),
        "printf '%s' \"$(cat /nix/var/where)\"; printf ' [%s]' \"$@\"; "
            + SHIM_SAYS.replace("@@", scratch.toString()));
    return nix;
  }

  /** Stands in for Nix: writes down how it is called, with the run directory as RUN. */
  private void fakeNix(String copyEnds) throws IOException {
    Files.createDirectories(scratch.resolve("run"));
    Files.createDirectories(scratch.resolve("system"));
    Files.writeString(scratch.resolve("run/active"), "");
    String note =
        "line=\"${0##*/} $*\"; run="
            + scratch.resolve("run")
            + "\n"
            + "printf '%s\\n' \"${line//$run/RUN}\" >> "
            + scratch.resolve("calls")
            + "\n";
    Files.writeString(scratch.resolve("run/boot.json"), "{}");
    for (String name : List.of("sync", "nix-env")) {
      program(scratch.resolve("bin").resolve(name), note);
    }
    program(scratch.resolve("bin/nix"), note + copyEnds);
  }

  private static void program(Path file, String body) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, "#!/bin/bash\n" + body + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }
}
