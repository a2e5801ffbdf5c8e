package org.nixwsl.storage.testkit.mount;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLocation;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;
import org.nixwsl.storage.testkit.wsl.model.WslRelease;

/**
 * The set-ups of {@link WrongDiskTest} with a process for each call and real disks: six of one
 * size, one of them the root of an instance. {@code qemu-img compare} says whether a disk was
 * written to, and {@code blkid} of the host what was formatted.
 */
@Tag("once")
class RealWrongDiskTest {
  private static final boolean ALL = "all".equals(System.getProperty("nixwsl.tests"));
  private static final int SET_UPS = Integer.getInteger("nixwsl.setUps", ALL ? 20 : 2);
  private static final List<String> NAMES = List.of("blank", "blank2", "ext4", "ext2", "parts");

  @RegisterExtension final SimulatedWsl wsl = SimulatedWsl.withRealDisks();
  private final Map<String, Path> disks = new TreeMap<>();
  private final Map<String, Integer> ends = new TreeMap<>();
  private final RealHost host = new RealHost(wsl);

  @BeforeEach
  void makeDisks() throws IOException {
    wsl.addInstance("nixos");
    disks.put("blank", wsl.addDisk("blank"));
    disks.put("blank2", wsl.addDisk("blank2"));
    disks.put("ext4", wsl.addDisk("ext4", "ext4"));
    disks.put("ext2", wsl.addDisk("ext2", "ext2"));
    disks.put("parts", wsl.addDividedDisk("parts", "ext4", "ext2"));
    for (Path disk : disks.values()) {
      Files.copy(disk, template(disk));
    }
    wsl.call("-d", "nixos", "--exec", "/bin/sh", "-c", "echo root > /precious; sync");
  }

  @Test
  void formatsTheRightDiskOrNone() throws Exception {
    long seed = Long.getLong("nixwsl.seed", System.nanoTime());
    System.out.println("set-ups on real disks: " + SET_UPS + ", -Dnixwsl.seed=" + seed);
    for (int i = 0; i < SET_UPS; i++) {
      oneSetUp(seed + i, i % 3 != 2);
    }
    System.out.println("ended: " + ends);
    if (SET_UPS >= 10) { // of a few, others may have taken the disk in all of them
      assertThat(ends.getOrDefault("formatted", 0)).isGreaterThan(SET_UPS / 4);
    }
  }

  private void oneSetUp(long seed, boolean blank) throws Exception {
    // Of seeds side by side the first numbers are much the same.
    Random random = new Random(seed * 0x9E3779B97F4A7C15L);
    String target = blank ? "blank" : NAMES.get(random.nextInt(NAMES.size()));
    WslRelease release = List.of(WslRelease.values()).get(random.nextInt(3));
    List<String> told = new ArrayList<>(List.of(release + " " + target));
    wsl.change(
        machine -> {
          machine.seed(seed);
          machine.release(release);
        });
    for (String name : NAMES) {
      if (random.nextBoolean() && (!name.equals(target) || random.nextInt(8) == 0)) {
        told.add("attached " + name);
        host.call("--mount", disk(name).toString(), "--vhd", "--bare");
      }
    }
    if (random.nextBoolean()) {
      told.add("started");
      host.call("-d", "nixos", "--exec", "/bin/true");
    }
    List<Integer> disturbing = random.ints(random.nextInt(5), 0, 20).boxed().toList();
    told.add("disturbed " + disturbing);
    Thread other = new Thread(() -> disturbing.forEach(what -> disturb(what, target)));
    UUID uuid = new UUID(random.nextLong(), random.nextLong());
    SharedStorage storage =
        SharedStorage.builder()
            .location(new StorageLocation.VhdxFile(disk(target)))
            .fileSystemUuid(uuid)
            .build();
    boolean success = false;
    other.start();
    try {
      host.mounter().prepareBlankDisk(storage, RunOptions.ofDefaults());
      success = true;
    } catch (StorageSdkException e) {
      told.add(e.code() + ": " + e.problem().message());
      ends.merge(e.code().name(), 1, Integer::sum);
      assertThat(e.remedy()).isNotBlank();
    } finally {
      other.join();
    }
    String description = "-Dnixwsl.setUps=1 -Dnixwsl.seed=" + seed + " " + told;
    if (success) {
      assertThat(target).as(description).startsWith("blank");
      ends.merge("formatted", 1, Integer::sum);
      if (disturbing.isEmpty()) {
        String number = host.deviceAt("/mnt/wsl/nixstorage").orElseThrow();
        assertThat(host.fileBehind(number)).as(description).isEqualTo(disk(target));
        assertThat(host.uuidOn(number)).as(description).isEqualTo(uuid.toString());
      }
    }
    host.call("--shutdown");
    for (String name : NAMES) {
      if (!name.equals(target) || !name.startsWith("blank")) {
        assertSame(disk(name), description);
      }
    }
    if (success) {
      host.assertSound(disk(target), uuid);
    }
    assertThat(wsl.call("-d", "nixos", "--exec", "/bin/cat", "/precious").text())
        .as(description)
        .isEqualTo("root\n");
    host.call("--shutdown");
    Files.copy(template(disk(target)), disk(target), StandardCopyOption.REPLACE_EXISTING);
  }

  /** Somebody else attaches and detaches disks, and the instance stops. */
  private void disturb(int what, String target) {
    String name = NAMES.get(what % NAMES.size());
    if (what == 19) {
      host.call("--terminate", "nixos");
    } else if (!name.equals(target)) {
      if (what % 3 > 0) {
        host.call("--mount", disk(name).toString(), "--vhd", "--bare");
      } else {
        host.call("--unmount", disk(name).toString());
      }
    }
  }

  /** The contents: the file itself notes each time that it was opened for writing. */
  private static void assertSame(Path disk, String description) {
    ProcessRunner.Result compared =
        RealHost.run(
            "qemu-img",
            "compare",
            "-f",
            "vhdx",
            "-F",
            "vhdx",
            template(disk).toString(),
            disk.toString());
    assertThat(compared.exitCode()).as(description + disk + compared.allText()).isZero();
  }

  private Path disk(String name) {
    return disks.getOrDefault(name, Path.of(name));
  }

  private static Path template(Path disk) {
    return disk.resolveSibling("template-" + disk.getFileName());
  }
}
