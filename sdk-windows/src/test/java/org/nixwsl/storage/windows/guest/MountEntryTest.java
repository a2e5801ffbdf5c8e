package org.nixwsl.storage.windows.guest;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class MountEntryTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "rw,noatime; rw,errors=remount-ro; true",
        "ro,noatime; rw; false",
        "rw; ro,errors=remount-ro; false",
        "rw; rw,emergency_ro; false",
        "rw; rw,shutdown; false"
      })
  void isWritableIfMountAndFileSystemAre(String mount, String fileSystem, boolean writable) {
    String line = "40 30 8:32 / /mnt/wsl/a " + mount + " shared:2 - ext4 /dev/sdc " + fileSystem;
    assertThat(MountEntry.parse(line)).singleElement().matches(e -> e.writable() == writable);
  }

  @Test
  void leavesOutLinesOfAnotherForm() {
    assertThat(MountEntry.parse("nonsense\n40 30 8:32 / /a rw - ext4\n")).isEmpty();
  }
}
