package org.nixwsl.storage.linux.copy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.nixwsl.storage.core.io.DurableFiles;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.platform.StoreHost.CopySession;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.linux.copy.attribute.AttributeCopier;
import org.nixwsl.storage.linux.copy.attribute.AttributePrograms;
import org.nixwsl.storage.linux.copy.destination.CopyWorkspace;
import org.nixwsl.storage.linux.store.DirectoryEntries;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.linux.store.StoreContents;
import org.nixwsl.storage.linux.store.StoreDatabase;
import org.nixwsl.storage.linux.store.StoreRow;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.Verdict;

/** One copy on this machine: the order of its steps, and when each may be believed. */
final class LinuxCopySession implements CopySession {
  /** What an update leaves where it is in the target. */
  private static final Set<String> KEPT_IN_PLACE =
      Set.of("store", "lost+found", CopyWorkspace.DIRECTORY, CopyWorkspace.HOME);

  /** The mode of a directory that we made and did not finish. */
  private static final int PRIVATE = 0700;

  private final OpenCopy open;
  private final CopyRequest request;
  private final int threads;
  private final Operation operation;
  private final CopyWorkspace workspace;
  private final PathCopier.Parts parts;
  private final TargetProof proof;
  private final PathCopier copier;
  private final LinksCopier links;
  private final AttributeCopier attributes;
  private final Set<String> reported = new HashSet<>();
  private Map<String, StoreRow> handled = Map.of();

  /** A session that closes what was opened for it. */
  LinuxCopySession(OpenCopy open) {
    this.open = open;
    this.request = open.request();
    this.threads = open.threads();
    this.operation = open.operation();
    this.workspace = open.workspace();
    this.parts = open.parts();
    this.proof = open.proof();
    this.copier =
        new PathCopier(parts, threads, request.reread() ? Optional.of(proof) : Optional.empty());
    this.links = new LinksCopier(parts);
    this.attributes =
        new AttributeCopier(
            new AttributePrograms(open.processes(), operation),
            parts.sourceStore(),
            parts.targetStore());
  }

  @Override
  public void copyPaths(StageProgress progress) throws IOException, InterruptedException {
    open.copying(() -> copyAllPaths(progress));
    if (request.reread()) {
      // Now and not at the end: there a store may be kept from its users.
      open.reading(() -> proof.paths(progress));
      reportAttributes();
    }
  }

  private void copyAllPaths(StageProgress progress) throws IOException, InterruptedException {
    StoreContents contents = StoreDatabase.of(request.source()).read(operation);
    Map<String, StoreRow> valid = contents.byName();
    links.learn(threads);
    copier.takeUp(request.paranoid());
    if (workspace.takenUp()) {
      links.dropUnknown();
    }
    CopyLedger ledger = parts.ledger();
    long count = contents.rows().size();
    progress.expect(
        contents.narBytes() + (request.reread() ? contents.narBytes() - ledger.bytesReadBack() : 0),
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
    ledger.notesOf(contents);
    noteLeftOut(valid.keySet());
  }

  @Override
  public void copyState(StageProgress progress) throws IOException, InterruptedException {
    open.copying(() -> copyStateAndDatabase(progress));
  }

  private void copyStateAndDatabase(StageProgress progress)
      throws IOException, InterruptedException {
    if (workspace.updates()) {
      retireState();
    }
    Path target = request.target().directory();
    StateCopier state = open.stateCopier(target);
    DatabaseCopier database = open.databaseCopier();
    Set<String> profilesAndRoots =
        open.settle(state, database, staged -> catchUp(staged, progress));
    parts.fileSystem().sync(operation);
    operation.checkCancelled();
    parts.ledger().state(Map.of(Path.of("db"), database.written()), profilesAndRoots);
    database.place();
    state.finish();
    links.finish();
    parts.nodes().finish(parts.targetStore(), FileFacts.of(parts.sourceStore()));
    if ((FileFacts.of(target).permissions() & 0777) == PRIVATE) {
      parts.nodes().finish(target, FileFacts.of(request.source().directory()));
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

  @Override
  public void prove(StageProgress progress) throws IOException, InterruptedException {
    open.reading(() -> proof.run(progress));
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
    return open.report();
  }

  @Override
  public void close() {
    open.close();
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
    Map<String, StoreRow> rows = now.byName();
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
    reported.removeAll(removed); // their findings went with them
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
}
