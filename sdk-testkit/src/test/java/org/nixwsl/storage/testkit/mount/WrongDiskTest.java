package org.nixwsl.storage.testkit.mount;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.vhdx.VhdxEngine;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLocation;
import org.nixwsl.storage.testkit.wsl.model.DiskContents;
import org.nixwsl.storage.testkit.wsl.model.WslRelease;

/**
 * Six disks of one size, one of them the root of an instance, some attached and some not, some that
 * come and go while a blank one is prepared: the right one is formatted, or none.
 */
@Tag("once")
class WrongDiskTest {
  /** All of them take half a minute of one processor. */
  private static final int SET_UPS =
      Integer.getInteger(
          "nixwsl.setUps", "all".equals(System.getProperty("nixwsl.tests")) ? 1000 : 200);

  private static final String[] NAMES = {"blank", "blank2", "ext4", "vfat", "root", "parts"};

  @TempDir Path scratch;
  private Path templates;
  private Path disks;
  private final Map<String, Integer> ends = new TreeMap<>();

  @BeforeEach
  void makeTemplates() throws IOException {
    templates = Files.createDirectory(scratch.toRealPath().resolve("templates"));
    disks = Files.createDirectory(scratch.toRealPath().resolve("disks"));
    for (String name : NAMES) {
      Path file = templates.resolve(name + ".vhdx");
      new VhdxEngine().create(file, DiskSpec.ofSize(ByteSize.mebibytes(64)));
      switch (name) {
        case "ext4", "root" -> DiskContents.format(file, 0, "ext4", UUID.randomUUID());
        case "vfat" -> DiskContents.format(file, 0, "vfat", UUID.randomUUID());
        case "parts" -> DiskContents.divide(file);
        default -> assertThat(DiskContents.of(file).volumes().get(0).type()).isEmpty();
      }
      Files.copy(file, disks.resolve(name + ".vhdx"));
    }
  }

  @Test
  void formatsTheRightDiskOrNone() throws Exception {
    long seed = Long.getLong("nixwsl.seed", System.nanoTime());
    System.out.println("set-ups: " + SET_UPS + ", -Dnixwsl.seed=" + seed);
    for (int i = 0; i < SET_UPS; i++) {
      oneSetUp(seed + i);
    }
    System.out.println("ended: " + ends);
    assertThat(ends.getOrDefault("formatted", 0)).isGreaterThan(SET_UPS / 8);
    assertThat(ends.getOrDefault("DISK_NOT_BLANK", 0)).isGreaterThan(SET_UPS / 8);
  }

  private void oneSetUp(long seed) throws Exception {
    Random random = new Random(seed);
    SimulatedHost host = new SimulatedHost();
    host.machine.seed(seed);
    host.machine.release(
        List.of(WslRelease.V2_2, WslRelease.V2_6, WslRelease.V2_9).get(random.nextInt(3)));
    host.machine.register("nixos", 2, disk("root"));
    List<String> told = new ArrayList<>();
    // Mostly a blank one is meant, and not attached.
    String target = random.nextInt(3) == 0 ? NAMES[random.nextInt(NAMES.length)] : "blank";
    for (String name : NAMES) {
      if (!name.equals("root")
          && random.nextBoolean()
          && (!name.equals(target) || random.nextInt(8) == 0)) {
        told.add("attached " + name);
        host.call("--mount", disk(name).toString(), "--vhd", "--bare");
      }
    }
    if (random.nextBoolean()) {
      told.add("started");
      host.call("-d", "nixos", "--exec", "/bin/true");
    }
    boolean disturbing = random.nextInt(3) > 0;
    host.before =
        () -> {
          if (disturbing && random.nextInt(3) == 0) {
            disturb(host, target, random, told);
          }
        };
    int lateLooks = random.nextInt(3) == 0 ? random.nextInt(4) : 0;
    host.answer = (arguments, stdout) -> withoutLateDisk(host, target, lateLooks, stdout, told);
    UUID uuid = new UUID(random.nextLong(), random.nextLong());
    SharedStorage storage =
        SharedStorage.builder()
            .location(new StorageLocation.VhdxFile(disk(target)))
            .fileSystemUuid(uuid)
            .build();
    boolean success = false;
    try {
      host.mounter(scratch.resolve("notes")).prepareBlankDisk(storage, RunOptions.ofDefaults());
      success = true;
    } catch (StorageSdkException e) {
      told.add(e.code() + ": " + e.problem().message());
      ends.merge(e.code().name(), 1, Integer::sum);
      assertThat(e.remedy()).isNotBlank();
    }
    String description = "-Dnixwsl.setUps=1 -Dnixwsl.seed=" + seed + " " + target + " " + told;
    for (String name : NAMES) {
      if (!name.equals(target)) {
        assertThat(Files.mismatch(disk(name), template(name))).as(name + description).isEqualTo(-1);
      }
    }
    DiskContents.Volume now = DiskContents.of(disk(target)).volumes().get(0);
    if (now.uuid().equals(uuid.toString())) {
      assertThat(target).as(description).startsWith("blank");
      ends.merge("formatted", 1, Integer::sum);
    } else {
      assertThat(success).as(description).isFalse();
      if (!target.startsWith("blank")) {
        assertThat(Files.mismatch(disk(target), template(target))).as(description).isEqualTo(-1);
      }
    }
    // Written over and not copied anew: the file is kept open by nobody.
    Files.copy(template(target), disk(target), StandardCopyOption.REPLACE_EXISTING);
  }

  /** Somebody else attaches and detaches disks, and the instance stops and starts. */
  private void disturb(SimulatedHost host, String target, Random random, List<String> told) {
    String name = NAMES[random.nextInt(NAMES.length)];
    if (name.equals("root")) {
      told.add("terminated");
      host.call("--terminate", "nixos");
    } else if (!name.equals(target)) {
      boolean attach = random.nextInt(3) > 0;
      told.add((attach ? "attached " : "detached ") + name);
      if (attach) {
        host.call("--mount", disk(name).toString(), "--vhd", "--bare");
      } else {
        host.call("--unmount", disk(name).toString());
      }
    }
  }

  /** Linux sees a disk later than others that were attached after it. */
  private String withoutLateDisk(
      SimulatedHost host, String target, int looks, String stdout, List<String> told) {
    long seenSoFar = told.stream().filter("late"::equals).count();
    String letter =
        host.machine.attached().stream()
            .filter(disk -> disk.user() && disk.path().equals(disk(target).toString()))
            .map(disk -> disk.letter())
            .findFirst()
            .orElse("");
    if (letter.isEmpty() || seenSoFar >= looks || !stdout.contains("D " + letter + " ")) {
      return stdout;
    }
    told.add("late");
    return Arrays.stream(stdout.split("\n", -1))
        .filter(line -> !line.matches("[DP] " + letter + "[0-9]* .*"))
        .collect(Collectors.joining("\n"));
  }

  private Path disk(String name) {
    return disks.resolve(name + ".vhdx");
  }

  private Path template(String name) {
    return templates.resolve(name + ".vhdx");
  }
}
