package org.nixwsl.storage.core.migrate;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.migrate.journal.JournalEntry;
import org.nixwsl.storage.core.migrate.journal.JournalState;
import org.nixwsl.storage.core.migrate.stage.Attempt;
import org.nixwsl.storage.core.migrate.stage.CopyStep;
import org.nixwsl.storage.core.migrate.stage.Machine;
import org.nixwsl.storage.core.migrate.stage.SideEffects;
import org.nixwsl.storage.core.platform.StorageTree;
import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.core.platform.StoreHost.CopySession;
import org.nixwsl.storage.core.platform.Workplace;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.migrate.BroughtBack;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;

/**
 * The way from the storage back into the store that a move came from: what came to the storage
 * since the commit, and what the old store lost meanwhile. The old store stays a store at each
 * moment, so that this may be cut short and done again.
 *
 * <p>The journal keeps what was done with the rollback as a whole, {@link Stage#PREFLIGHT}.
 */
final class BringBack implements AutoCloseable {
  private static final String WAY = "bringingBack";

  /** Begun, and not at its end. */
  private static final String UNDER_WAY = "true";

  /** All is in the old store and counted; what made it resumable may lie there still. */
  private static final String COUNTED = "tidying";

  /** Nothing of it is left. */
  private static final String ENDED = "false";

  private static final String FINGERPRINT = "broughtBack";
  private static final String PATHS = "broughtBackPaths";
  private static final String BYTES = "broughtBackBytes";

  private final Attempt attempt;
  private final StorageTree storageTree;
  private final StoreHost host;
  private final StorageTree tree;
  private final SideEffects effects;
  private final NixStore from;
  private final NixStore old;
  private final Optional<Workplace.Beneath> view;

  private BringBack(Attempt attempt, Machine machine, Optional<Workplace.Beneath> view) {
    this.attempt = attempt;
    this.storageTree = machine.tree();
    this.view = view;
    this.host = view.map(Workplace.Beneath::host).orElseGet(machine::host);
    this.tree = view.map(Workplace.Beneath::tree).orElseGet(machine::tree);
    this.effects = machine.effects();
    this.from =
        NixStore.ofNixDirectory(
            attempt.mounted().orElseThrow().instanceDirectory(attempt.request().instance()));
    NixStore source = attempt.request().source();
    this.old = view.map(beneath -> beneath.store(source)).orElse(source);
  }

  /**
   * The way to the old store. Where an instance runs on {@code /nix}, it is beneath what is mounted
   * there: the store itself where the instance runs from the storage, and a view of it that nothing
   * makes read-only where it runs from the old one. Nix's own lock keeps others out of that one.
   * The caller closes the way before the storage is unmounted.
   *
   * @param hidden whether the instance runs from the storage
   * @return empty if the store cannot be reached from here
   */
  static Optional<BringBack> of(Attempt attempt, Machine machine, boolean hidden)
      throws IOException {
    if (!hidden && !machine.stillness().available(attempt.request().source())) {
      return Optional.of(new BringBack(attempt, machine, Optional.empty()));
    }
    return machine
        .place()
        .beneath()
        .map(view -> new BringBack(attempt, machine, Optional.of(view)));
  }

  /** Whether the old store still has a database. */
  boolean oldStoreIsThere() throws IOException {
    return tree.there(old.database());
  }

  /** Whether the old store lacks something that the other one has. */
  boolean lacks() throws IOException, InterruptedException {
    return host.lacking(from, old, attempt.operation()).paths() > 0;
  }

  /** Throws what stands against it. Changes nothing. */
  void requirePossible() throws IOException, InterruptedException {
    Failures.refuse(
        host.mergeRefusals(request(), attempt.operation()).stream().map(this::forCallers).toList());
  }

  /**
   * Brings it.
   *
   * @param fingerprint what the store on the storage is, and has to be at the end
   */
  void run(String fingerprint) throws IOException, InterruptedException {
    Operation operation = attempt.operation();
    Optional<BroughtBack> before = done(attempt.state());
    note(Map.of(WAY, UNDER_WAY));
    try (CopySession session =
        effects.make(
            "begin to bring back", () -> host.beginMerge(request(), attempt.operation()))) {
      operation.runStage(Stage.BRING_BACK, progress -> bring(session, fingerprint, progress));
      CopyReport report = session.report();
      report.notes().forEach(attempt::say);
      long paths = before.map(BroughtBack::paths).orElse(0L) + report.paths();
      long bytes = before.map(b -> b.bytes().bytes()).orElse(0L) + report.bytes().bytes();
      note(
          Map.of(
              WAY,
              COUNTED,
              FINGERPRINT,
              fingerprint,
              PATHS,
              Long.toString(paths),
              BYTES,
              Long.toString(bytes)));
      effects.run("end the way back", session::finish);
    }
    note(Map.of(WAY, ENDED));
  }

  private void note(Map<String, String> facts) throws IOException, InterruptedException {
    attempt.note(JournalEntry.Kind.UNDO_INTENT, Stage.PREFLIGHT, facts);
  }

  /** What a caller can do where changes cannot be brought back. */
  static String orLetGo(Attempt attempt) {
    return "Or, if the changes may go, give the storage id "
        + attempt.storageId()
        + " as discardChangesSince.";
  }

  /** A caller does not know the name under which the old store is seen beneath another one. */
  private Problem forCallers(Problem problem) {
    String message =
        problem
            .message()
            .replace(
                PathBytes.printable(old.directory()),
                PathBytes.printable(attempt.request().source().directory()));
    return new Problem(
        problem.code(),
        message.equals(problem.message()) ? message : message + " That is the old store.",
        problem.remedy() + " " + orLetGo(attempt),
        problem.retryable(),
        problem.stateLeft());
  }

  private void bring(CopySession session, String fingerprint, StageProgress progress)
      throws IOException, InterruptedException {
    effects.run("bring the store paths back", () -> session.copyPaths(progress));
    CopyStep.requireSound(session.report(), "brought back");
    effects.run("bring the state back", () -> session.copyState(progress));
    effects.run("read back what was brought", () -> session.prove(progress));
    requireUnchanged(fingerprint);
  }

  /** What the journal has to know where nothing had to be brought. */
  static Map<String, String> nothingToBring(String fingerprint) {
    return Map.of(FINGERPRINT, fingerprint);
  }

  /**
   * Removes what a call left that was cut short and that nobody goes on with; does nothing where
   * none did.
   */
  void drop() throws IOException, InterruptedException {
    if (ENDED.equals(attempt.state().facts(Stage.PREFLIGHT).getOrDefault(WAY, ENDED))) {
      return;
    }
    effects.run("tidy up after the way back", () -> host.dropMerge(old, attempt.operation()));
    note(Map.of(WAY, ENDED));
  }

  /** Whether a call began it that did not bring it to its end, and that is gone on with. */
  static boolean underWay(JournalState state) {
    return UNDER_WAY.equals(state.facts(Stage.PREFLIGHT).get(WAY));
  }

  /** Whether a call saw to it that the old store has all that one with this fingerprint holds. */
  static boolean isDone(JournalState state, String fingerprint) {
    return fingerprint.equals(state.facts(Stage.PREFLIGHT).get(FINGERPRINT));
  }

  /** What was brought; empty if it was not brought to its end. */
  static Optional<BroughtBack> done(JournalState state) {
    Map<String, String> facts = state.facts(Stage.PREFLIGHT);
    if (!facts.keySet().containsAll(List.of(PATHS, BYTES))) {
      return Optional.empty();
    }
    try {
      return Optional.of(
          new BroughtBack(
              Long.parseLong(facts.getOrDefault(PATHS, "")),
              ByteSize.ofBytes(Long.parseLong(facts.getOrDefault(BYTES, "")))));
    } catch (NumberFormatException notOurs) {
      return Optional.empty();
    }
  }

  /** Gives up what leads beneath. Idempotent. */
  @Override
  public void close() {
    view.ifPresent(Workplace.Beneath::close);
  }

  private CopyRequest request() {
    CopyRequest.Builder request = CopyRequest.builder().source(from).target(old);
    attempt.request().threads().ifPresent(request::threads);
    return request.build();
  }

  private void requireUnchanged(String fingerprint) throws IOException, InterruptedException {
    if (!fingerprint.equals(storageTree.fingerprint(from, attempt.operation()))) {
      throw changed(attempt, "while it was brought back");
    }
  }

  /** The store on the storage did not stand still. */
  static ConflictException changed(Attempt attempt, String when) {
    return new ConflictException(
        Problem.of(
                ErrorCode.STORE_CHANGED,
                "The store of "
                    + attempt.request().instance()
                    + " on the storage changed "
                    + when
                    + ".",
                "Stop what builds, fetches or switches there and roll back again.")
            .leaving(StateLeft.RESUMABLE)
            .mayGoAway());
  }
}
