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
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.vhdx.VhdxEngine;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLocation;
import org.nixwsl.storage.testkit.wsl.command.FaultPlan.Fault;
import org.nixwsl.storage.testkit.wsl.model.DiskContents;
import org.nixwsl.storage.testkit.wsl.model.WslFailure;
import org.nixwsl.storage.testkit.wsl.model.WslMachine.Attached;
import org.nixwsl.storage.testkit.wsl.model.WslRelease;

/**
 * Random histories of a simulated machine: whatever happens, a call ends with the right disk
 * mounted or with an error that says what to do, formats nothing, detaches nothing that it did not
 * attach, and pulls no disk from under a {@code /nix}.
 */
class EnsureMountedTest {
  private static final int HISTORIES = Integer.getInteger("nixwsl.histories", 300);
  private static final UUID MINE = UUID.fromString("0b7f6f0e-6f38-4c3c-8a47-5f6b3a0d1c2e");
  private static final UUID FOREIGN = UUID.fromString("11111111-2222-3333-4444-555555555555");
  private static final List<String> PASSING =
      List.of(
          "Wsl/Service/AttachDisk/MountDisk/HCS/ERROR_SHARING_VIOLATION",
          "Wsl/Service/RPC_S_CALL_FAILED",
          "Wsl/Service/CreateInstance/CreateVm/HCS/HCS_E_CONNECTION_TIMEOUT",
          "Wsl/Service/CreateVm/WSL_E_VM_CRASHED",
          "Wsl/Service/E_ILLEGAL_STATE_CHANGE");

  @TempDir Path scratch;
  private Path mine;
  private Path foreign;
  private final List<Path> files = new ArrayList<>();
  private final Map<String, Integer> ends = new TreeMap<>();

  @BeforeEach
  void makeDisks() throws IOException {
    mine = disk("store.vhdx", MINE);
    foreign = disk("foreign.vhdx", FOREIGN);
    disk("nixos.vhdx", UUID.randomUUID());
    disk("ubuntu.vhdx", UUID.randomUUID());
  }

  @Test
  void everyHistoryEndsMountedOrWithARemedy() throws Exception {
    long seed = Long.getLong("nixwsl.seed", System.nanoTime());
    System.out.println("histories: " + HISTORIES + ", -Dnixwsl.seed=" + seed);
    List<byte[]> contents = new ArrayList<>();
    for (Path file : files) {
      contents.add(Files.readAllBytes(file));
    }
    for (int i = 0; i < HISTORIES; i++) {
      new History(seed + i).run();
    }
    for (int i = 0; i < files.size(); i++) {
      assertThat(Files.readAllBytes(files.get(i)))
          .as("%s was written to, seed %d", files.get(i), seed)
          .isEqualTo(contents.get(i));
    }
    System.out.println("ended: " + ends);
    assertThat(ends.getOrDefault("mounted", 0)).isGreaterThan(HISTORIES / 2);
  }

  private Path disk(String name, UUID uuid) throws IOException {
    Path file = scratch.toRealPath().resolve(name);
    new VhdxEngine().create(file, DiskSpec.ofSize(ByteSize.mebibytes(64)));
    DiskContents.format(file, 0, "ext4", uuid);
    files.add(file);
    return file;
  }

  /** One machine and what happens to it. */
  private final class History {
    private final long seed;
    private final Random random;
    private final SimulatedHost host = new SimulatedHost();
    private final List<String> told = new ArrayList<>();
    private final WslMounter first;
    private final WslMounter second;
    private boolean vmStopped;
    private boolean calling;
    private boolean obstructed;
    private boolean disturbed;

    History(long seed) throws IOException {
      this.seed = seed;
      this.random = new Random(seed);
      Path notes = Files.createTempDirectory(scratch, "notes");
      first = host.mounter(notes);
      second = host.mounter(notes);
    }

    void run() throws Exception {
      host.machine.seed(seed);
      host.machine.release(
          List.of(WslRelease.V2_2, WslRelease.V2_6, WslRelease.V2_9).get(random.nextInt(3)));
      host.machine.language(List.of("en", "de", "ja", "zh").get(random.nextInt(4)));
      host.machine.register("ubuntu", 2, files.get(3));
      host.machine.register("nixos", 2, files.get(2));
      host.machine.boots("nixos", true, random.nextBoolean());
      if (random.nextBoolean()) {
        host.machine.takesNixFrom("nixos", "nixstorage");
      }
      host.before =
          () -> {
            if (calling && random.nextInt(12) == 0) {
              happen(random.nextInt(8));
            }
          };
      for (int steps = 1 + random.nextInt(8); steps > 0; steps--) {
        happen(random.nextInt(14));
      }
      ensure(first, true);
      // Without anything in the way it has to succeed.
      host.before = () -> {};
      host.faults.clear();
      host.machine.heldElsewhere(mine, 0);
      host.machine.slow(mine, Duration.ZERO);
      obstructed = false;
      ensure(first, true);
    }

    private void happen(int what) throws Exception {
      switch (what) {
        case 0 -> event("terminate nixos", () -> host.machine.terminate("nixos"));
        case 1 -> event("terminate ubuntu", () -> host.machine.terminate("ubuntu"));
        case 2 -> stopping("shutdown", host.machine::shutdown);
        case 3 -> stopping("crash", host.machine::crash);
        case 4 -> stopping("idle stop", host.machine::idleStop);
        case 5 -> stopping("reboot", host.machine::reboot);
        case 6 -> event("peer shutdown", host.machine::peerShutdown);
        case 7 -> {
          String code = PASSING.get(random.nextInt(PASSING.size()));
          Fault fault = Fault.failing(code);
          String verb = List.of("--mount", "--exec", "--list").get(random.nextInt(3));
          host.faults.next(verb, random.nextBoolean() ? fault.afterTheWork() : fault);
          told.add("fault " + verb + " " + code);
          obstructed = true;
        }
        case 8 -> {
          int attempts = random.nextInt(10) == 0 ? -1 : 1 + random.nextInt(6);
          host.machine.heldElsewhere(mine, attempts);
          told.add("held " + attempts);
          obstructed = true;
        }
        case 9 -> {
          Duration slow = Duration.ofSeconds(random.nextInt(22));
          host.machine.slow(mine, slow);
          told.add("slow " + slow);
          obstructed = true;
        }
        case 10 -> ensure(second, random.nextBoolean());
        case 11 -> unmount();
        case 12 -> {
          told.add("start nixos");
          host.call("-d", "nixos", "--exec", "/bin/true");
        }
        default -> {
          told.add("attach foreign");
          host.call("--mount", foreign.toString(), "--vhd", "--name", "foreign");
        }
      }
    }

    private interface Event {
      void happens() throws WslFailure, IOException, InterruptedException;
    }

    private void event(String name, Event event) throws Exception {
      told.add((calling ? "meanwhile " : "") + name);
      disturbed |= calling;
      event.happens();
    }

    private void stopping(String name, Event event) throws Exception {
      vmStopped = true;
      event(name, event);
    }

    private void ensure(WslMounter mounter, boolean withUuid) throws Exception {
      SharedStorage.Builder storage =
          SharedStorage.builder().location(new StorageLocation.VhdxFile(mine));
      if (withUuid) {
        storage.fileSystemUuid(MINE);
      }
      told.add("ensure");
      Optional<MountedStorage> mounted =
          guarded(() -> Optional.of(mounter.ensureMounted(storage.build())));
      if (mounted.isPresent()) {
        assertThat(mounted.get().fileSystemUuid()).as(description()).contains(MINE);
        // What happened after the last look cannot be known to the call.
        if (!disturbed) {
          assertMounted(mounted.get());
        }
      } else if (!disturbed && !obstructed && withUuid) {
        fail(description() + " did not mount though nothing was in the way");
      }
    }

    private void unmount() throws Exception {
      told.add("unmount");
      guarded(
          () -> {
            first.unmount(
                SharedStorage.builder()
                    .location(new StorageLocation.VhdxFile(mine))
                    .fileSystemUuid(MINE)
                    .build());
            return Optional.empty();
          });
    }

    private interface Call {
      Optional<MountedStorage> run();
    }

    /** Makes a call of the SDK and holds it to what it must never do. */
    private Optional<MountedStorage> guarded(Call call) throws Exception {
      boolean foreignBefore = attached(foreign).isPresent();
      int accidents = taken();
      vmStopped = false;
      calling = true;
      disturbed = false;
      Optional<MountedStorage> result = Optional.empty();
      try {
        result = call.run();
        ends.merge(result.isPresent() ? "mounted" : "unmounted", 1, Integer::sum);
      } catch (StorageSdkException e) {
        told.add("  " + e.code() + ": " + e.problem().message());
        ends.merge(e.code().name(), 1, Integer::sum);
        assertThat(e.remedy()).as(description()).hasSizeGreaterThan(10);
      } finally {
        calling = false;
      }
      if (foreignBefore && !vmStopped && host.machine.vmRuns()) {
        assertThat(attached(foreign)).as(description()).isPresent();
      }
      assertThat(taken()).as(description() + host.machine.accidents()).isEqualTo(accidents);
      return result;
    }

    private int taken() {
      return (int)
          host.machine.accidents().stream().filter(a -> a.contains("taken from under")).count();
    }

    private void assertMounted(MountedStorage mounted) {
      Attached disk = attached(mine).orElseThrow(() -> new AssertionError(description()));
      assertThat(mounted.device()).as(description()).isEqualTo("/dev/" + disk.letter());
      String mounts = host.mounts("ubuntu") + host.mounts("nixos");
      assertThat(mounts)
          .as(description())
          .containsPattern(" /mnt/wsl/nixstorage rw\\S* \\S+ - ext4 /dev/" + disk.letter() + " ");
    }

    private Optional<Attached> attached(Path file) {
      return host.machine.attached().stream()
          .filter(disk -> disk.path().equals(file.toString()))
          .findFirst();
    }

    private String description() {
      return "-Dnixwsl.histories=1 -Dnixwsl.seed=" + seed + " " + told + " ";
    }
  }
}
