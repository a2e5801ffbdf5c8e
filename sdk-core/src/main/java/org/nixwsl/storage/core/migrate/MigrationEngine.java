package org.nixwsl.storage.core.migrate;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.StoreMigrator;
import org.nixwsl.storage.core.io.DurableFiles;
import org.nixwsl.storage.core.migrate.journal.JournalState;
import org.nixwsl.storage.core.migrate.journal.StageJournal;
import org.nixwsl.storage.core.migrate.stage.Attempt;
import org.nixwsl.storage.core.migrate.stage.Machine;
import org.nixwsl.storage.core.migrate.stage.Machines;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.migrate.MigrationPlan;
import org.nixwsl.storage.migrate.MigrationReport;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.MigrationStatus;
import org.nixwsl.storage.migrate.ReclaimReport;
import org.nixwsl.storage.migrate.RollbackReport;
import org.nixwsl.storage.migrate.RollbackRequest;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.SharedStorage;

/**
 * Moves stores: finds the journal of a move, and has its stages done or taken back. Calls that
 * change something on one storage exclude each other by the lock beside its journals. Thread-safe.
 */
public final class MigrationEngine implements StoreMigrator {
  /** How the time of a move that is taken up is divided, about; what is done already takes none. */
  private static final Map<Stage, Double> WEIGHTS =
      Map.of(
          Stage.PREFLIGHT,
          1.0,
          Stage.SWITCH,
          3.0,
          Stage.COPY,
          16.0,
          Stage.STATE,
          1.0,
          Stage.PROVE,
          1.0,
          Stage.RESTART,
          2.0);

  private final Machines machines;
  private final Ticker ticker;
  private final MovePlaces places;
  private final MoveJournals journals;

  /** An engine that opens a machine for each call, where no physical disks are attached. */
  public MigrationEngine(Machines machines, Ticker ticker) {
    this(machines, Optional.empty(), ticker);
  }

  /**
   * An engine that opens a machine for each call.
   *
   * @param notes the directory of this user for the journals of moves to physical disks
   */
  public MigrationEngine(Machines machines, Optional<Path> notes, Ticker ticker) {
    this.machines = machines;
    this.ticker = ticker;
    this.places = new MovePlaces(notes);
    this.journals = new MoveJournals(places);
  }

  @Override
  public MigrationPlan plan(MigrationRequest request, RunOptions options) {
    return Operation.run(
        "plan the move of " + request.instance(),
        options,
        ticker,
        Map.of(Stage.PREFLIGHT, 1.0),
        operation -> {
          try (Machine machine = machine(request)) {
            return operation.stage(
                Stage.PREFLIGHT,
                progress -> new MigrationPlanner(machine, places).plan(request, operation));
          }
        });
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
    return run(plan, plan.request().detachAtEnd(), options);
  }

  @Override
  public List<MigrationReport> runAll(List<MigrationPlan> plans, RunOptions options) {
    Set<SharedStorage> storages = new HashSet<>();
    Set<InstanceName> instances = new HashSet<>();
    for (MigrationPlan plan : plans) {
      storages.add(plan.request().storage());
      if (!instances.add(plan.request().instance())) {
        throw new IllegalArgumentException("Twice in one call: " + plan.request().instance());
      }
    }
    if (storages.size() != 1) {
      throw new IllegalArgumentException(
          "The plans have to be for one storage, not for " + storages.size());
    }
    boolean detach = plans.stream().anyMatch(plan -> plan.request().detachAtEnd());
    List<MigrationReport> reports = new ArrayList<>();
    for (MigrationPlan plan : plans) {
      reports.add(run(plan, detach && reports.size() == plans.size() - 1, options));
    }
    return List.copyOf(reports);
  }

  private MigrationReport run(MigrationPlan plan, boolean detach, RunOptions options) {
    MigrationRequest request = plan.request();
    String what = "move the store of " + request.instance();
    return Operation.run(
        what,
        options,
        ticker,
        weights(plan),
        operation -> {
          StageTimes stages = new StageTimes(operation);
          Optional<JournalState> takenUp =
              journals.unfinished(request.storage(), request.instance());
          try (Machine machine = machine(request)) {
            preflight(machine, what, request, takenUp, stages, operation);
            try (MovePlace place = places.open(request.storage(), operation);
                StageJournal journal = journals.takeUpOrBegin(machine, place, request)) {
              return move(machine, what, request, detach, journal, place, stages, operation);
            }
          }
        });
  }

  @Override
  public MigrationReport resume(SharedStorage storage, InstanceName instance, RunOptions options) {
    String what = "go on with the move of " + instance;
    return Operation.run(
        what,
        options,
        ticker,
        WEIGHTS,
        operation -> {
          StageTimes stages = new StageTimes(operation);
          journals.requireJournal(storage, instance);
          try (Machine machine = machine(storage, instance);
              MovePlace place = places.open(storage, operation);
              StageJournal journal = StageJournal.open(place.journal(instance))) {
            JournalState state = journal.state();
            MigrationRequest request = journals.requireOf(state, storage, instance);
            MoveJournals.requireForward(state);
            // A target that may be committed is no target any more: it is looked at instead.
            if (state.of(Stage.COMMIT) == JournalState.Progress.UNTOUCHED) {
              preflight(machine, what, request, Optional.of(state), stages, operation);
            }
            return move(
                machine, what, request, request.detachAtEnd(), journal, place, stages, operation);
          }
        });
  }

  @Override
  public RollbackReport rollBack(RollbackRequest request, RunOptions options) {
    InstanceName instance = request.instance();
    return Operation.run(
        "take back the move of " + instance,
        options,
        ticker,
        Map.of(Stage.BRING_BACK, 9.0, Stage.COPY, 1.0),
        operation -> {
          journals.requireJournal(request.storage(), instance);
          try (Machine machine = machine(request.storage(), instance);
              MovePlace place = places.open(request.storage(), operation);
              StageJournal journal = StageJournal.open(place.journal(instance));
              Attempt attempt =
                  new Attempt(
                      machine,
                      journals.requireOf(journal.state(), request.storage(), instance),
                      journal,
                      () -> place.others(instance),
                      operation)) {
            return new MoveRollback(attempt, machine, request.discardChangesSince()).rollBack();
          }
        });
  }

  @Override
  public MigrationStatus status(SharedStorage storage, InstanceName instance) {
    return Operation.quiet(
        "look how far the move of " + instance + " is",
        operation -> {
          try (Machine machine = machine(storage, instance)) {
            return new MoveStatus(machine, places, storage, instance, operation).read();
          }
        });
  }

  @Override
  public ReclaimReport reclaim(SharedStorage storage, RunOptions options) {
    return Operation.run(
        "empty the trash of the storage",
        options,
        ticker,
        Map.of(Stage.RECLAIM, 1.0),
        operation ->
            operation.stage(
                Stage.RECLAIM,
                progress -> {
                  try (Machine machine = machines.open(Optional.empty())) {
                    return emptyTrash(machine, storage, operation);
                  }
                }));
  }

  private Machine machine(MigrationRequest request) {
    return machines.open(Optional.of(Machine.distribution(request)));
  }

  /** Of the instance that the journal names, which may be called otherwise than its directory. */
  private Machine machine(SharedStorage storage, InstanceName instance) throws IOException {
    Optional<JournalState> state = places.read(storage, instance);
    return machines.open(
        state
            .map(known -> Machine.distribution(known.header().request()))
            .or(() -> Optional.of(instance.value())));
  }

  private ReclaimReport emptyTrash(Machine machine, SharedStorage storage, Operation operation)
      throws IOException, InterruptedException {
    MountedStorage mounted =
        machine.mounter().state(storage).orElseThrow(() -> notMounted(storage));
    MovePlace alone = places.open(storage, operation);
    try {
      return machine
          .effects()
          .make(
              "empty the trash in " + MovePlace.words(storage),
              () -> machine.tree().emptyTrash(mounted, operation));
    } finally {
      alone.close();
    }
  }

  private static MigrationReport move(
      Machine machine,
      String what,
      MigrationRequest request,
      boolean detach,
      StageJournal journal,
      MovePlace place,
      StageTimes stages,
      Operation operation)
      throws IOException, InterruptedException {
    try (Attempt attempt =
        new Attempt(machine, request, journal, () -> place.others(request.instance()), operation)) {
      MoveRun run = new MoveRun(attempt, stages, machine, detach);
      try {
        return operation.translating(what, run::move);
      } catch (StorageSdkException e) {
        StorageSdkException told = run.failed(e);
        if (told.stateLeft() == StateLeft.NOTHING_CHANGED) {
          journal.close();
          machine
              .effects()
              .run(
                  "delete the journal",
                  () -> DurableFiles.delete(place.journal(request.instance())));
        }
        throw told;
      }
    }
  }

  /** The machine may have changed since the caller's plan. */
  private void preflight(
      Machine machine,
      String what,
      MigrationRequest request,
      Optional<JournalState> takenUp,
      StageTimes stages,
      Operation operation) {
    try {
      operation.translating(
          what,
          () ->
              stages.run(
                  Stage.PREFLIGHT,
                  progress -> {
                    List<Problem> refusals =
                        new ArrayList<>(
                            new MigrationPlanner(machine, places)
                                .plan(request, operation)
                                .refusals());
                    if (takenUp.isPresent()) {
                      // Half attached by the attempt of before: the mounter puts that in order.
                      refusals.removeIf(p -> p.code() == ErrorCode.VHDX_IN_USE);
                    }
                    if (takenUp.isPresent()
                        && MoveJournals.finishedBefore(machine, takenUp.get())) {
                      // The copy is its own, and is looked at again when it is brought up to date.
                      refusals.removeIf(p -> p.code() == ErrorCode.TARGET_NOT_EMPTY);
                    }
                    Failures.refuse(refusals);
                    return refusals;
                  }));
    } catch (StorageSdkException e) {
      StateLeft left =
          e.stateLeft() == StateLeft.UNKNOWN ? StateLeft.UNKNOWN : StateLeft.NOTHING_CHANGED;
      throw Failures.leaving(e, takenUp.isPresent() ? StateLeft.RESUMABLE : left, Optional.empty());
    }
  }

  private static DiskException notMounted(SharedStorage storage) {
    return new DiskException(
        Problem.of(
            ErrorCode.NOT_MOUNTED,
            "The storage " + MovePlace.words(storage) + " is not mounted.",
            "Mount it and call again."));
  }

  private static Map<Stage, Double> weights(MigrationPlan plan) {
    Map<Stage, Double> weights = new EnumMap<>(Stage.class);
    for (MigrationPlan.Step step : plan.steps()) {
      weights.merge(step.stage(), step.estimate().toMillis() / 1000.0, Double::sum);
    }
    return weights;
  }
}
