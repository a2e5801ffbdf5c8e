package org.nixwsl.storage.core.migrate;

import java.io.IOException;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.migrate.journal.JournalHeader;
import org.nixwsl.storage.core.migrate.journal.JournalState;
import org.nixwsl.storage.core.migrate.journal.StageJournal;
import org.nixwsl.storage.core.migrate.stage.Machine;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLocation;

/**
 * What the journals of moves say of a move that is asked for: whether it is there, and whose.
 * Immutable.
 */
final class MoveJournals {
  private final MovePlaces places;

  MoveJournals(MovePlaces places) {
    this.places = places;
  }

  /** The journal of a move that is to be taken up. */
  Optional<JournalState> unfinished(SharedStorage storage, InstanceName instance)
      throws IOException {
    try {
      return places.read(storage, instance).filter(state -> !state.untouched());
    } catch (EnvironmentException | DiskException e) {
      if (e.code() == ErrorCode.UNSUPPORTED_PLATFORM || e.code() == ErrorCode.BAD_SETTING) {
        return Optional.empty(); // the plan says so too, with what else there is to say
      }
      throw e;
    }
  }

  /** Whether the move brought its copy to an end, and took back its commit, or the id of it. */
  static boolean finishedBefore(Machine machine, JournalState state) throws IOException {
    if (state.of(Stage.STATE) == JournalState.Progress.UNTOUCHED) {
      return false;
    }
    JournalState.Progress commit = state.of(Stage.COMMIT);
    if (commit != JournalState.Progress.UNDOING) {
      return commit == JournalState.Progress.UNTOUCHED;
    }
    MigrationRequest request = state.header().request();
    Optional<MountedStorage> mounted = machine.mounter().state(request.storage());
    return mounted.isPresent() && machine.tree().id(mounted.get(), request.instance()).isEmpty();
  }

  /**
   * The journal of a request's move: one that is there is taken up, or put aside when its move is
   * at its end; else one is begun.
   *
   * @throws ConflictException {@code MOVE_UNFINISHED} if the one that is there is of another move
   */
  StageJournal takeUpOrBegin(Machine machine, MovePlace place, MigrationRequest request)
      throws IOException, InterruptedException {
    Optional<JournalState> there = place.read(request.instance());
    if (there.isPresent()) {
      JournalState state = there.get();
      requireOf(state, request.storage(), request.instance());
      if (state.rollingBack()) {
        throw unfinished(state, "its rollback was begun and did not come to its end");
      }
      boolean sameStore = sameMove(state.header().request(), request);
      // A plan that can be run although the move was committed: the storage is another one by now.
      if (state.untouched() || state.of(Stage.COMMIT) == JournalState.Progress.DONE) {
        machine
            .effects()
            .run("put the last journal aside", () -> place.putAside(request.instance()));
      } else if (sameStore) {
        return StageJournal.open(place.journal(request.instance()));
      } else {
        throw unfinished(
            state,
            "it moves "
                + PathBytes.printable(state.header().request().source().directory())
                + ", or is laid out, configured, switched or restarted otherwise");
      }
    }
    JournalHeader header =
        new JournalHeader(UUID.randomUUID(), UUID.randomUUID(), machine.ticker().now(), request);
    return machine
        .effects()
        .make(
            "begin the journal",
            () -> StageJournal.begin(place.journal(request.instance()), header));
  }

  /** Whether a move can be taken up by a request: the rest of it may differ. */
  private static boolean sameMove(MigrationRequest begun, MigrationRequest now) {
    return begun.source().equals(now.source())
        && begun.storage().layout().equals(now.storage().layout())
        && begun.configDirectory().equals(now.configDirectory())
        && begun.distribution().equals(now.distribution())
        && begun.switchSystem() == now.switchSystem()
        && begun.restart() == now.restart()
        && begun.logonCommand().isEmpty() == now.logonCommand().isEmpty();
  }

  /**
   * Passes if there is a move to go on with or to take back.
   *
   * @throws ConflictException {@code MOVE_NOT_FOUND}
   */
  void requireJournal(SharedStorage storage, InstanceName instance) throws IOException {
    Optional<JournalState> state = places.read(storage, instance);
    if (state.isEmpty() || (state.get().untouched() && !state.get().entries().isEmpty())) {
      throw new ConflictException(
          Problem.of(
              ErrorCode.MOVE_NOT_FOUND,
              "There is no move of "
                  + instance
                  + " to the storage "
                  + MovePlace.words(storage)
                  + (state.isPresent() ? " any more: it was taken back." : "."),
              "Give storage and instance as in the request of the move, or begin one."));
    }
  }

  /** The request of a journal, which has to be for this instance and this kind of storage. */
  MigrationRequest requireOf(JournalState state, SharedStorage storage, InstanceName instance)
      throws IOException {
    MigrationRequest request = state.header().request();
    if (!request.instance().equals(instance)
        || !places.of(request.storage()).equals(places.of(storage))) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.JOURNAL_FOREIGN,
              "The journal of "
                  + instance
                  + " at the storage "
                  + MovePlace.words(storage)
                  + " tells of the move of "
                  + request.instance()
                  + " to "
                  + MovePlace.words(request.storage())
                  + ".",
              "The disk was renamed or copied with its journal: move the journal away, and plan"
                  + " again."));
    }
    return storage.location() instanceof StorageLocation.PhysicalDisk
        ? request.movedTo(foundAt(storage.location(), request.storage()))
        : request;
  }

  /** A physical disk is known by its UUID, and has the number that the caller knows. */
  private static SharedStorage foundAt(StorageLocation now, SharedStorage begun) {
    return SharedStorage.builder()
        .location(now)
        .mountName(begun.mountName())
        .layout(begun.layout())
        .fileSystemUuid(begun.fileSystemUuid())
        .build();
  }

  /** Passes if a move is not being taken back. */
  static void requireForward(JournalState state) {
    if (state.rollingBack()) {
      throw unfinished(state, "its rollback was begun and did not come to its end");
    }
  }

  private static ConflictException unfinished(JournalState state, String why) {
    return new ConflictException(
        Problem.of(
            ErrorCode.MOVE_UNFINISHED,
            "The move of "
                + state.header().request().instance()
                + " that began at "
                + state.header().begun()
                + " stands in the way: "
                + why
                + ".",
            "Roll it back, then call again."));
  }
}
