package org.nixwsl.storage.linux.copy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.nar.NarHash;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.IntegrityException;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.linux.copy.destination.TreeRemoval;
import org.nixwsl.storage.linux.copy.proof.DeviceHasher;
import org.nixwsl.storage.linux.copy.tree.Workers;
import org.nixwsl.storage.linux.machine.MountTable;
import org.nixwsl.storage.linux.store.StoreRow;
import org.nixwsl.storage.linux.store.UnreadableException;
import org.nixwsl.storage.store.StoreFinding;
import org.nixwsl.storage.store.Verdict;

/** Compares what the target's device gives back with what was read from the source. */
final class TargetProof {
  /** Direct reads wait for the device one by one: only their number keeps it busy. */
  private static final int READERS = 16;

  private final Path targetStore;
  private final CopyLedger ledger;
  private final ProcessRunner processes;
  private final Operation operation;

  TargetProof(Path targetStore, CopyLedger ledger, ProcessRunner processes, Operation operation) {
    this.targetStore = targetStore;
    this.ledger = ledger;
    this.processes = processes;
    this.operation = operation;
  }

  /**
   * Reads back everything that was copied.
   *
   * @param probe a file in the target that is not empty
   * @throws IntegrityException {@code TARGET_DAMAGED}; what differed is removed, so that the next
   *     call copies it again
   */
  void run(Path probe, StageProgress progress) throws IOException, InterruptedException {
    Map<String, NarHash> expected = new ConcurrentSkipListMap<>(ledger.extraLinks());
    List<Map.Entry<String, CopiedPath>> paths = new ArrayList<>(ledger.copied().entrySet());
    paths.sort(
        Comparator.comparingLong((Map.Entry<String, CopiedPath> p) -> p.getValue().narBytes())
            .reversed());
    List<String> names = new ArrayList<>();
    for (Map.Entry<String, CopiedPath> path : paths) {
      names.add(path.getKey());
      expected.put(path.getKey(), path.getValue().hash());
    }
    names.addAll(ledger.extraLinks().keySet());
    progress.expect(paths.stream().mapToLong(p -> p.getValue().narBytes()).sum(), names.size());
    boolean direct = DeviceHasher.direct(probe);
    if (!direct || onLoopDevice()) {
      dropCache();
    }
    Map<String, StoreFinding> damaged = new ConcurrentSkipListMap<>();
    Workers.each(
        names,
        READERS,
        () -> new DeviceHasher(direct),
        (name, hasher) -> {
          String found = hash(name, hasher, progress);
          String due = String.valueOf(expected.get(name));
          if (!found.equals(due)) {
            damaged.put(name, finding(name, due, found));
          }
          progress.advance(0, 1);
        });
    if (!damaged.isEmpty()) {
      throw damaged(damaged);
    }
  }

  private String hash(String name, DeviceHasher hasher, StageProgress progress) {
    try {
      return hasher
          .hash(targetStore.resolve(name), operation, bytes -> progress.advance(bytes, 0))
          .toString();
    } catch (UnreadableException | IOException e) {
      operation.checkCancelled();
      return "an error: " + e.getMessage();
    }
  }

  private StoreFinding finding(String name, String due, String found) {
    StoreFinding finding =
        new StoreFinding(
            StoreRow.LOGICAL_PREFIX + name,
            Verdict.MODIFIED,
            "read back from the target: expected " + due + ", found " + found);
    operation.found(finding);
    return finding;
  }

  private IntegrityException damaged(Map<String, StoreFinding> damaged) throws IOException {
    for (String name : damaged.keySet()) {
      TreeRemoval.remove(targetStore.resolve(name));
    }
    return new IntegrityException(
        Problem.of(
                ErrorCode.TARGET_DAMAGED,
                damaged.size()
                    + " store paths below "
                    + PathBytes.printable(targetStore)
                    + " came back from the device with other contents than were written.",
                "Look at the kernel's messages about the device; call again to copy these paths"
                    + " once more.")
            .leaving(StateLeft.RESUMABLE),
        List.copyOf(damaged.values()));
  }

  /** A direct read ends in the cache of the file that the device stands on. */
  private boolean onLoopDevice() throws IOException {
    return MountTable.ofThisProcess()
        .carrying(targetStore.toRealPath())
        .map(MountTable.Mount::onLoopDevice)
        .orElse(false);
  }

  /** For file systems that cannot be read past the cache, or have another cache below them. */
  private void dropCache() throws IOException, InterruptedException {
    // 1: the page cache alone, see Documentation/admin-guide/sysctl/vm.rst of the kernel.
    ProcessRunner.Result result =
        processes.run(
            Command.of("sh", "-c", "sync && echo 1 > /proc/sys/vm/drop_caches"), operation);
    if (result.exitCode() != 0) {
      ledger.note(
          "The cache could not be dropped: what was read back may come from memory, not from the"
              + " device.");
    }
  }
}
