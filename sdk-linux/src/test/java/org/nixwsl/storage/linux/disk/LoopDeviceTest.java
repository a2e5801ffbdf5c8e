package org.nixwsl.storage.linux.disk;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

final class LoopDeviceTest {
  /** Where nothing is mapped this file of the kernel is opened and not read, by root too. */
  @Test
  void whatIsOpenedAndCannotBeReadIsNotInUse() {
    assertThat(LoopDevice.attribute(Path.of("/proc/self"), "mem")).isEmpty();
    assertThat(LoopDevice.attribute(Path.of("/proc/self"), "no such file")).isEmpty();
    assertThat(LoopDevice.attribute(Path.of("/proc/self"), "comm")).isNotEmpty();
  }
}
