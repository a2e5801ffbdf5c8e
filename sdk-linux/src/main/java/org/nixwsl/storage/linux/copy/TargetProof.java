package org.nixwsl.storage.linux.copy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
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
import org.nixwsl.storage.linux.copy.tree.Workers;
import org.nixwsl.storage.linux.machine.MountTable;
import org.nixwsl.storage.linux.read.DirectIo;
import org.nixwsl.storage.linux.read.FileReader;
import org.nixwsl.storage.linux.store.StoreRow;
import org.nixwsl.storage.linux.store.TreeSink;
import org.nixwsl.storage.linux.store.TreeWalker;
import org.nixwsl.storage.linux.store.UnreadableException;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.store.StoreFinding;
import org.nixwsl.storage.store.Verdict;

/**
 * Compares what the target's device gives back with what was read from the source. Where the device
 * can be asked past every cache, each batch of store paths is read back while the next ones are
 * copied; else what is cached is dropped, and all of it is read, when nothing is copied any more.
 * What came back is noted in the copy's journal, and is not read again by a call that goes on.
 *
 * <p>{@link #one} may be called by several threads, the rest by one at a time.
 */
final class TargetProof {
  /** Direct reads wait for the device one by one: only their number keeps it busy. */
  private static final int READERS = 16;

  private final NixStore target;
  private final CopyWorkspace workspace;
  private final CopyLedger ledger;
  private final ProcessRunner processes;
  private final Operation operation;
  private final boolean direct;
  private final boolean cached;
  private final Queue<String> waiting = new ConcurrentLinkedQueue<>();
  private final Queue<String> unnoted = new ConcurrentLinkedQueue<>();
  private final Map<Due, StoreFinding> damaged = new ConcurrentHashMap<>();

  private TargetProof(
      NixStore target,
      CopyWorkspace workspace,
      CopyLedger ledger,
      ProcessRunner processes,
      Operation operation,
      boolean direct,
      boolean cached) {
    this.target = target;
    this.workspace = workspace;
    this.ledger = ledger;
    this.processes = processes;
    this.operation = operation;
    this.direct = direct;
    this.cached = cached;
  }

  /** Of a target whose workspace is open. */
  static TargetProof of(
      NixStore target,
      CopyWorkspace workspace,
      CopyLedger ledger,
      ProcessRunner processes,
      Operation operation)
      throws IOException {
    boolean direct = !throughTheCache(target) && DirectIo.possible(workspace.journal());
    boolean cached = !direct || cachedBelow(target);
    return new TargetProof(target, workspace, ledger, processes, operation, direct, cached);
  }

  /**
   * A tree to read back.
   *
   * @param name below the store directory; empty for what is not in it
   * @param shown its path as in a finding
   * @param place where it is
   * @param hash its NAR hash as it was written
   */
  private record Due(Optional<String> name, String shown, Path place, NarHash hash) {}

  /** What {@link #one} takes to read back; one for each thread. */
  TreeWalker reader() {
    return new TreeWalker(direct ? FileReader.Cache.AVOIDED : FileReader.Cache.USED);
  }

  /** Store paths are on the device: they can be read back. */
  void synced(Collection<String> names) {
    if (!cached) {
      waiting.addAll(names);
    }
  }

  /** Reads one of these back, if there is one. */
  void one(TreeWalker reader, StageProgress progress) {
    String name = waiting.poll();
    CopiedPath path = name == null ? null : ledger.copied().get(name);
    if (name != null && path != null) {
      read(inStore(name, path.hash()), true, reader, progress);
    }
  }

  /** The names that came back and that the journal does not have yet; it is told of them now. */
  List<String> toNote() {
    List<String> names = new ArrayList<>();
    for (String name = unnoted.poll(); name != null; name = unnoted.poll()) {
      names.add(name);
    }
    return names;
  }

  /**
   * Reads back the store paths and entries of {@code .links} that have not come back yet.
   *
   * @throws IntegrityException {@code TARGET_DAMAGED}; what differed is removed, so that the next
   *     call copies it again
   */
  void paths(StageProgress progress) throws IOException, InterruptedException {
    read(duePaths(), progress);
    if (!damaged.isEmpty()) {
      throw damaged(List.copyOf(damaged.values()));
    }
  }

  /**
   * Reads back what is left: what {@link #paths} did not, the database as what it holds, profiles
   * and roots as what they point to.
   *
   * @throws IntegrityException as {@link #paths}
   */
  void run(StageProgress progress) throws IOException, InterruptedException {
    CopyLedger.State state =
        ledger
            .state()
            .orElseThrow(() -> new IllegalStateException("state is copied before it is proven"));
    List<Due> trees = new ArrayList<>();
    state
        .database()
        .forEach(
            (place, tree) ->
                trees.add(
                    new Due(
                        Optional.empty(),
                        "/nix/var/nix/" + place,
                        target.stateDirectory().resolve(place),
                        tree.hash())));
    trees.addAll(duePaths());
    progress.expect(state.narBytes() + ledger.bytesCopied() - ledger.bytesReadBack(), trees.size());
    read(trees, progress);
    List<StoreFinding> findings = new ArrayList<>(damaged.values());
    profilesAndRoots(state.profilesAndRoots()).ifPresent(findings::add);
    if (!findings.isEmpty()) {
      throw damaged(findings);
    }
  }

  /**
   * Reads what a store that stays has already, and tells the ledger of what comes back with the
   * hash that it has in the source; the rest is left alone. The largest first.
   */
  void standing(List<StoreRow> rows, StageProgress progress)
      throws IOException, InterruptedException {
    boolean fromDevice = rows.isEmpty() || !cached || dropCache();
    List<StoreRow> largestFirst = new ArrayList<>(rows);
    largestFirst.sort(Comparator.comparingLong(StoreRow::narSize).reversed());
    Workers.each(
        largestFirst,
        READERS,
        this::reader,
        (row, reader) -> {
          NarHash hash = row.hash().orElseThrow();
          if (hash(target.storeDirectory().resolve(row.name()), reader, progress)
              .equals(hash.toString())) {
            ledger.standing(row.name(), new CopiedPath(hash, row.narSize(), 0, 0));
            if (fromDevice) {
              unnoted.add(row.name());
            }
          }
          progress.advance(0, 1);
        });
    workspace.record(List.of(), toNote());
  }

  /**
   * Reads files back that are not in their places yet.
   *
   * @throws IntegrityException {@code TARGET_DAMAGED}
   */
  void staged(Map<Path, CopiedPath> files, StageProgress progress)
      throws IOException, InterruptedException {
    List<Due> trees = new ArrayList<>();
    files.forEach(
        (file, tree) ->
            trees.add(
                new Due(Optional.empty(), "the new " + file.getFileName(), file, tree.hash())));
    read(trees, progress);
    if (!damaged.isEmpty()) {
      throw damaged(List.copyOf(damaged.values()));
    }
  }

  /** The largest first: begun last, it would be read alone at the end. */
  private List<Due> duePaths() {
    waiting.clear();
    List<Due> due = new ArrayList<>();
    ledger.copied().entrySet().stream()
        .sorted(
            Comparator.comparingLong((Map.Entry<String, CopiedPath> p) -> p.getValue().narBytes())
                .reversed())
        .forEach(path -> due.add(inStore(path.getKey(), path.getValue().hash())));
    ledger.extraLinks().forEach((name, hash) -> due.add(inStore(name, hash)));
    due.removeIf(tree -> ledger.wasReadBack(tree.name().orElseThrow()));
    return due;
  }

  private void read(List<Due> trees, StageProgress progress)
      throws IOException, InterruptedException {
    boolean fromDevice = trees.isEmpty() || !cached || dropCache();
    Workers.each(
        trees, READERS, this::reader, (due, reader) -> read(due, fromDevice, reader, progress));
    workspace.record(List.of(), toNote());
  }

  /**
   * @param fromDevice whether what is read comes from the device for sure; else the next call reads
   *     it again
   */
  private void read(Due due, boolean fromDevice, TreeWalker reader, StageProgress progress) {
    String found = hash(due.place(), reader, progress);
    if (found.equals(due.hash().toString())) {
      due.name()
          .ifPresent(
              name -> {
                ledger.readBack(name);
                if (fromDevice) {
                  unnoted.add(name);
                }
              });
    } else {
      damaged.put(due, finding(due.shown(), due.hash().toString(), found));
    }
    progress.advance(0, 1);
  }

  private Due inStore(String name, NarHash hash) {
    return new Due(
        Optional.of(name),
        StoreRow.LOGICAL_PREFIX + name,
        target.storeDirectory().resolve(name),
        hash);
  }

  private String hash(Path tree, TreeWalker reader, StageProgress progress) {
    try {
      return reader
          .walk(tree, TreeSink.none(), operation, bytes -> progress.advance(bytes, 0))
          .hash()
          .orElseThrow()
          .toString();
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

  private IntegrityException damaged(List<StoreFinding> findings) throws IOException {
    for (Due tree : damaged.keySet()) {
      // A store that stays keeps its database, whatever it is.
      if (!workspace.merges() || tree.name().isPresent()) {
        workspace.discard(tree.place());
      }
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

  /** What btrfs has compressed it reads through the cache, also when it is asked not to. */
  private static boolean throughTheCache(NixStore target) throws IOException {
    return btrfs(target).isPresent();
  }

  /** What is cached of metadata stays when the cache is dropped, and small files lie in it. */
  private static boolean keepsFilesInMetadata(NixStore target) throws IOException {
    return btrfs(target)
        .filter(mount -> !mount.superOptions().contains("max_inline=0"))
        .isPresent();
  }

  private static Optional<MountTable.Mount> btrfs(NixStore target) throws IOException {
    return MountTable.ofThisProcess()
        .carrying(target.directory().toRealPath())
        .filter(mount -> mount.type().equals("btrfs"));
  }

  /** A direct read of a loop device ends in the cache of its file, unless that is left out too. */
  private static boolean cachedBelow(NixStore target) throws IOException {
    Optional<MountTable.Mount> mount =
        MountTable.ofThisProcess().carrying(target.directory().toRealPath());
    if (mount.isEmpty() || !mount.get().onLoopDevice()) {
      return false;
    }
    Path past = Path.of("/sys/dev/block", mount.get().device(), "loop/dio");
    return !Files.exists(past) || !Files.readString(past).strip().equals("1");
  }

  /**
   * For file systems that cannot be read past the cache, or have another cache below them.
   *
   * @return whether all of it could be dropped
   */
  private boolean dropCache() throws IOException, InterruptedException {
    // 1: the page cache alone, see Documentation/admin-guide/sysctl/vm.rst of the kernel.
    ProcessRunner.Result result =
        processes.run(
            Command.of("sh", "-c", "sync && echo 1 > /proc/sys/vm/drop_caches"), operation);
    boolean all = result.exitCode() == 0 && !keepsFilesInMetadata(target);
    if (!all) {
      ledger.note(
          "The cache could not be dropped: what was read back may come from memory, not from the"
              + " device.");
    }
    return all;
  }
}
