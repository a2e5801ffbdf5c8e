package org.nixwsl.storage.linux.copy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.io.DurableFiles;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.platform.StoreHost.CopySession;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.linux.copy.attribute.AttributeCopier;
import org.nixwsl.storage.linux.copy.attribute.AttributePrograms;
import org.nixwsl.storage.linux.copy.destination.CopyWorkspace;
import org.nixwsl.storage.linux.copy.destination.TargetFileSystem;
import org.nixwsl.storage.linux.copy.destination.TargetProbe;
import org.nixwsl.storage.linux.copy.held.ChangedException;
import org.nixwsl.storage.linux.copy.share.OtherStore;
import org.nixwsl.storage.linux.copy.tree.LinkTable;
import org.nixwsl.storage.linux.copy.tree.NodeMaker;
import org.nixwsl.storage.linux.store.DirectoryEntries;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.linux.store.NixLock;
import org.nixwsl.storage.linux.store.NixLocks;
import org.nixwsl.storage.linux.store.StoreContents;
import org.nixwsl.storage.linux.store.StoreDatabase;
import org.nixwsl.storage.linux.store.StoreRow;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.store.Verdict;

/** One copy on this machine: the order of its steps, and when each may be believed. */
final class LinuxCopySession implements CopySession {
  /** A store that still changes after that many looks is in use. */
  private static final int ROUNDS = 5;

  /** What an update leaves where it is in the target. */
  private static final Set<String> KEPT_IN_PLACE =
      Set.of("store", "lost+found", CopyWorkspace.DIRECTORY, CopyWorkspace.HOME);

  /** The mode of a directory that we made and did not finish. */
  private static final int PRIVATE = 0700;

  private final CopyRequest request;
  private final int threads;
  private final ProcessRunner processes;
  private final Operation operation;
  private final Ticker ticker;
  private final CopyWorkspace workspace;
  private final NixLock gcLock;
  private final PathCopier.Parts parts;
  private final TargetProof proof;
  private final PathCopier copier;
  private final LinksCopier links;
  private final AttributeCopier attributes;
  private final Set<String> reported = new HashSet<>();
  private Map<String, StoreRow> handled = Map.of();
  private Set<String> profilesAndRoots = Set.of();
  private Duration copying = Duration.ZERO;
  private Duration rereading = Duration.ZERO;

  private LinuxCopySession(
      CopyRequest request,
      int threads,
      ProcessRunner processes,
      Ticker ticker,
      Operation operation,
      CopyWorkspace workspace,
      NixLock gcLock,
      PathCopier.Parts parts)
      throws IOException {
    this.request = request;
    this.threads = threads;
    this.processes = processes;
    this.ticker = ticker;
    this.operation = operation;
    this.workspace = workspace;
    this.gcLock = gcLock;
    this.parts = parts;
    this.proof = TargetProof.of(request.target(), workspace, parts.ledger(), processes, operation);
    this.copier =
        new PathCopier(parts, threads, request.reread() ? Optional.of(proof) : Optional.empty());
    this.links = new LinksCopier(parts);
    this.attributes =
        new AttributeCopier(
            new AttributePrograms(processes, operation), parts.sourceStore(), parts.targetStore());
  }

  /** Takes the locks and takes up what an earlier call left. */
  static LinuxCopySession open(
      CopyRequest request, int threads, ProcessRunner processes, Ticker ticker, Operation operation)
      throws IOException, InterruptedException {
    NixLock gcLock = new NixLocks(processes).gcShared(request.source(), operation);
    @Nullable CopyWorkspace opened = null;
    boolean kept = false;
    try {
      CopyLedger ledger = new CopyLedger(operation);
      if (gcLock.outcome() == NixLocks.Outcome.BUSY) {
        throw collecting(request.source());
      }
      if (!gcLock.held()) {
        ledger.note("Nix's garbage collector was not kept out: " + gcLock.note() + ".");
      }
      opened = CopyWorkspace.open(request, operation);
      NixStore target = request.target();
      Path targetStore = target.storeDirectory();
      TargetFileSystem fileSystem = new TargetFileSystem(processes, target.directory());
      TargetProbe.check(target, opened.directory(), fileSystem, operation);
      NodeMaker nodes = NodeMaker.probing(opened.directory());
      Optional<NixStore> shared = request.linkIdenticalFrom();
      OtherStore other =
          shared.isPresent() ? OtherStore.of(shared.get(), operation) : OtherStore.none();
      if (Files.isDirectory(targetStore, LinkOption.NOFOLLOW_LINKS)) {
        // An earlier call may have opened it to the builders' group already.
        nodes.close(targetStore);
      } else {
        nodes.directory(targetStore);
      }
      PathCopier.Parts parts =
          new PathCopier.Parts(
              request.source().storeDirectory(),
              targetStore,
              opened,
              fileSystem,
              nodes,
              new LinkTable(
                  FileFacts.of(request.source().storeDirectory()).device(),
                  targetStore.resolve(LinksCopier.NAME),
                  opened.links(),
                  opened.takenUp()),
              other,
              ledger,
              operation);
      LinuxCopySession session =
          new LinuxCopySession(
              request, threads, processes, ticker, operation, opened, gcLock, parts);
      kept = true;
      return session;
    } finally {
      if (!kept) {
        gcLock.close();
        if (opened != null) {
          opened.close();
        }
      }
    }
  }

  @Override
  public void copyPaths(StageProgress progress) throws IOException, InterruptedException {
    long start = ticker.nanos();
    StoreContents contents = StoreDatabase.of(request.source()).read(operation);
    Map<String, StoreRow> valid = byName(contents);
    try {
      links.learn(threads);
      copier.takeUp(request.paranoid());
      if (workspace.takenUp()) {
        links.dropUnknown();
      }
      CopyLedger ledger = parts.ledger();
      long count = contents.rows().size();
      progress.expect(
          contents.narBytes()
              + (request.reread() ? contents.narBytes() - ledger.bytesReadBack() : 0),
          count + (request.reread() ? count - ledger.pathsReadBack() : 0));
      // Until the old database is out of the way, no store path that it may have is touched.
      Set<String> put = copier.copy(contents.rows(), !workspace.updates(), progress);
      Map<String, StoreRow> rows = new HashMap<>(valid);
      rows.keySet().removeAll(put);
      handled = rows;
      links.copyRest(threads);
      copyAttributes(handled.keySet());
      if (workspace.takenUp() && request.linkIdenticalFrom().isPresent()) {
        // What an earlier call linked may be what this one linked to as well.
        copier.recount();
      }
    } catch (IOException e) {
      throw parts.fileSystem().failure(e, operation);
    }
    contents.notes().forEach(parts.ledger()::note);
    for (StoreContents.BadRow bad : contents.badRows()) {
      parts.ledger().badRow(bad.path(), bad.problem());
    }
    noteLeftOut(valid.keySet());
    copying = copying.plusNanos(ticker.nanos() - start);
    if (request.reread()) {
      // Now and not at the end: there a store may be kept from its users.
      reading(() -> proof.paths(progress));
      reportAttributes();
    }
  }

  @FunctionalInterface
  private interface Reading {
    void run() throws IOException, InterruptedException;
  }

  private void reading(Reading reading) throws IOException, InterruptedException {
    long start = ticker.nanos();
    reading.run();
    rereading = rereading.plusNanos(ticker.nanos() - start);
  }

  @Override
  public void copyState(StageProgress progress) throws IOException, InterruptedException {
    long start = ticker.nanos();
    try {
      copyStateAndDatabase(progress);
    } catch (IOException e) {
      throw parts.fileSystem().failure(e, operation);
    }
    copying = copying.plusNanos(ticker.nanos() - start);
  }

  private void copyStateAndDatabase(StageProgress progress)
      throws IOException, InterruptedException {
    if (workspace.updates()) {
      retireState();
    }
    Path source = request.source().directory();
    StateCopier state =
        new StateCopier(
            source,
            request.target().directory(),
            parts.nodes(),
            parts.ledger(),
            processes,
            operation,
            operation::checkCancelled);
    DatabaseCopier database =
        new DatabaseCopier(
            request.source(),
            request.target(),
            workspace.directory(),
            parts.nodes(),
            parts.ledger(),
            operation);
    @Nullable ChangedException change = null;
    boolean settled = false;
    for (int round = 1; !settled; round++) {
      if (round > ROUNDS) {
        throw changed(change);
      }
      try {
        settled = round(state, database, progress);
      } catch (ChangedException e) {
        change = e;
      }
    }
    parts.fileSystem().sync(operation);
    operation.checkCancelled();
    parts.ledger().state(database.written(), profilesAndRoots);
    database.place();
    state.finish();
    links.finish();
    parts.nodes().finish(parts.targetStore(), FileFacts.of(parts.sourceStore()));
    Path target = request.target().directory();
    if ((FileFacts.of(target).permissions() & 0777) == PRIVATE) {
      parts.nodes().finish(target, FileFacts.of(source));
    }
    parts.fileSystem().sync(operation);
  }

  /**
   * Takes all that is not store paths out of a store that is updated: from here on the target is no
   * store, until the new database is there.
   */
  private void retireState() throws IOException {
    List<Path> retired = new ArrayList<>();
    DirectoryEntries.each(
        request.target().directory(),
        entry -> {
          if (!KEPT_IN_PLACE.contains(PathBytes.printable(PathBytes.ofName(entry)))) {
            retired.add(entry);
          }
        });
    for (Path entry : retired) {
      workspace.discard(entry);
    }
  }

  /** Copies what is there now; whether nothing changed meanwhile. */
  private boolean round(StateCopier state, DatabaseCopier database, StageProgress progress)
      throws IOException, InterruptedException {
    profilesAndRoots = state.profilesAndRoots();
    state.copy();
    StoreContents staged = database.stage();
    boolean complete = catchUp(staged, progress);
    return complete
        && staged
            .fingerprint()
            .equals(StoreDatabase.of(request.source()).read(operation).fingerprint())
        && profilesAndRoots.equals(state.profilesAndRoots());
  }

  @Override
  public void prove(StageProgress progress) throws IOException, InterruptedException {
    reading(() -> proof.run(progress));
    reportAttributes();
  }

  @Override
  public void finish() throws IOException, InterruptedException {
    workspace.remove();
  }

  @Override
  public void commit(UUID storageId) throws IOException, InterruptedException {
    byte[] line = (storageId + "\n").getBytes(StandardCharsets.US_ASCII);
    DurableFiles.replace(
        request.target().directory().resolve(CopyWorkspace.ID_FILE),
        channel -> DurableFiles.writeFully(channel, line));
    // Not before: a run that ends in between has to be resumable.
    workspace.remove();
  }

  @Override
  public CopyReport report() {
    CopyLedger ledger = parts.ledger();
    parts.other().note().ifPresent(ledger::note);
    workspace
        .trash()
        .ifPresent(
            trash ->
                ledger.note(
                    "What the target had and the source has not lies in "
                        + PathBytes.printable(trash)
                        + "; delete it when you need it no more."));
    if (gcLock.wasLost()) {
      ledger.note(
          "The program that kept Nix's garbage collector out was ended by someone: paths may have"
              + " been collected while they were copied.");
    }
    return new CopyReport(
        ledger.verifiedPaths(),
        ledger.names(),
        ledger.inodes(),
        ByteSize.ofBytes(ledger.verifiedBytes()),
        copying,
        rereading,
        ledger.findings(),
        ledger.leftOut(),
        ledger.notes());
  }

  @Override
  public void close() {
    workspace.close();
    gcLock.close();
  }

  private void copyAttributes(Collection<String> names) throws IOException, InterruptedException {
    if (request.copyExtendedAttributes()) {
      Set<String> copied = new HashSet<>(names);
      copied.retainAll(parts.ledger().copied().keySet());
      attributes
          .copy(copied)
          .forEach(
              (name, what) ->
                  parts.ledger().found(name, Verdict.METADATA, "could not be copied: " + what));
    }
  }

  /** Of what was copied since the last call: all of it takes a while. */
  private void reportAttributes() throws IOException, InterruptedException {
    if (request.copyExtendedAttributes()) {
      return;
    }
    Set<String> names = new HashSet<>(parts.ledger().copied().keySet());
    names.removeAll(reported);
    reported.addAll(names);
    try {
      attributes
          .describe(names)
          .forEach(
              (name, what) ->
                  parts.ledger().found(name, Verdict.METADATA, "was not copied: " + what));
    } catch (IOException e) {
      parts.ledger().note("Extended attributes and ACLs were not looked for: " + e.getMessage());
    }
  }

  /** Brings the target to what a database says; whether there was nothing to do. */
  private boolean catchUp(StoreContents now, StageProgress progress)
      throws IOException, InterruptedException {
    Map<String, StoreRow> rows = byName(now);
    List<StoreRow> added =
        rows.values().stream().filter(row -> !row.equals(handled.get(row.name()))).toList();
    Set<String> removed = new HashSet<>(handled.keySet());
    // Also what an earlier call copied and the source has not any more.
    removed.addAll(parts.ledger().copied().keySet());
    removed.removeAll(rows.keySet());
    added.stream().map(StoreRow::name).filter(handled::containsKey).forEach(removed::add);
    if (added.isEmpty() && removed.isEmpty()) {
      return true;
    }
    copier.remove(removed);
    links.learn(threads);
    copier.copy(added, true, progress);
    handled = rows;
    if (!removed.isEmpty()) {
      links.dropUnproven(copier.recount());
    }
    links.copyRest(threads);
    copyAttributes(added.stream().map(StoreRow::name).toList());
    if (!removed.isEmpty()) {
      copier.recount();
    }
    return false;
  }

  private static Map<String, StoreRow> byName(StoreContents contents) {
    return contents.rows().stream()
        .collect(Collectors.toUnmodifiableMap(StoreRow::name, Function.identity()));
  }

  private void noteLeftOut(Set<String> valid) throws IOException {
    DirectoryEntries.each(
        parts.sourceStore(),
        entry -> {
          String name = PathBytes.printable(PathBytes.ofName(entry));
          if (!valid.contains(name) && !name.equals(LinksCopier.NAME)) {
            parts.ledger().leftOut(Path.of("store").resolve(entry.getFileName()));
          }
        });
  }

  private static ConflictException collecting(NixStore source) {
    return new ConflictException(
        Problem.of(
                ErrorCode.STORE_IN_USE,
                "Cannot copy "
                    + PathBytes.printable(source.directory())
                    + ": Nix is collecting garbage in it.",
                "Wait until it ends and call again.")
            .mayGoAway());
  }

  private ConflictException changed(@Nullable ChangedException last) {
    Problem problem =
        Problem.of(
                ErrorCode.STORE_CHANGED,
                "The store "
                    + PathBytes.printable(request.source().directory())
                    + " changed each time it was looked at, "
                    + ROUNDS
                    + " times"
                    + (last == null ? "" : ": " + last.getMessage())
                    + ".",
                "Stop what builds, fetches or switches there and call again.")
            .leaving(StateLeft.RESUMABLE)
            .mayGoAway();
    return last == null ? new ConflictException(problem) : new ConflictException(problem, last);
  }
}
