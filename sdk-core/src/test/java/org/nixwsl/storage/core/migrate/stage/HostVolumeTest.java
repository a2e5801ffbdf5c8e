package org.nixwsl.storage.core.migrate.stage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;

/** What is free on the volume is said by the test. */
final class HostVolumeTest {
  private static final long MIB = 1L << 20;

  @TempDir private Path folder;
  private Path disk;
  private long free = 100 * MIB;

  @BeforeEach
  void makeADisk() throws IOException {
    disk = Files.writeString(folder.resolve("shared.vhdx"), "disk");
  }

  private HostVolume volume() throws IOException {
    return new HostVolume(disk, () -> free);
  }

  @Test
  void aDiskThatGrowsIsStoppedBeforeItsVolumeIsFull() throws IOException {
    HostVolume volume = volume();
    Files.writeString(disk, "longer disk");
    volume.requireRoom();
    free = 15 * MIB;
    assertThatThrownBy(volume::requireRoom)
        .isInstanceOfSatisfying(
            StorageSdkException.class,
            e -> {
              assertThat(e.code()).isEqualTo(ErrorCode.NO_SPACE);
              assertThat(e.stateLeft()).isEqualTo(StateLeft.RESUMABLE);
              assertThat(e.getMessage()).contains(disk.toString(), "15");
            });
  }

  @Test
  void anErrorOfAFullVolumeKeepsWhatItSaysAndWhatItLeaves() {
    Problem failed =
        Problem.of(ErrorCode.IO_FAILED, "Cannot write.", "Look.")
            .leaving(StateLeft.NEEDS_CLEANUP)
            .mayGoAway();
    Problem explained = HostVolume.explained(failed, disk, 3 * MIB);
    assertThat(explained.code()).isEqualTo(ErrorCode.NO_SPACE);
    assertThat(explained.message()).startsWith("Cannot write. The volume").contains("3");
    assertThat(explained.stateLeft()).isEqualTo(StateLeft.NEEDS_CLEANUP);
    assertThat(explained.retryable()).isTrue();
  }

  @Test
  void whatCameBackDamagedStaysDamagedOnAFullVolume() {
    Problem damaged = Problem.of(ErrorCode.TARGET_DAMAGED, "Differs.", "Call again.");
    Problem explained = HostVolume.explained(damaged, disk, 3 * MIB);
    assertThat(explained.code()).isEqualTo(ErrorCode.TARGET_DAMAGED);
    assertThat(explained.message()).startsWith("Differs. The volume");
    assertThat(explained.remedy()).contains("Make room", "Call again.");
  }

  @Test
  void aDiskThatDoesNotGrowNeedsNoRoom() throws IOException {
    free = 0;
    volume().requireRoom();
  }
}
