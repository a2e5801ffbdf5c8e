package org.nixwsl.storage.windows;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.vhdx.VhdxEngine;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskChannel;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.windows.wsl.FakeWsl;

/** Which disk is formatted, and which never. */
class BlankDiskTest extends MounterFixture {
  @Test
  void formatsTheOneDiskThatCame() throws IOException {
    blankDisk();
    wsl.answers("--mount", 0, "").answers("format", 0, "");
    wsl.answers("look", 0, ROOT + END).answers("look", 0, ROOT + BLANK + END);
    wsl.answers("look", 0, ROOT + BLANK + END); // once more, whether another one came
    wsl.answers("look", 0, ROOT + BLANK + END); // the mounts of what runs
    wsl.answers("look", 0, MOUNTED);
    running("nixos");
    MountedStorage mounted = mounter.prepareBlankDisk(storage, RunOptions.ofDefaults());
    assertThat(mounted.fileSystemUuid()).contains(DISK);
    String marker = marker();
    assertThat(wsl.scripts())
        .filteredOn(script -> script.startsWith("set -- 'format'"))
        .singleElement()
        .asString()
        .startsWith(
            "set -- 'format' 'sdc' '8:32' '131072' '"
                + DISK
                + "' '"
                + marker
                + "' 'mkfs.ext4' 'nodiscard,");
  }

  @Test
  void refusesToFormatOnAnyDoubt() throws IOException {
    for (String seen :
        List.of(
            BLANK + BLANK.replace("sdc 8:32", "sdd 8:48"), // two came
            BLANK.replace("131072", "131073"),
            BLANK.replace("131072 0 0", "131072 1 0"),
            BLANK.replace("131072 0 0", "131072 0 1"),
            BLANK.replace("nothing", "ext4"),
            BLANK.replace("nothing", "?"),
            BLANK + "A 90 70 8:32 / /somewhere rw,relatime - ext4 /dev/sdc rw\n",
            "")) {
      blankDisk();
      FakeWsl fresh = new FakeWsl(Files.createTempDirectory(scratch, "fake"));
      fresh.answers("--list", 0, LIST).answers("--mount", 0, "").answers("--unmount", 0, "");
      fresh.answers("--running", 0, "nixos\n");
      fresh.answers("look", 0, ROOT + END).answers("look", 0, ROOT + seen + END);
      fresh.answers("format", 0, "");
      WslMounter other =
          new WindowsPlatform(fresh.runner(), scratch.resolve("host"), Map.of())
              .mounter(new ProcessRunner(), ticker);
      fails(
          ErrorCode.DISK_NOT_BLANK,
          StateLeft.NOTHING_CHANGED,
          () -> other.prepareBlankDisk(storage, RunOptions.ofDefaults()));
      assertThat(fresh.scripts()).as(seen).noneMatch(s -> s.startsWith("set -- 'format'"));
      assertThat(fresh.calls()).as(seen).endsWith(List.of("--unmount", path));
    }
  }

  @Test
  void whatIsInTheFileOrAttachedAlreadyIsNotFormatted() throws IOException {
    blankDisk();
    wsl.answers("look", 0, ROOT + END);
    attachedBefore();
    fails(
        ErrorCode.VHDX_IN_USE,
        StateLeft.NOTHING_CHANGED,
        () -> mounter.prepareBlankDisk(storage, RunOptions.ofDefaults()));
    try (DiskChannel channel = new VhdxEngine().openForWriting(file)) {
      channel.position(channel.size() - 5);
      channel.write(ByteBuffer.wrap(new byte[] {1}));
    }
    int before = wsl.calls().size();
    fails(
        ErrorCode.DISK_NOT_BLANK,
        StateLeft.NOTHING_CHANGED,
        () -> mounter.prepareBlankDisk(storage, RunOptions.ofDefaults()));
    assertThat(wsl.calls().subList(before, wsl.calls().size()))
        .noneMatch(call -> call.get(0).equals("--mount"));
  }

  @Test
  void aRefusalInsideTheInstanceIsToldAndTheDiskDetached() throws IOException {
    blankDisk();
    wsl.answers("--mount", 0, "").answers("format", 40, "refused: it is mounted\n");
    wsl.answers("look", 0, ROOT + END).answers("look", 0, ROOT + BLANK + END);
    running("nixos");
    assertThatThrownBy(() -> mounter.prepareBlankDisk(storage, RunOptions.ofDefaults()))
        .isInstanceOfSatisfying(
            StorageSdkException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.DISK_NOT_BLANK))
        .hasMessageContaining("it is mounted");
    assertThat(detached()).isEqualTo(1);
  }

  private void blankDisk() throws IOException {
    Files.deleteIfExists(file);
    new VhdxEngine().create(file, DiskSpec.ofSize(ByteSize.mebibytes(64)));
  }

  private String marker() throws IOException {
    ByteBuffer text = ByteBuffer.allocate(82);
    try (var channel = new VhdxEngine().openForReading(file)) {
      channel.position(512 << 10);
      while (text.hasRemaining()) {
        channel.read(text);
      }
    }
    return StandardCharsets.US_ASCII.decode(text.flip()).toString();
  }
}
