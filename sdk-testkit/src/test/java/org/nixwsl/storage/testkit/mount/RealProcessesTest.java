package org.nixwsl.storage.testkit.mount;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLocation;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;
import org.nixwsl.storage.testkit.wsl.model.DiskContents;
import org.nixwsl.storage.testkit.wsl.model.WslMachine.Attached;
import org.nixwsl.storage.windows.WindowsPlatform;
import org.nixwsl.storage.windows.wsl.WslRunner;

/** The same as the random histories, with a process for each call and the machine's own clock. */
@Tag("long")
class RealProcessesTest {
  private static final int TIMES = 20;
  private static final UUID MINE = UUID.fromString("0b7f6f0e-6f38-4c3c-8a47-5f6b3a0d1c2e");

  @RegisterExtension final SimulatedWsl wsl = new SimulatedWsl();

  @Test
  void everyHistoryEndsMounted() throws Exception {
    long seed = Long.getLong("nixwsl.seed", System.nanoTime());
    System.out.println("real processes: -Dnixwsl.seed=" + seed);
    Random random = new Random(seed);
    wsl.addInstance("ubuntu");
    wsl.addInstance("nixos");
    Path foreign = wsl.addDisk("foreign", "ext4");
    Path mine = wsl.addDisk("store");
    DiskContents.format(mine, 0, "ext4", MINE);
    byte[] before = Files.readAllBytes(mine);
    SharedStorage storage =
        SharedStorage.builder()
            .location(new StorageLocation.VhdxFile(mine))
            .fileSystemUuid(MINE)
            .build();
    WslMounter mounter = mounter();
    for (int i = 0; i < TIMES; i++) {
      switch (random.nextInt(7)) {
        case 0 -> wsl.call("--terminate", "nixos");
        case 1 -> wsl.call("--shutdown");
        case 2 -> wsl.change(machine -> machine.crash());
        case 3 -> wsl.change(machine -> machine.idleStop());
        case 4 -> wsl.change(machine -> machine.peerShutdown());
        case 5 -> wsl.change(machine -> machine.heldElsewhere(mine, 2));
        default -> wsl.call("--mount", foreign.toString(), "--vhd", "--name", "foreign");
      }
      boolean foreignBefore = attached(foreign);
      assertThat(mounter.ensureMounted(storage).fileSystemUuid())
          .as("seed %d", seed)
          .contains(MINE);
      assertThat(attached(mine)).as("seed %d", seed).isTrue();
      // It may come back with the virtual machine, and never goes.
      assertThat(attached(foreign) || !foreignBefore).as("seed %d", seed).isTrue();
      wsl.change(machine -> machine.heldElsewhere(mine, 0));
    }
    assertThat(Files.readAllBytes(mine)).isEqualTo(before);
  }

  @Test
  void theRightDiskIsFormattedOrNone() throws Exception {
    long seed = Long.getLong("nixwsl.seed", System.nanoTime());
    System.out.println("real processes: -Dnixwsl.seed=" + seed);
    Random random = new Random(seed);
    Path root = wsl.addInstance("nixos");
    List<Path> others =
        List.of(root, wsl.addDisk("a", "ext4"), wsl.addDisk("b", "vfat"), wsl.addDisk("c"));
    WslMounter mounter = mounter();
    for (int i = 0; i < TIMES; i++) {
      for (Path other : others.subList(1, others.size())) {
        wsl.call(
            random.nextBoolean() ? "--mount" : "--unmount", other.toString(), "--vhd", "--bare");
      }
      boolean blank = random.nextInt(3) > 0;
      Path target = blank ? wsl.addDisk("blank" + i) : others.get(random.nextInt(3));
      byte[][] before = new byte[others.size()][];
      for (int k = 0; k < before.length; k++) {
        before[k] = Files.readAllBytes(others.get(k));
      }
      UUID uuid = new UUID(random.nextLong(), random.nextLong());
      SharedStorage storage =
          SharedStorage.builder()
              .location(new StorageLocation.VhdxFile(target))
              .fileSystemUuid(uuid)
              .build();
      boolean formatted = false;
      try {
        mounter.prepareBlankDisk(storage, RunOptions.ofDefaults());
        formatted = true;
        mounter.unmount(storage);
      } catch (StorageSdkException e) {
        assertThat(e.remedy()).isNotBlank();
      }
      assertThat(formatted).as("seed %d", seed).isEqualTo(blank);
      for (int k = 0; k < before.length; k++) {
        assertThat(Files.readAllBytes(others.get(k))).as("seed %d", seed).isEqualTo(before[k]);
      }
    }
  }

  private WslMounter mounter() {
    ProcessRunner processes = new ProcessRunner();
    WslRunner runner = WslRunner.ofProgram(processes, wsl.executable().toString());
    return new WindowsPlatform(runner, wsl.folder().resolve("notes"), Map.of())
        .mounter(processes, Ticker.system());
  }

  private boolean attached(Path file) {
    return wsl.<List<Attached>>ask(machine -> machine.attached()).stream()
        .anyMatch(disk -> disk.path().equals(file.toString()));
  }
}
