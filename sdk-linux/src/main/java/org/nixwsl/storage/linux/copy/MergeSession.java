package org.nixwsl.storage.linux.copy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.platform.StoreHost.CopySession;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.IntegrityException;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.linux.copy.destination.CopyWorkspace;
import org.nixwsl.storage.linux.copy.share.OtherStore;
import org.nixwsl.storage.linux.store.NixLock;
import org.nixwsl.storage.linux.store.NixLocks;
import org.nixwsl.storage.linux.store.StoreContents;
import org.nixwsl.storage.linux.store.StoreDatabase;
import org.nixwsl.storage.linux.store.StoreRow;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.store.StoreFinding;

/**
 * One copy into a store that stays one at each moment: it gets what the source has and it lacks,
 * and keeps what only it has.
 *
 * <p>Store paths come first, under names that its database does not know. What it has already is
 * read from the device, and copied anew where it differs from what the source's database says. Then
 * the new database, with the rows of both stores, takes the place of the old one, and after that,
 * as everything that they may lead to is there, profiles and roots theirs.
 */
final class MergeSession implements CopySession {
  private final OpenCopy open;
  private final Operation operation;
  private final NixStore source;
  private final NixStore target;
  private final CopyWorkspace workspace;
  private final PathCopier.Parts parts;
  private final CopyLedger ledger;
  private final TargetProof proof;
  private final PathCopier copier;
  private final LinksCopier links;
  private final NixLock gcLock;
  private @Nullable NixLock bigLock;
  private Map<String, StoreRow> handled = Map.of();

  private MergeSession(OpenCopy open, NixLock gcLock) {
    this.open = open;
    this.gcLock = gcLock;
    this.operation = open.operation();
    this.source = open.request().source();
    this.target = open.request().target();
    this.workspace = open.workspace();
    this.parts = open.parts();
    this.ledger = open.ledger();
    this.proof = open.proof();
    this.copier = new PathCopier(parts, open.threads(), Optional.of(proof));
    this.links = new LinksCopier(parts);
  }

  /** A session that closes what was opened for it. */
  static MergeSession of(OpenCopy open) throws IOException, InterruptedException {
    NixLock gcLock =
        OpenCopy.keepCollectorOut(
            open.request().target(), open.processes(), open.ledger(), open.operation());
    return new MergeSession(open, gcLock);
  }

  @Override
  public void copyPaths(StageProgress progress) throws IOException, InterruptedException {
    open.copying(() -> copyMissing(progress));
    open.reading(() -> proof.paths(progress));
  }

  private void copyMissing(StageProgress progress) throws IOException, InterruptedException {
    StoreContents contents = StoreDatabase.of(source).read(operation);
    OtherStore there = OtherStore.of(target, operation);
    Map<String, StoreRow> known = StoreDatabase.of(target).read(operation).byName();
    links.learn(open.threads());
    copier.takeUp(false);
    distrust(known);
    List<StoreRow> missing = new ArrayList<>();
    List<StoreRow> standing = new ArrayList<>();
    forgetChanged(contents.rows());
    for (StoreRow row : contents.rows()) {
      if (ledger.copied().containsKey(row.name())) {
        missing.add(row); // an earlier call brought it
      } else if (there.has(row)) {
        standing.add(row);
      } else if (!known.containsKey(row.name())) {
        missing.add(row);
      }
    }
    expect(progress, missing, standing);
    readStanding(standing, progress);
    copier.copy(missing, true, progress);
    // What the store has with other contents is its own until its database changes.
    Map<String, StoreRow> rows = new HashMap<>(contents.byName());
    rows.keySet().retainAll(ledger.copied().keySet());
    missing.forEach(row -> rows.put(row.name(), row));
    handled = rows;
    ledger.notesOf(contents);
  }

  /**
   * Under a name that the store has with another hash by now its Nix may have put its own since an
   * earlier call: that is copied anew.
   */
  private void distrust(Map<String, StoreRow> known) throws IOException {
    Set<String> doubtful = new HashSet<>();
    ledger
        .copied()
        .forEach(
            (name, brought) -> {
              StoreRow row = known.get(name);
              if (row != null && !PathCopier.isOf(row, brought)) {
                doubtful.add(name);
              }
            });
    if (!doubtful.isEmpty()) {
      workspace.recordGone(doubtful);
      doubtful.forEach(ledger::removed);
    }
  }

  /** A path that was built anew since is copied anew, and gives way only then. */
  private void forgetChanged(Collection<StoreRow> rows) {
    for (StoreRow row : rows) {
      CopiedPath before = ledger.copied().get(row.name());
      if (before != null && !PathCopier.isOf(row, before)) {
        ledger.removed(row.name());
      }
    }
  }

  private void expect(StageProgress progress, List<StoreRow> missing, List<StoreRow> standing) {
    long bytes = -ledger.bytesReadBack();
    for (StoreRow row : missing) {
      bytes += 2 * row.narSize();
    }
    for (StoreRow row : standing) {
      bytes += row.narSize();
    }
    progress.expect(bytes, 2L * missing.size() - ledger.pathsReadBack() + standing.size());
  }

  /** What an earlier call read is not read again. */
  private void readStanding(List<StoreRow> standing, StageProgress progress)
      throws IOException, InterruptedException {
    List<StoreRow> unread = new ArrayList<>();
    for (StoreRow row : standing) {
      if (workspace.readBackBefore().contains(row.name())
          && Files.exists(target.storeDirectory().resolve(row.name()), LinkOption.NOFOLLOW_LINKS)) {
        ledger.standing(row.name(), new CopiedPath(row.hash().orElseThrow(), row.narSize(), 0, 0));
        progress.advance(row.narSize(), 1);
      } else {
        unread.add(row);
      }
    }
    proof.standing(unread, progress);
  }

  @Override
  public void copyState(StageProgress progress) throws IOException, InterruptedException {
    NixLock lock = lockTarget();
    bigLock = lock;
    if (lock.outcome() == NixLocks.Outcome.UNAVAILABLE) {
      ledger.note("Nix was not kept out of the old store: " + lock.note() + ".");
    }
    open.copying(() -> mergeState(lock, progress));
  }

  private void mergeState(NixLock lock, StageProgress progress)
      throws IOException, InterruptedException {
    Path staged = workspace.directory().resolve("state");
    if (!Files.isDirectory(staged)) {
      parts.nodes().directory(staged);
    }
    StateCopier state = open.stateCopier(staged);
    DatabaseCopier database = open.databaseCopier();
    StateMerger merger =
        new StateMerger(
            staged, target.directory(), workspace, parts.nodes(), operation::checkCancelled);
    open.settle(state, database, now -> catchUp(now, progress));
    requireSound();
    merger.keepRoots();
    database.mergeTarget();
    parts.fileSystem().sync(operation);
    proof.paths(progress);
    Map<Path, CopiedPath> files = new TreeMap<>();
    Map<Path, CopiedPath> places = new TreeMap<>();
    Map<String, CopiedPath> written = database.writtenFiles();
    for (Path file : database.stagedFiles()) {
      String name = file.getFileName().toString();
      CopiedPath tree = Objects.requireNonNull(written.get(name));
      files.put(file, tree);
      places.put(Path.of("db", name), tree);
    }
    // Before it is in its place: the store keeps its own until then.
    proof.staged(files, progress);
    ledger.state(places, StateCopier.profilesAndRoots(staged, operation::checkCancelled));
    operation.checkCancelled();
    if (lock.wasLost()) {
      throw inUse("the program that kept it out was ended by someone");
    }
    database.replace();
    merger.place();
    links.addTo(parts.targetStore());
    parts.fileSystem().sync(operation);
  }

  /** A database that has damaged paths would be the word of this store for them. */
  private void requireSound() {
    List<StoreFinding> damage =
        ledger.findings().stream().filter(finding -> finding.verdict().damage()).toList();
    if (!damage.isEmpty()) {
      throw new IntegrityException(
          Problem.of(
                  ErrorCode.SOURCE_DAMAGED,
                  damage.size()
                      + " paths of "
                      + PathBytes.printable(source.directory())
                      + " differ from what its database says, such as "
                      + damage.get(0).path()
                      + ": they do not come into "
                      + PathBytes.printable(target.directory())
                      + ".",
                  "Repair them with nix-store --repair-path, or delete them, and call again.")
              .leaving(StateLeft.RESUMABLE),
          damage);
    }
  }

  /** Copies what came since, and what was put off; whether there was nothing to do. */
  private boolean catchUp(StoreContents now, StageProgress progress)
      throws IOException, InterruptedException {
    Map<String, StoreRow> rows = now.byName();
    List<StoreRow> added =
        rows.values().stream().filter(row -> !row.equals(handled.get(row.name()))).toList();
    Set<String> brought = new HashSet<>(ledger.copied().keySet());
    brought.removeIf(ledger::isStanding);
    brought.removeAll(rows.keySet());
    if (added.isEmpty() && brought.isEmpty()) {
      return true;
    }
    // What the store knows itself stays, also where the source has it no more.
    brought.removeAll(StoreDatabase.of(target).read(operation).byName().keySet());
    copier.remove(brought);
    List.copyOf(ledger.copied().keySet()).stream()
        .filter(name -> !rows.containsKey(name))
        .forEach(ledger::removed);
    forgetChanged(added);
    links.learn(open.threads());
    copier.copy(added, true, progress);
    handled = rows;
    return false;
  }

  @Override
  public void prove(StageProgress progress) throws IOException, InterruptedException {
    open.reading(() -> proof.run(progress));
  }

  @Override
  public void finish() throws IOException, InterruptedException {
    workspace.remove();
  }

  @Override
  public void commit(UUID storageId) {
    throw new IllegalStateException("a store that stays is not committed");
  }

  @Override
  public CopyReport report() {
    workspace
        .trash()
        .map(Path::getFileName)
        .ifPresent(
            name ->
                ledger.note(
                    "Names that gave way in the old store are in .nixwsl/trash/"
                        + PathBytes.printable(name)
                        + " beside it, on its disk; delete it when you need it no more."));
    return open.report();
  }

  @Override
  public void close() {
    NixLock lock = bigLock;
    if (lock != null) {
      lock.close();
    }
    gcLock.close();
    open.close();
  }

  /** Whoever had it open would go on with a database that is no more. */
  private NixLock lockTarget() throws IOException, InterruptedException {
    NixLock lock = new NixLocks(open.processes()).bigLockExclusive(target, operation);
    if (lock.outcome() == NixLocks.Outcome.BUSY) {
      throw inUse("Nix has it open");
    }
    return lock;
  }

  private ConflictException inUse(String why) {
    return new ConflictException(
        Problem.of(
                ErrorCode.STORE_IN_USE,
                "Cannot change the database of "
                    + PathBytes.printable(target.directory())
                    + ": "
                    + why
                    + ".",
                "Stop the Nix that works there and call again.")
            .leaving(StateLeft.RESUMABLE)
            .mayGoAway());
  }
}
