package org.nixwsl.storage.core.migrate.stage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.migrate.journal.JournalEntry;
import org.nixwsl.storage.core.migrate.journal.JournalState;
import org.nixwsl.storage.core.migrate.journal.StageJournal;
import org.nixwsl.storage.core.platform.StorageTree;
import org.nixwsl.storage.core.platform.StoreHost.CopySession;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLocation;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;

/**
 * One process's attempt to bring a move to its end, or to take it back: what the stages share while
 * it lasts. Not thread-safe. Closing it lets go of the copy's locks and leaves the rest.
 */
public final class Attempt implements AutoCloseable {
  private final Machine machine;
  private final MigrationRequest request;
  private final StageJournal journal;
  private final Operation.Work<List<JournalState>> others;
  private final Operation operation;
  private final List<String> notes = new ArrayList<>();
  private final Map<String, String> found = new HashMap<>();
  private @Nullable MountedStorage mounted;
  private @Nullable CopySession session;
  private @Nullable CopyReport report;

  /**
   * An attempt.
   *
   * @param request what was asked for; its threads and its wish to detach may differ from those in
   *     the journal
   * @param others reads the journals of other instances' moves to the same storage
   */
  public Attempt(
      Machine machine,
      MigrationRequest request,
      StageJournal journal,
      Operation.Work<List<JournalState>> others,
      Operation operation) {
    this.machine = machine;
    this.request = request;
    this.journal = journal;
    this.others = others;
    this.operation = operation;
  }

  Machine machine() {
    return machine;
  }

  /** What was asked for. */
  public MigrationRequest request() {
    return request;
  }

  /** What the journal says by now. */
  public JournalState state() {
    return journal.state();
  }

  /**
   * What the journals say of the moves of other instances to the same storage.
   *
   * @throws org.nixwsl.storage.error.EnvironmentException if one of them cannot be read
   */
  List<JournalState> others() throws IOException, InterruptedException {
    return others.run();
  }

  /** Whether another instance was moved to the storage, or may have been, and so relies on it. */
  boolean othersRelyOnStorage() throws IOException, InterruptedException {
    try {
      return others().stream().anyMatch(Predicate.not(JournalState::untouched));
    } catch (EnvironmentException e) {
      say("Another move to the storage cannot be read: " + e.getMessage());
      return true;
    }
  }

  /** The operation that this attempt is. */
  public Operation operation() {
    return operation;
  }

  /** Options for parts that must not tell the listeners of this operation. */
  RunOptions silent() {
    return operation.silent();
  }

  /** The id that the move gives. */
  public UUID storageId() {
    return state().header().storageId();
  }

  SharedStorage storage() {
    return request.storage();
  }

  /** The file of the disk, if the storage is one. */
  public Optional<Path> diskFile() {
    return storage().location() instanceof StorageLocation.VhdxFile disk
        ? Optional.of(disk.file())
        : Optional.empty();
  }

  /** Where the storage is mounted; empty before it is. */
  public Optional<MountedStorage> mounted() {
    return Optional.ofNullable(mounted);
  }

  MountedStorage requireMounted() {
    return mounted().orElseThrow(() -> new IllegalStateException("the storage is not mounted"));
  }

  /** The storage was mounted, or, with null, is not any more. */
  void mounted(@Nullable MountedStorage now) {
    mounted = now;
  }

  /** What the machine shows of the instance's directory now; empty while nothing is mounted. */
  public Optional<StorageTree.Facts> look() throws IOException, InterruptedException {
    return mounted == null
        ? Optional.empty()
        : Optional.of(
            machine.tree().look(mounted, request.instance(), request.source(), operation));
  }

  /** Whether the id is in the directory: the move is committed. */
  public boolean committed() throws IOException {
    return mounted != null
        && machine.tree().id(mounted, request.instance()).filter(storageId()::equals).isPresent();
  }

  /** Whether the directory has the id of another move: it is somebody's store. */
  boolean isAnothers() throws IOException {
    return mounted != null
        && machine
            .tree()
            .id(mounted, request.instance())
            .filter(id -> !storageId().equals(id))
            .isPresent();
  }

  /** The store that the move makes. */
  NixStore target() {
    return NixStore.ofNixDirectory(requireMounted().instanceDirectory(request.instance()));
  }

  /**
   * The copy that the move makes.
   *
   * @param update whether the target is a copy that this move finished and took back the commit of
   */
  CopyRequest copyRequest(boolean update) {
    CopyRequest.Builder copy =
        CopyRequest.builder().source(request.source()).target(target()).update(update);
    request.threads().ifPresent(copy::threads);
    return copy.build();
  }

  /** Has a stage that writes to the disk end before the volume of its file is full. */
  void keepRoom(StageProgress progress) throws IOException {
    Optional<Path> file = diskFile().filter(Files::exists);
    if (file.isPresent()) {
      progress.watching(HostVolume.of(file.get())::requireRoom);
    }
  }

  CopySession session() {
    CopySession open = session;
    if (open == null) {
      throw new IllegalStateException("no copy was begun");
    }
    return open;
  }

  void session(CopySession open) {
    session = open;
  }

  /** What was copied; empty if this attempt copied nothing. */
  public Optional<CopyReport> report() {
    return Optional.ofNullable(report);
  }

  /** Ends the copy of this attempt; its report stays. */
  void copied(CopyReport done) {
    report = done;
    close();
  }

  /** Something that a report has to tell people. */
  public void say(String note) {
    notes.add(note);
  }

  /** What was said so far. */
  public List<String> notes() {
    return List.copyOf(notes);
  }

  /** What one stage leaves for another of the same attempt. */
  Optional<String> found(String name) {
    return Optional.ofNullable(found.get(name));
  }

  /** See {@link #found(String)}. */
  void found(String name, String value) {
    found.put(name, value);
  }

  /** What a rollback called the directory in the trash. */
  public Optional<String> trash() {
    return found("trash");
  }

  /** Writes into the journal; returns when it is on the device. */
  public void note(JournalEntry.Kind kind, Stage stage, Map<String, String> facts)
      throws IOException, InterruptedException {
    change(
        "journal: " + kind + " " + stage,
        () -> journal.append(new JournalEntry(machine.ticker().now(), kind, stage, facts)));
  }

  /** Makes a change. */
  void change(String what, SideEffects.Change change) throws IOException, InterruptedException {
    machine.effects().run(what, change);
  }

  /** Makes a change that gives something back. */
  <T> T make(String what, Operation.Work<T> change) throws IOException, InterruptedException {
    return machine.effects().make(what, change);
  }

  /** Takes a stage back, and writes that down before and after. */
  public void takeBack(StageStep step, Operation undoing) throws IOException, InterruptedException {
    note(JournalEntry.Kind.UNDO_INTENT, step.stage(), Map.of());
    step.undo(this, undoing);
    note(JournalEntry.Kind.UNDONE, step.stage(), Map.of());
  }

  /** Lets go of the locks of the copy. Idempotent. */
  @Override
  public void close() {
    CopySession open = session;
    session = null;
    if (open != null) {
      open.close();
    }
  }
}
