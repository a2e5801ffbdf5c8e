package org.nixwsl.storage.linux.copy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.nixwsl.storage.core.io.DurableFiles;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.nar.NarHash;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.linux.copy.destination.CopyWorkspace;
import org.nixwsl.storage.linux.copy.destination.TargetFileSystem;
import org.nixwsl.storage.linux.copy.destination.TreeRemoval;
import org.nixwsl.storage.linux.copy.proof.CopyAudit;
import org.nixwsl.storage.linux.copy.share.OtherStore;
import org.nixwsl.storage.linux.copy.tree.InodeCounter;
import org.nixwsl.storage.linux.copy.tree.LinkTable;
import org.nixwsl.storage.linux.copy.tree.NodeMaker;
import org.nixwsl.storage.linux.copy.tree.Workers;
import org.nixwsl.storage.linux.read.DirectIo;
import org.nixwsl.storage.linux.store.DirectoryEntries;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.linux.store.StoreRow;
import org.nixwsl.storage.linux.store.TreeWalker;
import org.nixwsl.storage.linux.store.UnreadableException;
import org.nixwsl.storage.store.Verdict;

/**
 * Copies store paths. Each goes to a private name; when enough are there, one sync brings them to
 * the device, then they get their final names, then the journal says so. A crash in between loses
 * the batch and nothing else.
 */
final class PathCopier {
  /**
   * How private names begin; the name of the store path follows. Together they have at most 255
   * bytes, as long as a name may be.
   */
  static final String PRIVATE_PREFIX = ".migrating-";

  /** A sync costs little then against writing, and a crash loses little. */
  private static final long BATCH_BYTES = 128L << 20;

  private final Parts parts;
  private final Path sourceStore;
  private final Path targetStore;
  private final CopyWorkspace workspace;
  private final TargetFileSystem fileSystem;
  private final LinkTable links;
  private final CopyLedger ledger;
  private final Operation operation;
  private final int threads;
  private final Optional<TargetProof> proof;
  private final ReentrantLock sealing = new ReentrantLock();
  private final Object pendingLock = new Object();
  private Map<String, CopiedPath> pending = new HashMap<>();
  private long pendingBytes;

  /**
   * A copier.
   *
   * @param proof what reads back what is on the device; empty if nothing does
   */
  PathCopier(Parts parts, int threads, Optional<TargetProof> proof) {
    this.parts = parts;
    this.sourceStore = parts.sourceStore();
    this.targetStore = parts.targetStore();
    this.workspace = parts.workspace();
    this.fileSystem = parts.fileSystem();
    this.links = parts.links();
    this.ledger = parts.ledger();
    this.operation = parts.operation();
    this.threads = threads;
    this.proof = proof;
  }

  /** What a copier works with; none of it is closed by it. */
  record Parts(
      Path sourceStore,
      Path targetStore,
      CopyWorkspace workspace,
      TargetFileSystem fileSystem,
      NodeMaker nodes,
      LinkTable links,
      OtherStore other,
      CopyLedger ledger,
      Operation operation) {}

  /**
   * Makes what an earlier call left fit to go on: private names are removed, and so are final names
   * without a line in the journal, unless the target is a store that stays; the others are measured
   * and taken as copied.
   *
   * @param audited whether the journal is not believed: what it has is read from the device and
   *     compared, and removed if it differs
   */
  void takeUp(boolean audited) throws IOException, InterruptedException {
    Map<String, String> done = audited ? audited() : workspace.doneBefore();
    Set<String> readBack = audited ? Set.of() : workspace.readBackBefore();
    Set<Long> inodesSeen = new HashSet<>();
    TreeWalker walker = new TreeWalker();
    DirectoryEntries.each(
        targetStore,
        entry -> {
          operation.checkCancelled();
          String name = PathBytes.printable(PathBytes.ofName(entry));
          if (name.equals(LinksCopier.NAME)) {
            return;
          }
          String hash = done.get(name);
          Optional<CopiedPath> whole =
              hash == null
                  ? Optional.empty()
                  : measured(walker, entry, NarHash.parse("sha256:" + hash), inodesSeen);
          if (whole.isPresent()) {
            ledger.copied(name, whole.get());
            if (readBack.contains(name)) {
              ledger.readBack(name);
            }
          } else if (name.startsWith(PRIVATE_PREFIX)) {
            TreeRemoval.remove(entry);
          } else if (hash != null || !workspace.merges()) {
            workspace.discard(entry);
          }
        });
    // Before one of them is copied anew, under the name that the journal knows.
    Set<String> gone = new HashSet<>(workspace.doneBefore().keySet());
    gone.removeAll(ledger.copied().keySet());
    if (!gone.isEmpty()) {
      workspace.recordGone(gone);
    }
    links.dropUnproven(name -> false, inodesSeen);
  }

  /** What the journal has and is as it should be. */
  private Map<String, String> audited() throws IOException, InterruptedException {
    List<Path> copies = new ArrayList<>();
    List<Path> names = new ArrayList<>();
    Map<String, String> done = workspace.doneBefore();
    for (String name : done.keySet()) {
      copies.add(targetStore.resolve(name));
    }
    Path targetLinks = targetStore.resolve(LinksCopier.NAME);
    if (Files.isDirectory(targetLinks, LinkOption.NOFOLLOW_LINKS)) {
      DirectoryEntries.each(targetLinks, names::add);
    }
    boolean direct = DirectIo.possible(workspace.journal());
    Supplier<CopyAudit> auditor = () -> new CopyAudit(direct, links::anchorOf, operation);
    // A name that is gone shows in the trees that should share its inode.
    Workers.each(
        names,
        threads,
        auditor,
        (name, audit) -> {
          if (!audit.isNamedRight(name)) {
            TreeRemoval.remove(name);
          }
        });
    Map<String, String> whole = new ConcurrentHashMap<>();
    Workers.each(
        copies,
        threads,
        auditor,
        (copy, audit) -> {
          String name = String.valueOf(copy.getFileName());
          String hash = Objects.requireNonNull(done.get(name));
          if (audit.isWhole(copy, sourceStore.resolve(name), NarHash.parse("sha256:" + hash))) {
            whole.put(name, hash);
          }
        });
    return whole;
  }

  /**
   * Copies rows that are not in the target yet; returns when they are on the device.
   *
   * @param replacing whether what the target has of an earlier state of a row makes room
   * @return the names of rows that were put off because it does not
   */
  Set<String> copy(List<StoreRow> rows, boolean replacing, StageProgress progress)
      throws IOException, InterruptedException {
    Set<String> putOff = new HashSet<>();
    Set<String> replaced = new HashSet<>();
    List<StoreRow> work = new ArrayList<>();
    for (StoreRow row : rows) {
      CopiedPath before = ledger.copied().get(row.name());
      if (before != null && isOf(row, before)) {
        compare(row, before);
        progress.advance(before.narBytes(), 1);
        continue;
      }
      if (before != null && !replacing) {
        putOff.add(row.name());
        continue;
      }
      if (before != null) {
        replaced.add(row.name());
      }
      work.add(row);
    }
    remove(replaced);
    // The largest first: begun last, it would run alone at the end.
    work.sort(Comparator.comparingLong(StoreRow::narSize).reversed());
    Workers.each(
        work,
        threads,
        Tools::new,
        (row, tools) -> {
          copyOne(row, tools.walker, progress);
          if (tools.reader.isPresent()) {
            proof.orElseThrow().one(tools.reader.get(), progress);
          }
        });
    try {
      seal();
    } catch (IOException e) {
      throw fileSystem.failure(e, operation);
    }
    return putOff;
  }

  /** What a thread has for itself. */
  private final class Tools {
    final TreeWalker walker = new TreeWalker();
    final Optional<TreeWalker> reader = proof.map(TargetProof::reader);
  }

  /** Removes store paths from the target. */
  void remove(Set<String> names) throws IOException {
    if (!names.isEmpty()) {
      workspace.recordGone(names);
    }
    for (String name : names) {
      workspace.discard(targetStore.resolve(name));
      ledger.removed(name);
    }
  }

  /**
   * Counts inodes anew: a store path that was removed may have been the first of several with the
   * same inode.
   *
   * @return the inodes with several names in what is in the target
   */
  Set<Long> recount() throws IOException {
    Set<Long> inodesSeen = new HashSet<>();
    for (String link : ledger.extraLinks().keySet()) {
      inodesSeen.add(FileFacts.of(targetStore.resolve(link)).inode());
    }
    TreeWalker walker = new TreeWalker();
    for (Map.Entry<String, CopiedPath> path : ledger.copied().entrySet()) {
      String name = path.getKey();
      measured(walker, targetStore.resolve(name), path.getValue().hash(), inodesSeen)
          .ifPresent(counted -> ledger.copied(name, counted));
    }
    return inodesSeen;
  }

  private void copyOne(StoreRow row, TreeWalker walker, StageProgress progress)
      throws IOException, InterruptedException {
    Path source = sourceStore.resolve(row.name());
    Path place = targetStore.resolve(privateName(row.name()));
    try {
      CopiedPath path =
          new TreeCopier(parts, source, place, bytes -> progress.advance(bytes, 0))
              .copy(Optional.of(row), walker);
      compare(row, path);
      progress.advance(0, 1);
      if (workspace.merges() && ledger.isDamaged(row.name())) {
        // It must not take the place of what the store has.
        TreeRemoval.remove(place);
      } else if (isBatchFull(row.name(), path) && sealing.tryLock()) {
        try {
          seal();
        } finally {
          sealing.unlock();
        }
      }
    } catch (UnreadableException e) {
      TreeRemoval.remove(place);
      boolean absent = !Files.exists(source, LinkOption.NOFOLLOW_LINKS);
      ledger.found(
          row.name(),
          absent ? Verdict.MISSING : Verdict.UNREADABLE,
          String.valueOf(e.getMessage()));
    } catch (IOException e) {
      // The walker throws nothing that has to do with reading, so that this is about writing.
      throw fileSystem.failure(e, operation);
    }
  }

  /** Whether an earlier call copied what the row stands for now: a path may be built anew. */
  static boolean isOf(StoreRow row, CopiedPath before) {
    boolean hashFits =
        row.hash().isEmpty()
            || row.hash().get().unknown()
            || row.hash().get().equals(before.hash());
    return hashFits && (row.narSize() == 0 || row.narSize() == before.narBytes());
  }

  private void compare(StoreRow row, CopiedPath path) {
    if (row.hash().isEmpty()) {
      ledger.found(row.name(), Verdict.DB, "the database has no hash but: " + row.hashText());
    } else if (row.hash().get().unknown()) {
      ledger.note("Some store paths have no hash in the database: nothing vouches for them.");
    } else if (!row.hash().get().equals(path.hash())) {
      ledger.found(
          row.name(),
          Verdict.MODIFIED,
          "expected "
              + row.hash().get()
              + " of "
              + row.narSize()
              + " bytes, found "
              + path.hash()
              + " of "
              + path.narBytes()
              + " bytes");
    } else if (row.narSize() != 0 && row.narSize() != path.narBytes()) {
      ledger.found(
          row.name(),
          Verdict.DB,
          "the database gives " + row.narSize() + " bytes, the NAR has " + path.narBytes());
    }
  }

  private boolean isBatchFull(String name, CopiedPath path) {
    synchronized (pendingLock) {
      pending.put(name, path);
      pendingBytes += path.narBytes();
      return pendingBytes >= BATCH_BYTES;
    }
  }

  /** Called by one thread at a time. */
  private void seal() throws IOException, InterruptedException {
    Map<String, CopiedPath> batch;
    synchronized (pendingLock) {
      batch = pending;
      pending = new HashMap<>();
      pendingBytes = 0;
    }
    if (batch.isEmpty()) {
      return;
    }
    fileSystem.sync(operation);
    List<CopyWorkspace.Done> lines = new ArrayList<>();
    for (Map.Entry<String, CopiedPath> path : batch.entrySet()) {
      if (workspace.merges()) {
        // Only now: what the store has under that name is in its place until the copy is whole.
        workspace.discard(targetStore.resolve(path.getKey()));
      }
      Files.move(
          targetStore.resolve(privateName(path.getKey())),
          targetStore.resolve(path.getKey()),
          StandardCopyOption.ATOMIC_MOVE);
      lines.add(new CopyWorkspace.Done(path.getKey(), path.getValue().hash().toHex()));
    }
    DurableFiles.forceDirectory(targetStore);
    workspace.record(lines, proof.map(TargetProof::toNote).orElse(List.of()));
    batch.forEach(ledger::copied);
    proof.ifPresent(reading -> reading.synced(batch.keySet()));
  }

  private static String privateName(String name) {
    return PRIVATE_PREFIX + name;
  }

  private Optional<CopiedPath> measured(
      TreeWalker walker, Path path, NarHash hash, Set<Long> inodesSeen) throws IOException {
    InodeCounter counter = new InodeCounter(inodesSeen);
    try {
      TreeWalker.Walk walk = walker.measure(path, counter, operation);
      return Optional.of(new CopiedPath(hash, walk.narSize(), walk.files(), counter.files()));
    } catch (UnreadableException cannotBeWhole) {
      return Optional.empty();
    }
  }
}
