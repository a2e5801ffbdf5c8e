package org.nixwsl.storage.testkit.wsl.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.testkit.wsl.contract.WslUnderTest.Answer;
import org.nixwsl.storage.testkit.wsl.contract.WslUnderTest.Content;

/** Disks: {@code MountTests.cpp}, whose names stand at the tests. */
interface MountContract extends ContractBase {
  private String vhd(Content content) {
    return machine().disk(content).toString();
  }

  private static String alphanumeric(String path) {
    return path.replaceAll("[^a-zA-Z0-9]", "");
  }

  /** TestBareMountVhd. */
  @Test
  default void aBareDiskIsAttachedAndNotMounted() {
    String disk = vhd(Content.EXT4);
    ok("--mount", disk, "--vhd", "--bare");
    assertEquals(List.of(), shared());
    fails(
        "Wsl/Service/AttachDisk/WSL_E_USER_VHD_ALREADY_ATTACHED",
        "--mount",
        disk,
        "--vhd",
        "--bare");
    ok("--unmount", disk);
    fails("Wsl/Service/DetachDisk/ERROR_FILE_NOT_FOUND", "--unmount", disk);
  }

  /** TestBareMountVhd. */
  @Test
  default void aBareDiskIsSavedWhenTheMachineIsIdle() {
    String disk = vhd(Content.EXT4);
    ok("--mount", disk, "--vhd", "--bare");
    machine().idleStop();
    assertEquals(1, machine().saved());
    assertEquals(List.of(), shared());
    ok("--unmount", disk);
  }

  /** TestBareMount. */
  @Test
  default void aPhysicalDiskIsOfflineWhileItIsAttached() {
    String disk = machine().physicalDisk(Content.EXT4);
    machine().elevated(true);
    ok("--mount", disk, "--bare");
    assertFalse(machine().online(disk));
    fails("Wsl/Service/AttachDisk/WSL_E_DISK_ALREADY_ATTACHED", "--mount", disk, "--bare");
    ok("--unmount", disk);
    assertTrue(machine().online(disk));
  }

  /** TestMountOnePartitionVhd. */
  @Test
  default void aPartitionIsMountedUnderTheLettersOfItsPath() {
    String disk = vhd(Content.EXT4_AND_OTHER);
    ok("--mount", disk, "--vhd", "--partition", "1", "--type", "ext4", "--options", "data=ordered");
    assertEquals(1, shared().size());
    assertTrue(shared().get(0).contains(alphanumeric(disk) + "p1 "), () -> shared().toString());
    assertTrue(shared().get(0).matches(".* /dev/sd[a-z]+1 .*"), () -> shared().toString());
    ok("--unmount", disk);
    assertEquals(List.of(), shared());
  }

  /** TestMountTwoPartitionsVhd. */
  @Test
  default void aSecondPartitionIsMountedBesideTheFirst() {
    String disk = vhd(Content.EXT4_AND_OTHER);
    ok("--mount", disk, "--vhd", "--partition", "1", "--type", "ext4");
    ok("--mount", disk, "--vhd", "--partition", "2", "--type", machine().otherType());
    assertEquals(2, shared().size());
    fails(
        "Wsl/Service/MountDisk/WSL_E_DISK_ALREADY_MOUNTED",
        "--mount",
        disk,
        "--vhd",
        "--partition",
        "2");
    ok("--unmount", disk);
    assertEquals(List.of(), shared());
  }

  /** TestAttachThenMountVhd. */
  @Test
  default void anAttachedDiskCanBeMounted() {
    String disk = vhd(Content.EXT4_AND_OTHER);
    ok("--mount", disk, "--vhd", "--bare");
    ok("--mount", disk, "--vhd", "--partition", "1");
    assertEquals(1, shared().size());
  }

  /** TestMountWholeDiskVhd. */
  @Test
  default void aWholeDiskIsMountedUnderTheLettersOfItsPath() {
    String disk = vhd(Content.EXT4);
    ok("--mount", disk, "--vhd", "--type", "ext4");
    assertTrue(shared().get(0).contains(alphanumeric(disk) + " "), () -> shared().toString());
  }

  /** TestMountStateIsDeletedOnShutdownVhd. */
  @Test
  default void aShutdownForgetsTheDisks() {
    String disk = vhd(Content.EXT4);
    ok("--mount", disk, "--vhd", "--name", "testmount");
    assertEquals("", ok("--shutdown").out());
    assertFalse(isShared("testmount"));
    fails("Wsl/Service/DetachDisk/ERROR_FILE_NOT_FOUND", "--unmount", disk);
  }

  /** TestMountStateIsDeletedOnShutdown. */
  @Test
  default void aShutdownGivesAPhysicalDiskBack() {
    String disk = machine().physicalDisk(Content.EXT4);
    machine().elevated(true);
    ok("--mount", disk);
    ok("--shutdown");
    assertTrue(machine().online(disk));
    assertEquals(0, machine().saved());
  }

  /** TestFilesystemDetectionWholeDiskVhd, TestMountTwoPartitionsWithDetectionVhd. */
  @Test
  default void theFileSystemIsFoundWhereNoneIsNamed() {
    ok("--mount", vhd(Content.OTHER), "--vhd");
    String divided = vhd(Content.EXT4_AND_OTHER);
    ok("--mount", divided, "--vhd", "--partition", "1");
    ok("--mount", divided, "--vhd", "--partition", "2");
    assertEquals(
        2,
        shared().stream()
            .filter(line -> line.contains(" - " + machine().otherType() + " "))
            .count());
    assertEquals(1, shared().stream().filter(line -> line.contains(" - ext4 ")).count());
  }

  /** TestFilesystemDetectionFailVhd, TestMountPartitionWithWrongFs, …WithBadPartitionIndex. */
  @Test
  default void aMountThatLinuxRefusesLeavesTheDiskAttached() {
    String blank = vhd(Content.BLANK);
    String divided = vhd(Content.EXT4_AND_OTHER);
    for (List<String> call :
        List.of(
            List.of("--mount", blank, "--vhd"),
            List.of(
                "--mount", divided, "--vhd", "--partition", "1", "--type", machine().otherType()),
            List.of("--mount", divided, "--vhd", "--partition", "9"))) {
      Answer answer = machine().wsl(call);
      assertEquals(1, answer.exit(), () -> call + ": " + answer);
      assertFalse(answer.out().contains("Wsl/"), answer::out);
      assertFalse(answer.out().isBlank());
    }
    ok("--unmount", blank);
    ok("--unmount", divided);
  }

  /** SpecifyMountName. */
  @Test
  default void aNamedMountGoesWithTheDisk() {
    String disk = vhd(Content.EXT4_AND_OTHER);
    ok("--mount", disk, "--vhd", "--name", "testmount", "--partition", "1");
    assertTrue(isShared("testmount"));
    ok("--unmount", disk);
    assertFalse(isShared("testmount"));
  }

  /** SpecifyMountName, TestMountTwoPartitionsAfterTimeout. */
  @Test
  default void mountsAreBackUnderTheirNamesWhenTheMachineWasIdle() {
    String disk = vhd(Content.EXT4_AND_OTHER);
    ok("--mount", disk, "--vhd", "--name", "one", "--partition", "1", "--options", "data=ordered");
    ok("--mount", disk, "--vhd", "--name", "two", "--partition", "2");
    machine().idleStop();
    assertEquals(1, machine().saved());
    assertTrue(isShared("one"));
    assertTrue(isShared("two"));
    assertEquals(0, machine().saved());
  }

  /** SpecifyInvalidMountName. */
  @Test
  default void aNameThatIsNoFileNameIsRefused() {
    String disk = vhd(Content.EXT4);
    boolean strict = machine().atLeast(2, 9, 5);
    for (String name : strict ? List.of("foo/bar", "", ".", "..") : List.of("foo/bar")) {
      fails(
          "Wsl/Service/MountDisk/WSL_E_VM_MODE_INVALID_MOUNT_NAME",
          "--mount",
          disk,
          "--vhd",
          "--name",
          name);
    }
    assertEquals(List.of(), shared());
    ok("--unmount", disk);
  }

  /** SpecifyMountNameCollision, SpecifyMountNameTwoPartitions. */
  @Test
  default void aNameIsUsedOnce() {
    String disk = vhd(Content.EXT4_AND_OTHER);
    ok("--mount", disk, "--vhd", "--name", "testmount", "--partition", "1");
    fails(
        "Wsl/Service/MountDisk/WSL_E_VM_MODE_MOUNT_NAME_ALREADY_EXISTS",
        "--mount",
        disk,
        "--vhd",
        "--name",
        "testmount",
        "--partition",
        "2");
    assertTrue(isShared("testmount"));
    ok("--mount", disk, "--vhd", "--name", "testmount2", "--partition", "2");
    assertEquals(2, shared().size());
  }

  /** RelativePathUnmount, AbsolutePathVhdUnmount, VhdWithSpaces. */
  @Test
  default void anySpellingThatOpensTheFileDetachesIt() throws IOException {
    Path plain = machine().disk(Content.EXT4);
    Path disk = Files.move(plain, machine().folder().resolve("a disk.vhdx"));
    for (String path : List.of("a disk.vhdx", disk.toString())) {
      ok("--mount", path, "--vhd", "--bare");
      ok("--unmount", path);
    }
    ok("--mount", "a disk.vhdx", "--vhd");
    ok("--unmount", disk.toString());
  }

  /** RelativePathUnmountNoFileExists, UnitTests ErrorMessages. */
  @Test
  default void whatIsNotAttachedIsNotDetached() {
    fails("Wsl/Service/DetachDisk/ERROR_FILE_NOT_FOUND", "--unmount", "DoesNotExist");
  }

  /** AbsolutePathVhdUnmountAfterVMTimeout. */
  @Test
  default void anAbsolutePathDetachesADiskOfAnIdleMachine() {
    Path disk = machine().disk(Content.EXT4);
    ok("--mount", disk.toString(), "--vhd");
    machine().idleStop();
    String spelling = disk.getParent() + "/./" + disk.getFileName();
    if (machine().atLeast(2, 7, 2)) {
      ok("--unmount", spelling);
    } else { // only the spelling that WSL keeps is known to a machine that stands still
      fails("Wsl/Service/DetachDisk/ERROR_FILE_NOT_FOUND", "--unmount", spelling);
    }
    assertFalse(machine().vmRuns());
  }

  /** MountVhdThroughSymlinkSucceeds, …SurvivesVmTimeout. */
  @Test
  default void aLinkToADiskIsFollowed() throws IOException {
    Path disk = machine().disk(Content.EXT4);
    Path link = Files.createSymbolicLink(machine().folder().resolve("link.vhdx"), disk);
    ok("--mount", link.toString(), "--vhd", "--name", "testmount");
    assertTrue(isShared("testmount"));
    ok("--unmount", link.toString());
    ok("--mount", link.toString(), "--vhd", "--name", "testmount");
    machine().idleStop();
    assertTrue(isShared("testmount"));
    ok("--unmount", link.toString());
  }

  /** TestMountFailuresArentFatal. */
  @Test
  default void aDiskThatCannotBeRestoredIsLeftOut() throws IOException {
    Path disk = machine().disk(Content.EXT4);
    ok("--mount", disk.toString(), "--vhd", "--name", "testmount");
    machine().idleStop();
    Files.delete(disk);
    assertFalse(isShared("testmount"));
    ok("-d", machine().instance(), "--exec", "/bin/true");
  }

  /** UnmountWithoutAnyDisk. */
  @Test
  default void detachingAllDisksOfNoneSucceeds() {
    ok("--unmount");
    String disk = vhd(Content.EXT4);
    ok("--mount", disk, "--vhd");
    ok("--unmount");
    assertEquals(List.of(), shared());
  }

  /** TestMount1PartitionAndRemountAsNonAdmin. */
  @Test
  default void aPhysicalDiskIsRestoredForAnyone() {
    String disk = machine().physicalDisk(Content.EXT4);
    fails("Wsl/Service/AttachDisk/WSL_E_ELEVATION_NEEDED_TO_MOUNT_DISK", "--mount", disk);
    machine().elevated(true);
    ok("--mount", disk, "--name", "testmount");
    machine().idleStop();
    machine().elevated(false);
    assertTrue(isShared("testmount"));
  }

  /** TestMountOnePartitionAfterTimeout. */
  @Test
  default void detachingFromAnIdleMachineDoesNotStartIt() {
    String disk = vhd(Content.EXT4);
    ok("--mount", disk, "--vhd", "--name", "testmount");
    machine().idleStop();
    ok("--unmount", disk);
    assertFalse(machine().vmRuns());
    assertEquals(0, machine().saved());
    assertFalse(isShared("testmount"));
  }

  /** TestDeviceCantBeMountedIfInUse. */
  @Test
  default void aFileThatIsHeldCannotBeAttached() {
    Path disk = machine().disk(Content.EXT4);
    machine().held(disk, true);
    fails(
        "Wsl/Service/AttachDisk/MountDisk/HCS/ERROR_SHARING_VIOLATION",
        "--mount",
        disk.toString(),
        "--vhd");
    machine().held(disk, false);
    ok("--mount", disk.toString(), "--vhd");
  }

  /** TestMountWithFlagOption. */
  @Test
  default void optionsReachTheMount() {
    String disk = vhd(Content.EXT4);
    ok("--mount", disk, "--vhd", "--options", "data=ordered,sync", "--name", "testmount");
    assertTrue(shared().get(0).contains("sync"), () -> shared().toString());
    ok("--unmount", disk);
    ok("--mount", disk, "--vhd", "--options", "ro", "--name", "testmount");
    assertTrue(shared().get(0).contains(" ro,"), () -> shared().toString());
  }

  /** TestAttachFailsWithoutWsl2Distro. */
  @Test
  default void withoutAnInstanceNothingIsAttached() {
    String disk = vhd(Content.EXT4);
    machine().withoutInstances();
    fails("Wsl/Service/AttachDisk/WSL_E_WSL2_NEEDED", "--mount", disk, "--vhd");
  }

  /** PolicyTests MountPolicyDisabled. */
  @Test
  default void aPolicyForbidsMounts() {
    String disk = vhd(Content.EXT4);
    machine().forbidMounts();
    fails("Wsl/Service/WSL_E_DISK_MOUNT_DISABLED", "--mount", disk, "--vhd");
  }

  /** UnitTests ErrorMessages. */
  @Test
  default void aDiskThatIsNotThereIsSaidByWhoeverLooksFirst() {
    fails("Wsl/ERROR_FILE_NOT_FOUND", "--mount", "DoesNotExist", "--vhd");
    fails("Wsl/Service/AttachDisk/MountDisk/HCS/ERROR_FILE_NOT_FOUND", "--mount", "DoesNotExist");
  }
}
