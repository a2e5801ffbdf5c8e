package org.nixwsl.storage.core.nixconf;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What the hook boots from, and what it refuses. */
@Tag("once")
class HookTest extends BootScripts {
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
}
