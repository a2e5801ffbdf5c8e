package org.nixwsl.storage.linux.disk;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Ticker;

/** The main class of a process that mounts a disk and ends. */
final class MountInAnotherProcess {
  private MountInAnotherProcess() {}

  public static void main(String[] args) {
    LoopMounter mounter =
        new LoopMounter(
            new ProcessRunner(), Ticker.system(), Tools.ofThisMachine(), Path.of(args[0]));
    byte[] result =
        mounter
            .ensureMounted(DiskMachine.storage(Path.of(args[1]), "store"))
            .toString()
            .getBytes(StandardCharsets.UTF_8);
    System.out.write(result, 0, result.length);
    System.out.flush();
  }
}
