package org.nixwsl.storage.core.nixconf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.config.BootControl;
import org.nixwsl.storage.core.escape.ShText;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;

/** The calls, the command that they call, and a real Nix. */
@Tag("once")
class BootCommandsTest {
  private static final String PIN = "/nix/var/nix/gcroots/nix-storage-current";
  private static final String SYSTEM = "readlink -f /nix/var/nix/profiles/system";

  @TempDir Path scratch;
  private RootDisk root;
  private BootControl boot;

  @BeforeEach
  void layOutBothDisks() throws IOException {
    root = RootDisk.create(scratch);
    boot = new BootCommands(root, Ticker.system(), RootDisk.COMMAND);
  }

  @Test
  void reseedCopiesTheSystemOfTheDiskToTheRootDiskAndKeepsItThere() throws IOException {
    root.active = true;
    String onDisk = root.inside(SYSTEM).strip();
    root.active = false;
    String before = root.inside(SYSTEM).strip();
    assertThat(onDisk).isNotEqualTo(before).endsWith("-on-disk");
    assertThat(boot.reseed().notes()).anyMatch(note -> note.contains(onDisk));
    // Nix itself says that it is there and whole, and that it stays.
    root.inside("nix-store --check-validity " + onDisk + " && nix-store --verify-path " + onDisk);
    assertThat(root.inside("readlink " + PIN).strip()).isEqualTo(onDisk);
    root.inside("nix-store --gc && nix-store --check-validity " + onDisk + " " + before);
    assertThat(boot.reseed().notes()).isNotEmpty();
  }

  @Test
  void reseedFromTheDiskMakesItsSystemTheOneOfARescueBoot() throws IOException {
    root.active = true;
    String onDisk = root.inside(SYSTEM).strip();
    // In the running system that profile is what /run/current-system names.
    root.inside("ln -sfn " + onDisk + " /run/current-system");
    boot.reseed();
    root.active = false;
    assertThat(root.inside(SYSTEM).strip()).isEqualTo(onDisk);
    assertThat(root.inside("readlink " + PIN).strip()).isEqualTo(onDisk);
  }

  @Test
  void theDiskHasToBeThereAndTheRightOneAndFree() throws IOException {
    root.mounted = false;
    refused(ErrorCode.NOT_MOUNTED, DiskException.class, boot::reseed);
    refused(ErrorCode.NOT_MOUNTED, DiskException.class, boot::adopt);
    root.mounted = true;
    root.inside("echo other > /disk/main/.nix-storage-id");
    refused(ErrorCode.WRONG_STORAGE, DiskException.class, boot::reseed);
    refused(ErrorCode.WRONG_STORAGE, DiskException.class, boot::adopt);
    root.inside("echo " + RootDisk.ID + " > /disk/main/.nix-storage-id");
    root.program("/test-bin/flock", "exit 1");
    refused(ErrorCode.STORAGE_BUSY, ConflictException.class, boot::reseed);
    refused(ErrorCode.STORAGE_BUSY, ConflictException.class, boot::adopt);
    assertThat(root.file("/disk/.nixwsl/instances")).doesNotExist();
  }

  @Test
  void reseedFollowsNothingThatLeadsOutOfTheDirectory() throws IOException {
    String hostile = "/x\u001b[2J\nnix-storage: y [NOT_ROOT]";
    for (String target : List.of("/etc", "/nix/store/..", "absent", hostile)) {
      root.inside("ln -sfn " + ShText.quoted(target) + " /disk/main/var/nix/profiles/system");
      refused(ErrorCode.NOT_A_STORE, EnvironmentException.class, boot::reseed);
    }
    root.inside("mv /disk/main/store /disk/elsewhere && ln -s ../elsewhere /disk/main/store");
    refused(ErrorCode.NOT_A_STORE, EnvironmentException.class, boot::reseed);
  }

  @Test
  void adoptWritesTheOwnerAndIsDoneInAnInstanceThatRunsFromTheDisk() throws IOException {
    Path owner = root.file("/disk/.nixwsl/instances/main/owner");
    root.active = true;
    assertThat(boot.adopt().notes()).anyMatch(note -> note.contains("is the owner"));
    assertThat(owner).doesNotExist();
    root.active = false;
    assertThat(boot.adopt().notes()).anyMatch(note -> note.contains("owns"));
    assertThat(owner).hasContent("root-uuid");
    boot.adopt();
    assertThat(owner).hasContent("root-uuid");
  }

  @Test
  void disarmTakesTheFileAwayHoweverOftenItIsCalled() throws IOException {
    assertThat(root.file("/etc/nix-storage.armed")).exists();
    root.mounted = false;
    assertThat(boot.disarm().notes()).anyMatch(note -> note.contains("root disk"));
    root.inside("[ ! -e /etc/nix-storage.armed ]");
    assertThat(boot.disarm().notes()).hasSize(1);
    root.active = true;
    assertThat(boot.disarm().notes()).anyMatch(note -> note.contains("since the last switch"));
  }

  @Test
  void whoIsNotRootAndWhereThereIsNoCommandIsTold() throws IOException {
    root.user = "65534";
    refused(ErrorCode.NOT_ROOT, EnvironmentException.class, boot::reseed);
    refused(ErrorCode.NOT_ROOT, EnvironmentException.class, boot::disarm);
    root.user = "0";
    root.inside("[ -e /etc/nix-storage.armed ]");
    BootControl without = new BootCommands(root, Ticker.system(), "/absent/nix-storage");
    refused(ErrorCode.TOOL_MISSING, EnvironmentException.class, without::disarm);
  }

  @Test
  void whatFailsOnTheWayIsToldWithItsOutput() throws IOException {
    root.program("/test-bin/nix", "echo the root disk is full >&2; exit 1");
    assertThatThrownBy(boot::reseed)
        .isInstanceOfSatisfying(
            StorageSdkException.class,
            e -> {
              assertThat(e.code()).isEqualTo(ErrorCode.COMMAND_FAILED);
              assertThat(e).hasMessageContaining("the root disk is full");
            });
    assertThat(Files.isSymbolicLink(root.file(PIN))).isFalse();
  }

  private static void refused(
      ErrorCode code, Class<? extends StorageSdkException> type, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            type,
            e -> {
              assertThat(e.code()).as(e.getMessage()).isEqualTo(code);
              assertThat(e.stateLeft()).isEqualTo(StateLeft.NOTHING_CHANGED);
              assertThat(e.getMessage()).doesNotContain("\u001b");
            });
  }
}
