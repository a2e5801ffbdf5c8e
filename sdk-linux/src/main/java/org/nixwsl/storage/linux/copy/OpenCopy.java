package org.nixwsl.storage.linux.copy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.linux.copy.destination.CopyWorkspace;
import org.nixwsl.storage.linux.copy.destination.TargetFileSystem;
import org.nixwsl.storage.linux.copy.destination.TargetProbe;
import org.nixwsl.storage.linux.copy.held.ChangedException;
import org.nixwsl.storage.linux.copy.share.OtherStore;
import org.nixwsl.storage.linux.copy.tree.LinkTable;
import org.nixwsl.storage.linux.copy.tree.NodeMaker;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.linux.store.NixLock;
import org.nixwsl.storage.linux.store.NixLocks;
import org.nixwsl.storage.linux.store.StoreContents;
import org.nixwsl.storage.linux.store.StoreDatabase;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;

/**
 * What a copy works with from its first step to its last: locks, the workspace in the target, and
 * what was done so far. Not thread-safe. Whoever opened it closes it.
 */
final class OpenCopy implements AutoCloseable {
  /** A store that still changes after that many looks is in use. */
  private static final int ROUNDS = 5;

  private final CopyRequest request;
  private final int threads;
  private final ProcessRunner processes;
  private final Ticker ticker;
  private final Operation operation;
  private final CopyWorkspace workspace;
  private final NixLock gcLock;
  private final PathCopier.Parts parts;
  private final TargetProof proof;
  private Duration copying = Duration.ZERO;
  private Duration rereading = Duration.ZERO;

  private OpenCopy(
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
  }

  /** Takes the locks, and takes up what an earlier call left. */
  static OpenCopy of(
      CopyRequest request, int threads, ProcessRunner processes, Ticker ticker, Operation operation)
      throws IOException, InterruptedException {
    return of(request, false, threads, processes, ticker, operation);
  }

  /** The same, of a copy into a store that stays one. */
  static OpenCopy intoStore(
      CopyRequest request, int threads, ProcessRunner processes, Ticker ticker, Operation operation)
      throws IOException, InterruptedException {
    return of(request, true, threads, processes, ticker, operation);
  }

  private static OpenCopy of(
      CopyRequest request,
      boolean merge,
      int threads,
      ProcessRunner processes,
      Ticker ticker,
      Operation operation)
      throws IOException, InterruptedException {
    CopyLedger ledger = new CopyLedger(operation);
    NixLock gcLock = keepCollectorOut(request.source(), processes, ledger, operation);
    @Nullable CopyWorkspace opened = null;
    boolean kept = false;
    try {
      opened =
          merge
              ? CopyWorkspace.openInStore(request, operation)
              : CopyWorkspace.open(request, operation);
      NixStore target = request.target();
      Path targetStore = target.storeDirectory();
      TargetFileSystem fileSystem = new TargetFileSystem(processes, target.directory());
      TargetProbe.check(target, opened.directory(), fileSystem, operation);
      NodeMaker nodes = NodeMaker.probing(opened.directory());
      Optional<NixStore> shared = merge ? Optional.of(target) : request.linkIdenticalFrom();
      OtherStore other =
          shared.isPresent() ? OtherStore.of(shared.get(), operation) : OtherStore.none();
      if (!merge) {
        closeStore(targetStore, nodes);
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
                  (merge ? opened.directory() : targetStore).resolve(LinksCopier.NAME),
                  opened.links(),
                  opened.takenUp()),
              other,
              ledger,
              operation);
      OpenCopy open =
          new OpenCopy(request, threads, processes, ticker, operation, opened, gcLock, parts);
      kept = true;
      return open;
    } finally {
      if (!kept) {
        gcLock.close();
        if (opened != null) {
          opened.close();
        }
      }
    }
  }

  /**
   * Keeps Nix's garbage collector out of a store, where that can be done.
   *
   * @throws ConflictException {@code STORE_IN_USE} if it is at work
   */
  static NixLock keepCollectorOut(
      NixStore store, ProcessRunner processes, CopyLedger ledger, Operation operation)
      throws IOException, InterruptedException {
    NixLock lock = new NixLocks(processes).gcShared(store, operation);
    if (lock.outcome() == NixLocks.Outcome.BUSY) {
      throw new ConflictException(
          Problem.of(
                  ErrorCode.STORE_IN_USE,
                  "Cannot copy: Nix is collecting garbage in "
                      + PathBytes.printable(store.directory())
                      + ".",
                  "Wait until it ends and call again.")
              .mayGoAway());
    }
    if (!lock.held()) {
      ledger.note("Nix's garbage collector was not kept out: " + lock.note() + ".");
    }
    return lock;
  }

  private static void closeStore(Path targetStore, NodeMaker nodes) throws IOException {
    if (Files.isDirectory(targetStore, LinkOption.NOFOLLOW_LINKS)) {
      // An earlier call may have opened it to the builders' group already.
      nodes.close(targetStore);
    } else {
      nodes.directory(targetStore);
    }
  }

  CopyRequest request() {
    return request;
  }

  int threads() {
    return threads;
  }

  ProcessRunner processes() {
    return processes;
  }

  Operation operation() {
    return operation;
  }

  CopyWorkspace workspace() {
    return workspace;
  }

  PathCopier.Parts parts() {
    return parts;
  }

  CopyLedger ledger() {
    return parts.ledger();
  }

  TargetProof proof() {
    return proof;
  }

  /** A copier of the source's state. */
  StateCopier stateCopier(Path target) {
    return new StateCopier(
        request.source().directory(),
        target,
        parts.nodes(),
        parts.ledger(),
        processes,
        operation,
        operation::checkCancelled);
  }

  /** A copier of the source's database. */
  DatabaseCopier databaseCopier() {
    return new DatabaseCopier(
        request.source(),
        request.target(),
        workspace.directory(),
        parts.nodes(),
        parts.ledger(),
        operation);
  }

  /** Part of a copy. */
  @FunctionalInterface
  interface Work {
    /** Does it. */
    void run() throws IOException, InterruptedException;
  }

  /** Does a part of the copying; what cannot be written is an error of the target. */
  void copying(Work work) throws IOException, InterruptedException {
    long start = ticker.nanos();
    try {
      work.run();
    } catch (IOException e) {
      throw parts.fileSystem().failure(e, operation);
    }
    copying = copying.plusNanos(ticker.nanos() - start);
  }

  /** Does a part of the reading back. */
  void reading(Work work) throws IOException, InterruptedException {
    long start = ticker.nanos();
    work.run();
    rereading = rereading.plusNanos(ticker.nanos() - start);
  }

  /** Brings the target to what a database says. */
  @FunctionalInterface
  interface CatchUp {
    /** Whether there was nothing to do. */
    boolean to(StoreContents now) throws IOException, InterruptedException;
  }

  /**
   * Copies state and database, and what came to the source meanwhile, until the source stood still
   * from the first look to the last.
   *
   * @return the profiles and roots that were copied
   * @throws ConflictException {@code STORE_CHANGED} if it never does
   */
  Set<String> settle(StateCopier state, DatabaseCopier database, CatchUp catchUp)
      throws IOException, InterruptedException {
    @Nullable ChangedException change = null;
    for (int round = 1; round <= ROUNDS; round++) {
      try {
        Set<String> profilesAndRoots = state.profilesAndRoots();
        state.copy();
        StoreContents staged = database.stage();
        if (catchUp.to(staged)
            && staged
                .fingerprint()
                .equals(StoreDatabase.of(request.source()).read(operation).fingerprint())
            && profilesAndRoots.equals(state.profilesAndRoots())) {
          return profilesAndRoots;
        }
      } catch (ChangedException e) {
        change = e;
      }
    }
    throw changed(change);
  }

  /** What was copied so far. */
  CopyReport report() {
    CopyLedger ledger = parts.ledger();
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

  /** Lets go of the locks. Idempotent. */
  @Override
  public void close() {
    workspace.close();
    gcLock.close();
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
