package org.nixwsl.storage.testkit.mount;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLocation;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;
import org.nixwsl.storage.testkit.wsl.command.FaultPlan.Fault;
import org.nixwsl.storage.testkit.wsl.model.WslRelease;

/**
 * The random histories of {@link EnsureMountedTest} with a process for each call, disks with ext4
 * on them, the machine's own clock, and events that come while a call runs. This Linux says what is
 * mounted, and whether a disk was written to that nobody may touch.
 */
@Tag("once")
class RealHistoriesTest {
  private static final boolean ALL = "all".equals(System.getProperty("nixwsl.tests"));
  private static final int HISTORIES = Integer.getInteger("nixwsl.histories", ALL ? 20 : 1);
  private static final UUID MINE = UUID.fromString("0b7f6f0e-6f38-4c3c-8a47-5f6b3a0d1c2e");
  private static final UUID FOREIGN = UUID.fromString("11111111-2222-3333-4444-555555555555");
  private static final String SHARE = "/mnt/wsl/nixstorage";
  private static final List<String> PASSING =
      List.of(
          "Wsl/Service/AttachDisk/MountDisk/HCS/ERROR_SHARING_VIOLATION",
          "Wsl/Service/RPC_S_CALL_FAILED",
          "Wsl/Service/CreateInstance/CreateVm/HCS/HCS_E_CONNECTION_TIMEOUT",
          "Wsl/Service/E_ILLEGAL_STATE_CHANGE");

  private final Map<String, Integer> ends = new TreeMap<>();

  @Test
  void everyHistoryEndsMountedOrWithARemedy() throws Exception {
    long seed = Long.getLong("nixwsl.seed", System.nanoTime());
    System.out.println("histories on real disks: " + HISTORIES + ", -Dnixwsl.seed=" + seed);
    for (int i = 0; i < HISTORIES; i++) {
      try (SimulatedWsl wsl = SimulatedWsl.withRealDisks()) {
        new History(wsl, seed + i).run();
      }
    }
    System.out.println("ended: " + ends);
    assertThat(ends.getOrDefault("mounted", 0)).isGreaterThanOrEqualTo(HISTORIES);
  }

  /** One machine and what happens to it. */
  private final class History {
    private final SimulatedWsl wsl;
    private final RealHost host;
    private final long seed;
    private final Random random;
    private final List<String> told = new ArrayList<>();
    private final Path mine;
    private final Path foreign;
    private final WslMounter first;
    private final WslMounter second;
    private boolean obstructed;

    History(SimulatedWsl wsl, long seed) throws IOException {
      this.wsl = wsl;
      this.host = new RealHost(wsl);
      this.seed = seed;
      // Of seeds side by side the first numbers are much the same.
      this.random = new Random(seed * 0x9E3779B97F4A7C15L);
      wsl.addInstance("ubuntu");
      wsl.addInstance("nixos");
      mine = wsl.addDisk("store", "ext4", MINE);
      foreign = wsl.addDisk("foreign", "ext4", FOREIGN);
      for (Path disk : List.of(mine, foreign)) {
        host.with(
            disk,
            root -> {
              Files.writeString(root.resolve("precious"), disk.toString());
              Files.createDirectory(root.resolve("nixos"));
            });
      }
      first = host.mounter();
      second = host.mounter();
    }

    void run() throws Exception {
      WslRelease release = List.of(WslRelease.values()).get(random.nextInt(3));
      boolean hasTrue = random.nextBoolean();
      boolean takesNix = random.nextBoolean();
      wsl.change(
          machine -> {
            machine.seed(seed);
            machine.release(release);
            machine.language(List.of("en", "de", "ja", "zh").get(random.nextInt(4)));
            machine.boots("nixos", true, hasTrue);
            machine.takesNixFrom("nixos", takesNix ? "nixstorage" : "");
          });
      told.add(release + (hasTrue ? "" : " without true") + (takesNix ? " with /nix" : ""));
      for (int steps = 2 + random.nextInt(6); steps > 0; steps--) {
        step(random.nextInt(13));
      }
      // Without anything in the way it has to succeed.
      wsl.faults(plan -> plan.clear());
      wsl.change(machine -> machine.heldElsewhere(mine, 0));
      wsl.change(machine -> machine.slow(mine, Duration.ZERO));
      obstructed = false;
      ensure(first, Optional.empty());
      assertUnharmed();
    }

    private void step(int what) throws Exception {
      switch (what) {
        case 0, 1, 2, 3, 4, 5, 6 -> event(what);
        case 7 -> {
          String code = PASSING.get(random.nextInt(PASSING.size()));
          boolean afterwards = random.nextBoolean();
          String verb = List.of("--mount", "--exec", "--list").get(random.nextInt(3));
          Fault fault = Fault.failing(code);
          wsl.faults(plan -> plan.next(verb, afterwards ? fault.afterTheWork() : fault));
          told.add("fault " + verb + " " + code);
          obstructed = true;
        }
        case 8 -> {
          int attempts = 1 + random.nextInt(3);
          wsl.change(machine -> machine.heldElsewhere(mine, attempts));
          told.add("held " + attempts);
          obstructed = true;
        }
        case 9 -> {
          Duration slow = Duration.ofSeconds(random.nextInt(22));
          wsl.change(machine -> machine.slow(mine, slow));
          told.add("slow " + slow);
          obstructed = true;
        }
        case 10 -> unmount();
        case 11 -> ensure(second, Optional.of(random.nextInt(7)));
        default -> ensure(second, Optional.empty());
      }
    }

    private void event(int what) {
      switch (what) {
        case 0 -> host.call("--terminate", "nixos");
        case 1 -> host.call("--shutdown");
        case 2 -> wsl.change(machine -> machine.crash());
        case 3 -> wsl.change(machine -> machine.idleStop());
        case 4 -> wsl.change(machine -> machine.peerShutdown());
        case 5 -> host.call("-d", "nixos", "--exec", "/bin/true");
        default -> host.call("--mount", foreign.toString(), "--vhd", "--name", "foreign");
      }
      told.add("event " + what);
    }

    /** The event comes from another thread: before, in or after the call, as it happens. */
    private void ensure(WslMounter mounter, Optional<Integer> meanwhile) throws Exception {
      told.add("ensure" + meanwhile);
      SharedStorage storage = storage();
      boolean foreignBefore = host.attached().contains(foreign);
      Thread other = new Thread(() -> meanwhile.ifPresent(this::event));
      other.start();
      Optional<MountedStorage> mounted = Optional.empty();
      int accidents = taken();
      try {
        mounted = Optional.of(mounter.ensureMounted(storage));
        ends.merge("mounted", 1, Integer::sum);
      } catch (StorageSdkException e) {
        told.add("  " + e.code() + ": " + e.problem().message());
        ends.merge(e.code().name(), 1, Integer::sum);
        assertThat(e.remedy()).as(description()).hasSizeGreaterThan(10);
      } finally {
        other.join();
      }
      if (meanwhile.isEmpty()) {
        assertThat(taken()).as(description()).isEqualTo(accidents);
        if (mounted.isPresent()) {
          assertMounted(mounted.get());
        } else if (!obstructed) {
          fail(description() + " did not mount though nothing was in the way");
        }
        assertThat(!foreignBefore || host.attached().contains(foreign)).as(description()).isTrue();
      }
    }

    private void unmount() throws IOException {
      told.add("unmount");
      boolean foreignBefore = host.attached().contains(foreign);
      int accidents = taken();
      try {
        first.unmount(storage());
        ends.merge("unmounted", 1, Integer::sum);
        assertThat(host.attached()).as(description()).doesNotContain(mine);
      } catch (StorageSdkException e) {
        told.add("  " + e.code() + ": " + e.problem().message());
        ends.merge(e.code().name(), 1, Integer::sum);
        assertThat(e.remedy()).as(description()).hasSizeGreaterThan(10);
      }
      assertThat(taken()).as(description()).isEqualTo(accidents);
      assertThat(!foreignBefore || host.attached().contains(foreign)).as(description()).isTrue();
    }

    private SharedStorage storage() {
      return SharedStorage.builder()
          .location(new StorageLocation.VhdxFile(mine))
          .fileSystemUuid(MINE)
          .build();
    }

    private int taken() {
      return (int)
          wsl.<List<String>>ask(machine -> machine.accidents()).stream()
              .filter(accident -> accident.contains("taken from under"))
              .count();
    }

    private void assertMounted(MountedStorage mounted) throws IOException {
      assertThat(mounted.fileSystemUuid()).as(description()).contains(MINE);
      String number =
          host.deviceAt(SHARE).orElseThrow(() -> new AssertionError(description() + "no mount"));
      assertThat(host.fileBehind(number)).as(description()).isEqualTo(mine);
      assertThat(host.uuidOn(number)).as(description()).isEqualTo(MINE.toString());
      assertThat(wsl.inVm(SHARE + "/precious")).as(description()).hasContent(mine.toString());
      // Every instance that runs sees it at the same place.
      for (String name : wsl.call("--list", "--running", "--quiet").text().lines().toList()) {
        assertThat(wsl.call("-d", name, "--exec", "/bin/cat", "/proc/self/mountinfo").text())
            .as(description())
            .contains(" " + number + " / " + SHARE + " ");
      }
    }

    private void assertUnharmed() throws IOException {
      host.call("--shutdown");
      wsl.change(machine -> machine.takesNixFrom("nixos", ""));
      for (Path disk : List.of(mine, foreign)) {
        host.with(
            disk,
            root ->
                assertThat(root.resolve("precious")).as(description()).hasContent(disk.toString()));
        host.assertSound(disk, disk.equals(mine) ? MINE : FOREIGN);
      }
    }

    private String description() {
      return "-Dnixwsl.histories=1 -Dnixwsl.seed=" + seed + " " + told + " ";
    }
  }
}
