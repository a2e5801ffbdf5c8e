package org.nixwsl.storage.windows;

import static java.nio.charset.StandardCharsets.UTF_16LE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.mount.BootState;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.WslInstance;

/** Unmounting, and looking without changing anything. */
class WslUnmountTest extends MounterFixture {
  @Test
  void unmountsByTheFinalPathAlsoWhereTheFileIsGone() throws IOException {
    running("nixos");
    wsl.answers("look", 0, MOUNTED);
    mounter.unmount(storage);
    Files.delete(file);
    mounter.unmount(storage);
    assertThat(wsl.calls())
        .filteredOn(call -> call.get(0).equals("--unmount"))
        .containsExactly(List.of("--unmount", path), List.of("--unmount", path));
  }

  @Test
  void whatIsNotAttachedIsUnmountedAlready() throws IOException {
    running("");
    unmountFails("Wsl/Service/DetachDisk/ERROR_FILE_NOT_FOUND");
    mounter.unmount(storage);
    assertThat(wsl.calls()).hasSize(3);
  }

  @Test
  void aDiskWhoseFileVanishedIsNotSaidToBeDetached() throws IOException {
    running("nixos");
    wsl.answers("look", 0, MOUNTED);
    unmountFails("Wsl/Service/DetachDisk/0x80070002");
    Files.delete(file);
    fails(ErrorCode.WRONG_STORAGE, StateLeft.NOTHING_CHANGED, () -> mounter.unmount(storage));
  }

  @Test
  void refusalByLinuxMeansBusy() throws IOException {
    running("");
    wsl.clear("--unmount");
    wsl.answers("--unmount", -1, "使用中です。\r\n", "", UTF_16LE);
    fails(ErrorCode.STORAGE_BUSY, StateLeft.NOTHING_CHANGED, () -> mounter.unmount(storage));
  }

  @Test
  void aMountThatAnInstanceTookAwayIsPutBackToBeDetached() throws IOException {
    running("nixos");
    wsl.answers("look", 0, NO_SHARE).answers("remount", 0, "");
    wsl.clear("--unmount");
    wsl.answers("--unmount", -1, "Das Argument ist ungültig.\r\n", "", UTF_16LE);
    wsl.answers("--unmount", 0, "");
    mounter.unmount(storage);
    assertThat(detached()).isEqualTo(2);
  }

  /** Nobody says the layout when a disk is only to be detached. */
  @Test
  void aMountThatWasTakenAwayIsPutBackAsWhatIsOnTheDisk() throws IOException {
    running("nixos");
    wsl.answers("look", 0, NO_SHARE.replace("0 0 ext4 " + DISK, "0 0 btrfs " + DISK));
    wsl.answers("remount", 0, "");
    wsl.clear("--unmount");
    wsl.answers("--unmount", -1, "Das Argument ist ungültig.\r\n", "", UTF_16LE);
    wsl.answers("--unmount", 0, "");
    mounter.unmount(storage);
    assertThat(wsl.scripts())
        .anyMatch(script -> script.lines().findFirst().orElse("").matches(".*remount.*btrfs.*"));
  }

  @Test
  void neverPullsTheDiskFromUnderABoundNix() throws IOException {
    running("Ubuntu\nnixos");
    wsl.answers("look-Ubuntu", 0, MOUNTED);
    wsl.answers("look-nixos", 0, ROOT + SHARE + BIND + SDC + END);
    fails(ErrorCode.STORAGE_BUSY, StateLeft.NOTHING_CHANGED, () -> mounter.unmount(storage));
    fails(ErrorCode.STORAGE_BUSY, StateLeft.NOTHING_CHANGED, () -> mounter.unmount(withoutUuid));
    wsl.answers("look-Ubuntu", 0, ROOT + END).answers("look-nixos", 0, ROOT + BIND + END);
    fails(ErrorCode.STORAGE_BUSY, StateLeft.NOTHING_CHANGED, () -> mounter.unmount(withoutUuid));
    assertThat(detached()).isZero();
  }

  @Test
  void aDiskUnderAnotherNameIsUnmountedByThatName() throws IOException {
    running("nixos");
    wsl.answers("look", 0, ROOT + SHARE.replace("nixstorage", "other") + SDC + END);
    assertThatThrownBy(() -> mounter.unmount(storage))
        .isInstanceOfSatisfying(
            ConflictException.class,
            e -> {
              assertThat(e.code()).isEqualTo(ErrorCode.STORAGE_BUSY);
              assertThat(e.remedy()).isEqualTo("Call again with the name other.");
            });
    assertThat(detached()).isZero();
  }

  @Test
  void whatIsKnownToBeAnotherDiskIsNotTakenForThisOne() throws IOException {
    running("nixos");
    wsl.answers("--mount", 0, "").answers("look", 0, MOUNTED);
    mounter.ensureMounted(withoutUuid);
    assertThat(mounter.state(withoutUuid)).isPresent();
    wsl.answers("look", 0, MOUNTED.replace(DISK.toString(), OTHER.toString()));
    assertThat(mounter.state(withoutUuid)).isEmpty();
  }

  @Test
  void leavesMountedDirectoriesAlone() throws IOException {
    SharedStorage directory = SharedStorage.inDirectory(Path.of("/srv"));
    mounter.unmount(directory);
    assertThat(wsl.calls()).isEmpty();
    fails(
        ErrorCode.UNSUPPORTED_PLATFORM,
        StateLeft.NOTHING_CHANGED,
        () -> mounter.ensureMounted(directory));
  }

  @Test
  void lookingStartsNothing() throws IOException {
    running("");
    assertThat(mounter.state(storage)).isEmpty();
    assertThat(wsl.calls()).hasSize(1);
    running("nixos");
    wsl.answers("look", 0, NO_SHARE).answers("look", 0, MOUNTED);
    assertThat(mounter.state(storage)).isEmpty();
    assertThat(mounter.state(storage)).map(MountedStorage::device).contains("/dev/sdc");
    wsl.answers("look", 0, MOUNTED.replace(DISK.toString(), OTHER.toString()));
    assertThat(mounter.state(storage)).isEmpty();
  }

  @Test
  void tellsInstancesAndHowTheyBooted() throws IOException {
    String source = "/mnt/wsl/nixstorage/main";
    wsl.answers("boot", 0, report("rescue", "nothing is mounted", "", source, "6f1d"));
    assertThat(mounter.instances())
        .contains(
            new WslInstance("Ubuntu", false, 2, true), new WslInstance("nixos", true, 2, false));
    running("nixos\ndocker-desktop");
    assertThat(mounter.bootStates())
        .containsExactly(
            new BootState(
                "nixos",
                BootState.Decision.RESCUE,
                "nothing is mounted",
                List.of(),
                source,
                Optional.of("6f1d")));
    wsl.clear("boot");
    String findings = "\"disk-restored\",\"epoch-not-written\"";
    wsl.answers("boot", 0, report("disk", "bound [on] /nix", findings, source, ""));
    assertThat(mounter.bootStates())
        .containsExactly(
            new BootState(
                "nixos",
                BootState.Decision.DISK,
                "bound [on] /nix",
                List.of("disk-restored", "epoch-not-written"),
                source,
                Optional.empty()));
    wsl.clear("boot");
    wsl.answers("boot", 1, "");
    assertThat(mounter.bootStates()).isEmpty();
  }

  /** What the hook itself would write: the form is taken from its text. */
  private static String report(String... values) throws IOException {
    Path hook =
        Path.of(
            "../sdk-core/src/main/resources/org/nixwsl/storage/core/nixconf/nix-storage-init.sh");
    String start = "  printf '";
    String form =
        Files.readAllLines(hook).stream()
            .filter(line -> line.startsWith(start + "{"))
            .map(line -> line.substring(start.length(), line.lastIndexOf("\\n'")))
            .findFirst()
            .orElseThrow();
    return String.format(form, (Object[]) values) + "\n";
  }
}
