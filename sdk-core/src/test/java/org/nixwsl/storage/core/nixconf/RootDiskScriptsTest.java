package org.nixwsl.storage.core.nixconf;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the module runs on request: collecting old systems, and waiting for data directories. */
@Tag("once")
class RootDiskScriptsTest {
  private static final String SOURCE = "/disk/.nixwsl/data/main/srv/db";
  private static final String WAIT = "/nix-storage-data /srv/db";

  @TempDir Path scratch;
  private RootDisk root;

  @BeforeEach
  void layOutBothDisks() throws IOException {
    root = RootDisk.create(scratch);
    root.program("/nix-storage-data", Template.resource("nix-storage-data.sh"));
  }

  @Test
  void b2OnlyOldSystemsThatNothingPinsLeaveTheRootDisk() throws IOException {
    for (String name : List.of("second", "third", "fourth", "fifth")) {
      root.inside(RootDisk.system(name));
    }
    root.inside(
        "cd /nix/var/nix/gcroots\n"
            + "ln -s $(readlink -f /nix/var/nix/profiles/system-1-link) nix-storage-premove\n"
            + "ln -s $(readlink -f /nix/var/nix/profiles/system-2-link) nix-storage-current\n"
            // A result link of a user's, of which Nix knows through a link of its own.
            + "mkdir /tmp/u; echo u > /tmp/u/u; ln -s $(nix-store --add /tmp/u) /root/result\n"
            + "mkdir -p auto; ln -s /root/result auto/x\n"
            + "mkdir /tmp/garbage; nix-store --add /tmp/garbage");
    List<String> before = systems();
    root.active = true;
    String onDisk = root.inside("ls /disk/main/store; ls -l /disk/main/var/nix/profiles");
    assertThat(prune("2")).contains("exit 3").contains("[STORE_IN_USE]");
    assertThat(inRescue("ls /nix/store")).contains("-third", "-garbage");

    root.inside(RootDisk.COMMAND + " release-old-store");
    assertThat(prune("2")).doesNotContain("exit");
    assertThat(inRescue("ls /nix/store"))
        .contains("-before", "-second", "-fourth", "-fifth", "-u\n")
        .doesNotContain("-third", "-garbage");
    assertThat(before).hasSize(5);
    assertThat(systems()).containsExactly("system-4-link", "system-5-link");
    // Nix has the same view of it: what stays is valid, and the system that boots is whole.
    inRescue(
        "nix-store --verify --check-contents; nix-store --check-validity"
            + " $(readlink -f /nix/var/nix/profiles/system)");
    root.active = true;
    assertThat(root.inside("ls /disk/main/store; ls -l /disk/main/var/nix/profiles"))
        .as("the disk")
        .isEqualTo(onDisk);
    assertThat(prune("1")).doesNotContain("exit");
    assertThat(inRescue("ls /nix/store"))
        .contains("-before", "-second", "-fifth")
        .doesNotContain("-fourth");
  }

  @Test
  void b2NothingIsCollectedInARescueBootOrWithoutANumber() throws IOException {
    root.active = true;
    root.inside(RootDisk.COMMAND + " release-old-store");
    for (String number : List.of("", "0", "-1", "x", "+2", "99999", "1 -v")) {
      assertThat(prune("'" + number + "'")).contains("exit 2").contains("usage");
    }
    root.active = false;
    assertThat(prune("1")).contains("exit 3").contains("[NOT_MOUNTED]");
  }

  @Test
  void aDataDirectoryIsWaitedForAndThenMountedPrivately() throws IOException {
    root.inside("mkdir -p " + SOURCE + " /srv/db; echo on-disk > " + SOURCE + "/x");
    root.active = true;
    root.inside(WAIT);
    // What the mount unit does, with the share shared as WSL has it.
    assertThat(
            root.inside(
                "mount --make-rshared / && mount -o bind,private"
                    + " /mnt/wsl/nixstorage/.nixwsl/data/main/srv/db /srv/db && cat /srv/db/x &&"
                    + " findmnt -n -o PROPAGATION --mountpoint /srv/db"
                        .replace("findmnt", "/usr/bin/findmnt")))
        .isEqualTo("on-disk\nprivate\n");
  }

  @Test
  void aDataDirectoryThatIsNotTheInstancesOnTheRightDiskIsNotMounted() throws IOException {
    root.program("/test-bin/sleep", "echo >> /slept");
    assertThat(waitFails()).contains("does not run from the shared disk");
    root.active = true;
    assertThat(waitFails()).contains("does not exist");
    root.inside("mkdir -p " + SOURCE);
    assertThat(root.inside(WAIT)).isEmpty();
    assertThat(
            root.inside(
                "mount -t tmpfs none "
                    + SOURCE.replace("/disk", "/mnt/wsl/nixstorage")
                    + "; "
                    + WAIT
                    + " 2>&1 || true"))
        .contains("is not on the disk");
    root.mounted = false;
    assertThat(waitFails()).contains("nothing is mounted").contains("30 s");
    assertThat(Files.readAllLines(root.file("/slept"))).hasSize(120);
    root.mounted = true;
    root.inside("rmdir " + SOURCE + "; ln -s /etc " + SOURCE);
    assertThat(waitFails()).contains("a link on the way");
  }

  private String waitFails() throws IOException {
    return root.inside("! " + WAIT + " 2>&1");
  }

  private String prune(String arguments) throws IOException {
    return root.inside(RootDisk.COMMAND + " prune-seed " + arguments + " 2>&1 || echo \"exit $?\"");
  }

  private String inRescue(String script) throws IOException {
    boolean before = root.active;
    root.active = false;
    try {
      return root.inside(script);
    } finally {
      root.active = before;
    }
  }

  private List<String> systems() throws IOException {
    return inRescue("ls /nix/var/nix/profiles | grep link").lines().toList();
  }
}
