package org.nixwsl.storage.windows;

import static java.nio.charset.StandardCharsets.UTF_16LE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.UUID;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLocation;
import org.nixwsl.storage.windows.wsl.FakeWsl;

/** One disk, a WSL whose answers are recorded, and a mounter on both. */
abstract class MounterFixture {
  static final UUID DISK = UUID.fromString("0b7f6f0e-6f38-4c3c-8a47-5f6b3a0d1c2e");
  static final UUID OTHER = UUID.fromString("11111111-2222-3333-4444-555555555555");
  static final String ROOT =
      """
      M 70 60 8:16 / / rw,relatime - ext4 /dev/sdb rw,discard,errors=remount-ro,data=ordered
      M 71 70 0:30 / /mnt/wsl rw,relatime shared:1 - tmpfs none rw
      M 72 70 8:16 /nix/store /nix/store ro,relatime - ext4 /dev/sdb rw
      D sdb 8:16 4194304 0 0 ext4 99999999-2222-3333-4444-555555555555
      """;
  static final String SHARE =
      "M 80 71 8:32 / /mnt/wsl/nixstorage rw,relatime shared:9 - ext4 /dev/sdc rw\n";
  static final String BIND = "A 90 70 8:32 /main /nix rw,relatime - ext4 /dev/sdc rw\n";
  static final String SDC = "D sdc 8:32 2097152 0 0 ext4 " + DISK + "\n";
  static final String END = "E\n";
  static final String NO_SHARE = ROOT + SDC + END;
  static final String MOUNTED = ROOT + SHARE + SDC + END;
  static final String BLANK = "D sdc 8:32 131072 0 0 nothing -\n";
  static final String LIST =
      """
        NAME    STATE    VERSION
      * Ubuntu  Stopped  2
        old     Running  1
        docker-desktop Running 2
        nixos   Running  2
      """;

  @TempDir Path scratch;
  final SkippingTicker ticker = new SkippingTicker();
  FakeWsl wsl;
  WslMounter mounter;
  SharedStorage storage;
  SharedStorage withoutUuid;
  Path file;
  String path;

  @BeforeEach
  void layOutOneDisk() throws IOException {
    wsl = new FakeWsl(Files.createDirectories(scratch.resolve("fake")));
    mounter = mounter(ticker);
    file = Files.createFile(scratch.resolve("disk.vhdx")).toRealPath();
    path = file.toString();
    withoutUuid = SharedStorage.onVhdx(file);
    storage =
        SharedStorage.builder()
            .location(new StorageLocation.VhdxFile(file))
            .fileSystemUuid(DISK)
            .build();
    wsl.answers("--list", 0, LIST).answers("--running", 0, "nixos\n");
    wsl.answers("--unmount", 0, "");
  }

  WslMounter mounter(Ticker clock) {
    return new WindowsPlatform(wsl.runner(), scratch.resolve("host"), Map.of())
        .mounter(new ProcessRunner(), clock);
  }

  void attachedBefore() throws IOException {
    mountFails("Wsl/Service/AttachDisk/WSL_E_USER_VHD_ALREADY_ATTACHED");
  }

  void mountFails(String report) throws IOException {
    wsl.answers("--mount", -1, "Das ging nicht. \r\nFehlercode: " + report + "\r\n", "", UTF_16LE);
  }

  void unmountFails(String report) throws IOException {
    wsl.clear("--unmount");
    wsl.answers("--unmount", -1, "?: " + report + "\r\n", "", UTF_16LE);
  }

  void running(String names) throws IOException {
    wsl.clear("--running");
    wsl.answers("--running", 0, names + "\n");
  }

  int mounts() throws IOException {
    return (int) wsl.calls().stream().filter(call -> call.get(0).equals("--mount")).count();
  }

  int detached() throws IOException {
    return (int) wsl.calls().stream().filter(call -> call.get(0).equals("--unmount")).count();
  }

  static void fails(ErrorCode code, StateLeft left, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            StorageSdkException.class,
            e -> {
              assertThat(e.code()).as(e.getMessage()).isEqualTo(code);
              assertThat(e.stateLeft()).as(e.getMessage()).isEqualTo(left);
            });
  }
}
