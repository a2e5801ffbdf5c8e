package org.nixwsl.storage.linux.copy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
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
import org.nixwsl.storage.linux.copy.destination.CopyWorkspace;
import org.nixwsl.storage.linux.copy.proof.DeviceHasher;
import org.nixwsl.storage.linux.copy.tree.Workers;
import org.nixwsl.storage.linux.machine.MountTable;
import org.nixwsl.storage.linux.store.StoreRow;
import org.nixwsl.storage.linux.store.UnreadableException;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.store.StoreFinding;
import org.nixwsl.storage.store.Verdict;

/** Compares what the target's device gives back with what was read from the source. */
final class TargetProof {
  /** Direct reads wait for the device one by one: only their number keeps it busy. */
  private static final int READERS = 16;

  private final NixStore target;
  private final CopyWorkspace workspace;
  private final CopyLedger ledger;
  private final ProcessRunner processes;
  private final Operation operation;

  TargetProof(
      NixStore target,
      CopyWorkspace workspace,
      CopyLedger ledger,
      ProcessRunner processes,
      Operation operation) {
    this.target = target;
    this.workspace = workspace;
    this.ledger = ledger;
    this.processes = processes;
    this.operation = operation;
  }

  /**
   * A tree to read back.
   *
   * @param shown its path as in a finding
   * @param place where it is
   * @param hash its NAR hash as it was written
   */
  private record Due(String shown, Path place, NarHash hash) {}

  /**
   * Reads back everything that was copied: store paths, {@code .links} and the database as what
   * they hold, profiles and roots as what they point to.
   *
   * @throws IntegrityException {@code TARGET_DAMAGED}; what differed is removed, so that the next
   *     call copies it again
   */
  void run(StageProgress progress) throws IOException, InterruptedException {
    CopyLedger.State state =
        ledger
            .state()
            .orElseThrow(() -> new IllegalStateException("state is copied before it is proven"));
    List<Due> trees = new ArrayList<>();
    Path databases = Objects.requireNonNull(target.database().getParent());
    trees.add(new Due("/nix/var/nix/db", databases, state.database().hash()));
    List<Map.Entry<String, CopiedPath>> paths = new ArrayList<>(ledger.copied().entrySet());
    paths.sort(
        Comparator.comparingLong((Map.Entry<String, CopiedPath> p) -> p.getValue().narBytes())
            .reversed());
    paths.forEach(path -> trees.add(inStore(path.getKey(), path.getValue().hash())));
    ledger.extraLinks().forEach((name, hash) -> trees.add(inStore(name, hash)));
    progress.expect(
        state.database().narBytes() + paths.stream().mapToLong(p -> p.getValue().narBytes()).sum(),
        trees.size());
    boolean direct = DeviceHasher.direct(target.database());
    if (!direct || onLoopDevice()) {
      dropCache();
    }
    Map<Due, StoreFinding> damaged = new ConcurrentHashMap<>();
    Workers.each(
        trees,
        READERS,
        () -> new DeviceHasher(direct),
        (due, hasher) -> {
          String found = hash(due.place(), hasher, progress);
          if (!found.equals(due.hash().toString())) {
            damaged.put(due, finding(due.shown(), due.hash().toString(), found));
          }
          progress.advance(0, 1);
        });
    List<StoreFinding> findings = new ArrayList<>(damaged.values());
    profilesAndRoots(state.profilesAndRoots()).ifPresent(findings::add);
    if (!findings.isEmpty()) {
      throw damaged(damaged.keySet(), findings);
    }
  }

  private Due inStore(String name, NarHash hash) {
    return new Due(StoreRow.LOGICAL_PREFIX + name, target.storeDirectory().resolve(name), hash);
  }

  private String hash(Path tree, DeviceHasher hasher, StageProgress progress) {
    try {
      return hasher.hash(tree, operation, bytes -> progress.advance(bytes, 0)).toString();
    } catch (UnreadableException | IOException e) {
      operation.checkCancelled();
      return "an error: " + e.getMessage();
    }
  }

  /** These belong to users, who may be at work: no file of theirs is opened. */
  private Optional<StoreFinding> profilesAndRoots(Set<String> due) {
    Set<String> found;
    try {
      found = StateCopier.profilesAndRoots(target.directory(), operation::checkCancelled);
    } catch (IOException e) {
      operation.checkCancelled();
      return Optional.of(
          finding("/nix/var/nix", "profiles and roots", "an error: " + e.getMessage()));
    }
    for (String line : new TreeSet<>(due)) {
      if (!found.contains(line)) {
        return Optional.of(finding("/nix/var/nix", line, "something else"));
      }
    }
    found.removeAll(due);
    return found.stream()
        .findFirst()
        .map(line -> finding("/nix/var/nix", "nothing of that name", line));
  }

  private StoreFinding finding(String shown, String due, String found) {
    StoreFinding finding =
        new StoreFinding(
            shown,
            Verdict.MODIFIED,
            "read back from the target: expected " + due + ", found " + found);
    operation.found(finding);
    return finding;
  }

  private IntegrityException damaged(Set<Due> trees, List<StoreFinding> findings)
      throws IOException {
    for (Due tree : trees) {
      workspace.discard(tree.place());
    }
    return new IntegrityException(
        Problem.of(
                ErrorCode.TARGET_DAMAGED,
                findings.size()
                    + " things (store paths, the database, profiles and roots) below "
                    + PathBytes.printable(target.directory())
                    + " came back from the device with other contents than were written.",
                "Look at the kernel's messages about the device; call again to copy them once"
                    + " more.")
            .leaving(StateLeft.RESUMABLE),
        findings.stream().sorted(Comparator.comparing(StoreFinding::path)).toList());
  }

  /** A direct read ends in the cache of the file that the device stands on. */
  private boolean onLoopDevice() throws IOException {
    return MountTable.ofThisProcess()
        .carrying(target.directory().toRealPath())
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
