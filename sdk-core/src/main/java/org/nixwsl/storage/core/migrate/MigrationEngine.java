package org.nixwsl.storage.core.migrate;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.StoreMigrator;
import org.nixwsl.storage.VhdxManager;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.core.run.UndoStack;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskInfo;
import org.nixwsl.storage.disk.LogState;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.migrate.MigrationPlan;
import org.nixwsl.storage.migrate.MigrationReport;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLocation;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.CopyRequest;

/**
 * Moves the store of one instance: disk, attachment, copy, state, proof, commit. What the run made
 * or attached before the copy began is taken back when it fails; what was copied stays, and the
 * next run goes on from there. Thread-safe; the copy's own locks keep two runs of one instance
 * apart.
 */
public final class MigrationEngine implements StoreMigrator {
  private final VhdxManager vhdx;
  private final WslMounter mounter;
  private final StoreHost host;
  private final Ticker ticker;
  private final MigrationPlanner planner;

  /** An engine on these parts. */
  public MigrationEngine(VhdxManager vhdx, WslMounter mounter, StoreHost host, Ticker ticker) {
    this.vhdx = vhdx;
    this.mounter = mounter;
    this.host = host;
    this.ticker = ticker;
    this.planner = new MigrationPlanner(vhdx, mounter, host);
  }

  @Override
  public MigrationPlan plan(MigrationRequest request, RunOptions options) {
    return Operation.run(
        "plan the move of " + request.instance(),
        options,
        ticker,
        Map.of(Stage.PREFLIGHT, 1.0),
        operation ->
            operation.stage(Stage.PREFLIGHT, progress -> planner.plan(request, operation)));
  }

  /**
   * {@inheritDoc}
   *
   * <p>If the plan made anew has one refusal, its own error is thrown, such as {@code NOT_ROOT} or
   * {@code NO_SPACE}; with several, {@code PLAN_REFUSED}, which lists them. A cancellation that
   * comes after the commit comes too late. If the storage is not detached after the commit, for a
   * failure or a late cancellation, the move is done all the same: the report's notes say why the
   * storage is still attached.
   */
  @Override
  public MigrationReport run(MigrationPlan plan, RunOptions options) {
    MigrationRequest request = plan.request();
    String what = "move the store of " + request.instance();
    return Operation.run(
        what,
        options,
        ticker,
        weights(plan),
        operation -> {
          Run run = new Run(request, operation, silent(options));
          try (UndoStack undo = run.undo) {
            MigrationReport report = operation.translating(what, run::move);
            undo.keep();
            return report;
          } catch (StorageSdkException e) {
            throw Failures.leaving(e, run.stateLeft(e), run.spoiltDisk());
          }
        });
  }

  /** One migration on its way. */
  private final class Run {
    private final MigrationRequest request;
    private final SharedStorage storage;
    private final Operation operation;
    private final RunOptions silent;
    private final StageTimes stages;
    private final UndoStack undo = new UndoStack(ticker);
    private Optional<DiskInfo> made = Optional.empty();
    private boolean kept; // something on the disk that outlives a failure

    Run(MigrationRequest request, Operation operation, RunOptions silent) {
      this.request = request;
      this.storage = request.storage();
      this.operation = operation;
      this.silent = silent;
      this.stages = new StageTimes(operation);
    }

    MigrationReport move() throws IOException, InterruptedException {
      stages.run(Stage.PREFLIGHT, progress -> planAgain());
      if (diskFile().filter(Files::notExists).isPresent()) {
        made = Optional.of(stages.run(Stage.DISK, progress -> createDisk(diskFile().get())));
      }
      MountedStorage mounted = stages.run(Stage.ATTACH, progress -> attach());
      UUID storageId = UUID.randomUUID();
      CopyReport report = copy(mounted, storageId);
      undo.keep(); // from here on nothing is taken back
      if (request.detachAtEnd() && diskFile().isPresent()) {
        report = detach(report);
      }
      Optional<ByteSize> fileSize = Optional.empty();
      try {
        fileSize = diskFileSize();
      } catch (IOException e) {
        report = Failures.withNote(report, "The length of the disk's file is not known: " + e);
      }
      return new MigrationReport(
          request.instance(), storageId, mounted, report, stages.times(), fileSize);
    }

    /** The machine may have changed since the caller's plan. */
    private MigrationPlan planAgain() throws IOException, InterruptedException {
      MigrationPlan now = planner.plan(request, operation);
      Failures.refuse(now.refusals());
      return now;
    }

    private DiskInfo createDisk(Path file) {
      DiskInfo info = vhdx.create(file, request.createDisk().orElseThrow(), silent);
      undo.push("delete " + PathBytes.printable(file), op -> deleteIfBlank(file, info));
      return info;
    }

    /** Only what this run made and nobody has written to since. */
    private void deleteIfBlank(Path file, DiskInfo info) throws IOException {
      DiskInfo now = vhdx.inspect(file);
      if (now.diskId().equals(info.diskId()) && neverWritten(now)) {
        Files.delete(file);
        made = Optional.empty();
      }
    }

    private MountedStorage attach() {
      boolean attachedBefore = mounter.state(storage).isPresent();
      boolean blank =
          !attachedBefore
              && diskFile().filter(file -> neverWritten(vhdx.inspect(file))).isPresent();
      MountedStorage mounted =
          blank
              ? mounter.prepareBlankDisk(storage, silent)
              : mounter.ensureMounted(storage, silent);
      kept = blank;
      if (!attachedBefore) {
        undo.push(
            "detach the storage " + storage.mountName(),
            op -> mounter.unmount(storage, RunOptions.ofDefaults()));
      }
      return mounted;
    }

    private CopyReport copy(MountedStorage mounted, UUID storageId)
        throws IOException, InterruptedException {
      CopyRequest copy = MigrationPlanner.copyRequest(request, mounted);
      operation.checkCancelled();
      try (StoreHost.CopySession session = host.begin(copy, operation)) {
        kept = true;
        stages.run(
            Stage.COPY,
            progress -> {
              session.copyPaths(progress);
              return Failures.requireSound(session.report());
            });
        stages.run(
            Stage.STATE,
            progress -> {
              session.copyState(progress);
              return session;
            });
        stages.run(
            Stage.PROVE,
            progress -> {
              session.prove(progress);
              return Failures.requireSound(session.report());
            });
        stages.run(
            Stage.COMMIT,
            progress -> {
              session.commit(storageId);
              return storageId;
            });
        return session.report();
      }
    }

    /** The move is done: nothing that goes wrong here may look as if it were not. */
    private CopyReport detach(CopyReport report) throws IOException, InterruptedException {
      try {
        stages.run(
            Stage.DETACH,
            progress -> {
              mounter.unmount(storage, RunOptions.ofDefaults());
              return storage;
            });
        return report;
      } catch (StorageSdkException e) {
        return Failures.withNote(report, "The storage is still attached: " + e.getMessage());
      }
    }

    private Optional<Path> diskFile() {
      return storage.location() instanceof StorageLocation.VhdxFile disk
          ? Optional.of(disk.file())
          : Optional.empty();
    }

    private Optional<ByteSize> diskFileSize() throws IOException {
      Optional<Path> file = diskFile();
      return file.isPresent()
          ? Optional.of(ByteSize.ofBytes(Files.size(file.get())))
          : Optional.empty();
    }

    /**
     * A disk that this run made and could not take back, because formatting it was cut short. It is
     * not deleted: somebody may have come and filled it.
     */
    Optional<Path> spoiltDisk() {
      return kept || made.isEmpty() ? Optional.empty() : diskFile();
    }

    /** After the undo: what is left of the run that failed. */
    StateLeft stateLeft(StorageSdkException e) {
      if (undo.failed() || spoiltDisk().isPresent() || e.stateLeft() == StateLeft.NEEDS_CLEANUP) {
        return StateLeft.NEEDS_CLEANUP;
      }
      if (kept) {
        return StateLeft.RESUMABLE;
      }
      return e.stateLeft() == StateLeft.UNKNOWN ? StateLeft.UNKNOWN : StateLeft.NOTHING_CHANGED;
    }
  }

  /**
   * A disk that was formatted, or only partitioned, has blocks; a new one has none. A log says that
   * somebody wrote, and one that cannot be replayed hides which blocks there are.
   */
  private static boolean neverWritten(DiskInfo info) {
    return info.log() == LogState.CLEAN
        && info.blocks().fullyPresent() == 0
        && info.blocks().partiallyPresent() == 0;
  }

  /** The parts do not tell the listeners: these follow one operation, this one. */
  private static RunOptions silent(RunOptions options) {
    RunOptions.Builder silent = RunOptions.builder();
    options.cancellation().ifPresent(silent::cancelWith);
    return silent.build();
  }

  private static Map<Stage, Double> weights(MigrationPlan plan) {
    Map<Stage, Double> weights = new EnumMap<>(Stage.class);
    for (MigrationPlan.Step step : plan.steps()) {
      weights.merge(step.stage(), step.estimate().toMillis() / 1000.0, Double::sum);
    }
    return weights;
  }
}
