package org.nixwsl.storage.linux.copy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.io.Caller;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.nar.NarDigest;
import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.linux.copy.attribute.AttributePrograms;
import org.nixwsl.storage.linux.copy.destination.CopyWorkspace;
import org.nixwsl.storage.linux.copy.destination.Leftovers;
import org.nixwsl.storage.linux.copy.destination.SharingChecks;
import org.nixwsl.storage.linux.copy.destination.TargetChecks;
import org.nixwsl.storage.linux.copy.share.OtherStore;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.linux.store.NixLock;
import org.nixwsl.storage.linux.store.NixLocks;
import org.nixwsl.storage.linux.store.StoreDatabase;
import org.nixwsl.storage.linux.store.StoreRow;
import org.nixwsl.storage.linux.store.TreeSink;
import org.nixwsl.storage.linux.store.TreeWalker;
import org.nixwsl.storage.linux.store.UnreadableException;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;

/** Copies stores on this machine, which is a Linux. Thread-safe. */
public final class LinuxStoreHost implements StoreHost {
  /**
   * Readers wait for the disk, so that more of them than cores are needed; more than that only
   * stand in each other's way.
   */
  private static final int THREADS_PER_CORE = 4;

  private static final int MOST_THREADS = 16;

  private final ProcessRunner processes;
  private final Ticker ticker;
  private final AtomicReference<@Nullable Measured> lastMeasured = new AtomicReference<>();

  /** A host that starts its programs by this runner and takes its time from this ticker. */
  public LinuxStoreHost(ProcessRunner processes, Ticker ticker) {
    this.processes = processes;
    this.ticker = ticker;
  }

  private record Measured(NixStore store, Measure measure) {}

  @Override
  public Measure measure(NixStore store, Operation operation)
      throws IOException, InterruptedException {
    Measure measure = StoreMeasure.of(store, defaultThreads(), operation);
    lastMeasured.set(new Measured(store, measure));
    return measure;
  }

  @Override
  public List<Problem> refusals(CopyRequest request, Measure measure, Operation operation)
      throws IOException, InterruptedException {
    List<Problem> problems = new ArrayList<>();
    foreignOwner(request.source(), operation).ifPresent(problems::add);
    List<Problem> unlinkable = SharingChecks.refusals(request);
    problems.addAll(unlinkable);
    Measure need = unlinkable.isEmpty() ? unshared(request, measure, operation) : measure;
    problems.addAll(new TargetChecks(processes).refusals(request, need, operation));
    return List.copyOf(problems);
  }

  /** What is left to be made when all is shared that can be: less than that does not do. */
  private static Measure unshared(CopyRequest request, Measure all, Operation operation)
      throws IOException {
    Optional<NixStore> shared = request.linkIdenticalFrom();
    if (shared.isEmpty() || all.narBytes() == 0) {
      return all;
    }
    List<StoreRow> rows = StoreDatabase.of(request.source()).read(operation).rows();
    long equal = OtherStore.of(shared.get(), operation).narBytesOf(rows);
    double left = Math.max(0, 1 - (double) equal / all.narBytes());
    return new Measure(
        all.paths(), all.narBytes(), (long) (all.inodes() * left), (long) (all.diskBytes() * left));
  }

  @Override
  public CopySession begin(CopyRequest request, Operation operation)
      throws IOException, InterruptedException {
    NarDigest.warmUp();
    List<Problem> problems = refusals(request, operation);
    if (!problems.isEmpty()) {
      // The target's own path is safe then, and the target is not the source.
      if (problems.stream().allMatch(p -> p.code() == ErrorCode.TARGET_NOT_EMPTY)) {
        Leftovers.tidy(request.target());
      }
      throw TargetChecks.asException(problems.get(0));
    }
    if (request.copyExtendedAttributes()) {
      new AttributePrograms(processes, operation).require();
    }
    Optional<Problem> inUse =
        request.update() ? inUse(request.target(), operation) : Optional.empty();
    if (inUse.isPresent()) {
      throw TargetChecks.asException(inUse.get());
    }
    int threads = request.threads().orElse(defaultThreads());
    return new LinuxCopySession(OpenCopy.of(request, threads, processes, ticker, operation));
  }

  @Override
  public Measure lacking(NixStore store, NixStore other, Operation operation)
      throws IOException, InterruptedException {
    return StoreMeasure.lacking(store, other, defaultThreads(), operation);
  }

  @Override
  public List<Problem> mergeRefusals(CopyRequest request, Operation operation)
      throws IOException, InterruptedException {
    TargetChecks checks = new TargetChecks(processes);
    List<Problem> problems = new ArrayList<>(checks.refusalsOfMerge(request));
    if (problems.isEmpty()) {
      Measure need =
          StoreMeasure.missing(
              request.source(),
              request.target(),
              CopyWorkspace.broughtBefore(request),
              defaultThreads(),
              operation);
      checks.noRoomForMerge(request, need, operation).ifPresent(problems::add);
      inUse(request.target(), operation).ifPresent(problems::add);
    }
    return List.copyOf(problems);
  }

  @Override
  public CopySession beginMerge(CopyRequest request, Operation operation)
      throws IOException, InterruptedException {
    NarDigest.warmUp();
    List<Problem> problems = mergeRefusals(request, operation);
    if (!problems.isEmpty()) {
      throw TargetChecks.asException(problems.get(0));
    }
    int threads = request.threads().orElse(defaultThreads());
    OpenCopy open = OpenCopy.intoStore(request, threads, processes, ticker, operation);
    boolean kept = false;
    try {
      CopySession session = MergeSession.of(open);
      kept = true;
      return session;
    } finally {
      if (!kept) {
        open.close();
      }
    }
  }

  @Override
  public void dropMerge(NixStore target, Operation operation)
      throws IOException, InterruptedException {
    Leftovers.removeMerge(target, PathCopier.PRIVATE_PREFIX, operation);
    Leftovers.tidy(target);
  }

  /**
   * Measuring a store takes a look at each file. It is done only where a bound does not show that
   * there is room: a disk of its own has more than any store can take.
   */
  private List<Problem> refusals(CopyRequest request, Operation operation)
      throws IOException, InterruptedException {
    // The measure is an estimate of room only: one of a moment ago is as good as a new one.
    Measured known = lastMeasured.getAndSet(null);
    if (known != null && known.store().equals(request.source())) {
      return refusals(request, known.measure(), operation);
    }
    Optional<Measure> bound = StoreMeasure.atMost(request.source(), processes, operation);
    if (bound.isPresent()) {
      List<Problem> problems = refusals(request, bound.get(), operation);
      if (problems.stream().noneMatch(p -> p.code() == ErrorCode.NO_SPACE)) {
        return problems;
      }
    }
    return refusals(request, measure(request.source(), operation), operation);
  }

  /** A store that is changed from outside: nobody may have it open. */
  private Optional<Problem> inUse(NixStore target, Operation operation)
      throws IOException, InterruptedException {
    try (NixLock lock = new NixLocks(processes).bigLockExclusive(target, operation)) {
      return lock.outcome() == NixLocks.Outcome.BUSY
          ? Optional.of(
              Problem.of(
                      ErrorCode.STORE_IN_USE,
                      "Cannot update "
                          + PathBytes.printable(target.directory())
                          + ": Nix has it open.",
                      "Stop the Nix that works there and call again.")
                  .mayGoAway())
          : Optional.empty();
    }
  }

  private static int defaultThreads() {
    return Math.min(MOST_THREADS, THREADS_PER_CORE * Runtime.getRuntime().availableProcessors());
  }

  /** Only root can give files away; without root a store must be all of one owner. */
  private static Optional<Problem> foreignOwner(NixStore source, Operation operation)
      throws IOException {
    if (Caller.isRoot()) {
      return Optional.empty();
    }
    TreeWalker walker = new TreeWalker();
    OwnerCheck check = new OwnerCheck(Caller.uid());
    List<Path> tops = new ArrayList<>();
    for (StoreRow row : StoreDatabase.of(source).read(operation).rows()) {
      tops.add(source.storeDirectory().resolve(row.name()));
    }
    tops.add(source.stateDirectory().resolve("profiles"));
    tops.add(source.stateDirectory().resolve("gcroots"));
    tops.add(source.database());
    for (Path top : tops) {
      if (Files.exists(top, LinkOption.NOFOLLOW_LINKS)) {
        try {
          walker.measure(top, check, operation);
        } catch (UnreadableException e) {
          return Optional.of(notRoot(source, String.valueOf(e.getMessage())));
        }
      }
      if (check.foreign != null) {
        return Optional.of(
            notRoot(source, PathBytes.printable(check.foreign) + " belongs to another user"));
      }
    }
    return Optional.empty();
  }

  private static Problem notRoot(NixStore source, String why) {
    return Problem.of(
        ErrorCode.NOT_ROOT,
        "Cannot copy " + PathBytes.printable(source.directory()) + " without root: " + why + ".",
        "Call as root.");
  }

  private static final class OwnerCheck implements TreeSink {
    private final int owner;
    private @Nullable Path foreign;

    OwnerCheck(int owner) {
      this.owner = owner;
    }

    private void look(Path file, FileFacts facts) {
      if (facts.uid() != owner && foreign == null) {
        foreign = file;
      }
    }

    @Override
    public void enterDirectory(Path source, FileFacts facts) {
      look(source, facts);
    }

    @Override
    public void leaveDirectory(Path source, FileFacts facts) {}

    @Override
    public void symlink(Path source, Path target, FileFacts facts) {
      look(source, facts);
    }

    @Override
    public Optional<FileSink> regular(Path source, FileFacts facts) {
      look(source, facts);
      return Optional.empty();
    }
  }
}
