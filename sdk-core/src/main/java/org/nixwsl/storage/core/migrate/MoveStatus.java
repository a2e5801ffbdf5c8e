package org.nixwsl.storage.core.migrate;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.migrate.journal.JournalEntry;
import org.nixwsl.storage.core.migrate.journal.JournalState;
import org.nixwsl.storage.core.migrate.stage.Machine;
import org.nixwsl.storage.core.platform.StorageTree;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.migrate.MigrationStatus;
import org.nixwsl.storage.migrate.MigrationStatus.Phase;
import org.nixwsl.storage.migrate.MigrationStatus.StageState;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.store.NixStore;

/** Says how far a move is. Changes nothing. */
final class MoveStatus {
  private final Machine machine;
  private final MovePlaces places;
  private final SharedStorage storage;
  private final InstanceName instance;
  private final Operation operation;
  private final List<String> notes = new ArrayList<>();

  MoveStatus(
      Machine machine,
      MovePlaces places,
      SharedStorage storage,
      InstanceName instance,
      Operation operation) {
    this.machine = machine;
    this.places = places;
    this.storage = storage;
    this.instance = instance;
    this.operation = operation;
  }

  MigrationStatus read() throws IOException, InterruptedException {
    boolean running = places.inUse(storage, operation);
    Optional<JournalState> journal = places.read(storage, instance);
    Optional<MountedStorage> mounted = machine.mounter().state(storage);
    Optional<StorageTree.Facts> seen = Optional.empty();
    if (mounted.isPresent()) {
      NixStore source =
          journal
              .map(state -> state.header().request().source())
              .orElseGet(() -> NixStore.ofNixDirectory(mounted.get().instanceDirectory(instance)));
      seen = look(mounted.get(), source);
    }
    boolean looked = seen.isPresent();
    Optional<UUID> onStorage = seen.flatMap(StorageTree.Facts::storageId);
    Phase phase =
        running
            ? Phase.RUNNING
            : journal
                .map(state -> phase(state, looked, onStorage))
                .orElse(onStorage.isPresent() ? Phase.COMMITTED : Phase.NONE);
    if (journal.isEmpty() && onStorage.isPresent()) {
      notes.add("There is no journal of this move: what is said was seen on the storage.");
    }
    if (mounted.isEmpty() && journal.isPresent()) {
      notes.add("The storage is not mounted: what is said of it comes from the journal.");
    }
    if (journal.filter(BringBack::underWay).isPresent()) {
      notes.add(
          "The rollback began to bring what came to the storage since the commit into the old store,"
              + " and did not come to its end: roll back again.");
    }
    seen.ifPresent(facts -> facts.users().forEach(user -> notes.add("In use: " + user + ".")));
    return new MigrationStatus(
        instance,
        phase,
        journal.map(state -> state.header().begun()),
        journal.map(state -> state.header().storageId()).or(() -> onStorage),
        looked,
        seen.filter(facts -> !facts.users().isEmpty()).isPresent(),
        journal.map(MoveStatus::stages).orElse(List.of()),
        journal.flatMap(BringBack::done),
        journal.flatMap(JournalState::failure).map(MoveStatus::failure),
        notes);
  }

  /** Where the files are out of reach, such as in an instance that is gone, the journal is left. */
  private Optional<StorageTree.Facts> look(MountedStorage mounted, NixStore source)
      throws IOException, InterruptedException {
    try {
      return Optional.of(machine.tree().look(mounted, instance, source, operation));
    } catch (StorageSdkException e) {
      if (e.code() == ErrorCode.CANCELLED) {
        throw e;
      }
      notes.add("The storage was not looked at: " + e.getMessage());
      return Optional.empty();
    }
  }

  private Phase phase(JournalState state, boolean seen, Optional<UUID> onStorage) {
    UUID own = state.header().storageId();
    JournalState.Progress commit = state.of(Stage.COMMIT);
    if (onStorage.filter(own::equals).isPresent()) {
      if (state.rollingBack()) {
        return Phase.ROLLING_BACK;
      }
      if (commit != JournalState.Progress.DONE) {
        notes.add("The id is on the storage; the journal was cut short before it could say so.");
      }
      if (state.header().request().restart()
          && state.of(Stage.RESTART) != JournalState.Progress.DONE) {
        notes.add("The instance was not seen to run from the storage: resume, which restarts it.");
      }
      return Phase.COMMITTED;
    }
    onStorage.ifPresent(
        other ->
            notes.add("The directory on the storage has the id " + other + ", of another move."));
    if (state.rollingBack()) {
      return Phase.ROLLING_BACK;
    }
    if (state.untouched()) {
      return state.entries().isEmpty() ? Phase.UNFINISHED : Phase.ROLLED_BACK;
    }
    if (commit == JournalState.Progress.UNTOUCHED) {
      return Phase.UNFINISHED;
    }
    if (!seen) {
      return commit == JournalState.Progress.DONE ? Phase.COMMITTED : Phase.COMMIT_NOT_KNOWN;
    }
    if (commit == JournalState.Progress.DONE) {
      notes.add(
          "The journal says that the id was written, and "
              + PathBytes.printable(
                  machine.mounter().state(storage).orElseThrow().instanceDirectory(instance))
              + " does not have it.");
    }
    return Phase.UNFINISHED;
  }

  private static List<StageState> stages(JournalState state) {
    List<StageState> stages = new ArrayList<>();
    for (Stage stage : Stage.values()) {
      if (stage == Stage.PREFLIGHT) {
        continue; // stands for the rollback as a whole
      }
      switch (state.of(stage)) {
        case BEGUN -> stages.add(new StageState(stage, MigrationStatus.Progress.BEGUN));
        case DONE -> stages.add(new StageState(stage, MigrationStatus.Progress.DONE));
        case UNDOING -> stages.add(new StageState(stage, MigrationStatus.Progress.UNDOING));
        default -> {}
      }
    }
    return stages;
  }

  private static MigrationStatus.Failure failure(JournalEntry entry) {
    Map<String, String> facts = entry.facts();
    ErrorCode code = ErrorCode.IO_FAILED;
    for (ErrorCode known : ErrorCode.values()) {
      if (known.name().equals(facts.get("code"))) {
        code = known;
      }
    }
    return new MigrationStatus.Failure(
        entry.at(), entry.stage(), code, facts.getOrDefault("message", ""));
  }
}
