package org.nixwsl.storage.core.vhdx;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The largest disk with the smallest blocks: a block table of 513 MiB in a heap of 64 MiB. */
class LargeDiskTest {
  @TempDir Path folder;

  @Test
  void theLargestDiskIsCreatedInspectedCheckedAndReadInLittleMemory() throws Exception {
    String file = folder.resolve("huge.vhdx").toString();
    assertThat(child("create", file, "64T", "read"))
        .contains("notPresent=67108864")
        .contains("read 4096");
    assertThat(child("inspect", file)).contains("notPresent=67108864");
    assertThat(child("check", file)).contains("findings=[]");
  }

  private static String child(String... args) throws Exception {
    String[] command = {
      ChildJvm.java(),
      "-Xmx64m",
      "-cp",
      System.getProperty("java.class.path"),
      ChildJvm.class.getName()
    };
    String[] all = java.util.Arrays.copyOf(command, command.length + args.length);
    System.arraycopy(args, 0, all, command.length, args.length);
    return Tools.succeed(all);
  }
}
