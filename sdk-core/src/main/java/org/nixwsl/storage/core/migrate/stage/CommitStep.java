package org.nixwsl.storage.core.migrate.stage;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.migrate.Stage;

/**
 * The one point where the meaning of the system changes: the flag on the root disk, then the id on
 * the storage, by one rename.
 */
public final class CommitStep implements StageStep {
  private static final String ARMED_FILE = "nix-storage.armed";
  private static final String ID_FILE = ".nix-storage-id";

  /** The step. */
  public CommitStep() {}

  @Override
  public Stage stage() {
    return Stage.COMMIT;
  }

  @Override
  public boolean needed(Attempt attempt) throws IOException, InterruptedException {
    return !attempt.committed();
  }

  /** What was copied, for whoever asks later whether the two stores still are the same. */
  @Override
  public Map<String, String> intent(Attempt attempt) throws IOException, InterruptedException {
    String copied = attempt.found(StateStep.FINGERPRINT).orElseThrow();
    requireUnchanged(attempt, copied);
    return Map.of(StateStep.FINGERPRINT, copied);
  }

  @Override
  public Map<String, String> perform(Attempt attempt, StageProgress progress)
      throws IOException, InterruptedException {
    Optional<String> freeze = attempt.found(FreezeStep.TOKEN);
    if (freeze.isPresent()) {
      attempt.change(
          "keep the store frozen",
          () ->
              attempt
                  .machine()
                  .stillness()
                  .keep(
                      freeze.get(),
                      attempt.target().directory().resolve(ID_FILE),
                      attempt.operation()));
    }
    requireUnchanged(attempt, attempt.found(StateStep.FINGERPRINT).orElseThrow());
    attempt.change(
        "keep what was proven",
        () ->
            attempt
                .machine()
                .tree()
                .snapshot(
                    attempt.storage().layout(),
                    attempt.requireMounted(),
                    attempt.request().instance(),
                    "proven",
                    attempt.operation()));
    Optional<Path> flag = armedFile(attempt);
    if (flag.isPresent()) {
      attempt.change("arm the instance", () -> attempt.machine().tree().arm(flag.get()));
    }
    attempt.operation().checkCancelled();
    attempt.change("write the id", () -> attempt.session().commit(attempt.storageId()));
    attempt.copied(attempt.session().report());
    if (freeze.isPresent()
        && FreezeStep.outlastsTheCommit(attempt.request())
        && !attempt.request().restart()) {
      attempt.say(
          "The store stays frozen, without its daemon and read-only, until the instance is restarted"
              + " or the move taken back: what would be built into it now would be lost.");
    }
    return Map.of();
  }

  @Override
  public void confirm(Attempt attempt) throws IOException, InterruptedException {
    if (!attempt.committed()) {
      throw new DiskException(
          Problem.of(
                  ErrorCode.WRONG_STORAGE,
                  "The id was written to "
                      + PathBytes.printable(attempt.target().directory())
                      + " and is not seen there.",
                  "Look whether the storage is still mounted, and resume.")
              .leaving(StateLeft.UNKNOWN));
    }
  }

  /** Removes what a commit leaves that was killed right after its rename. */
  public static void tidy(Attempt attempt) throws IOException, InterruptedException {
    attempt.change(
        "tidy up after the copy",
        () ->
            attempt.machine().tree().tidy(attempt.requireMounted(), attempt.request().instance()));
  }

  /** What the source was when it was committed; empty if it was not, or that was not written. */
  public static Optional<String> committedFingerprint(Attempt attempt) {
    return Optional.ofNullable(attempt.state().facts(Stage.COMMIT).get(StateStep.FINGERPRINT));
  }

  @Override
  public void undo(Attempt attempt, Operation operation) throws IOException, InterruptedException {
    if (attempt.mounted().isPresent()) {
      attempt.change(
          "remove the id",
          () ->
              attempt
                  .machine()
                  .tree()
                  .removeId(
                      attempt.requireMounted(), attempt.request().instance(), attempt.storageId()));
    }
    Optional<Path> flag = armedFile(attempt);
    if (flag.isPresent()) {
      attempt.change("disarm the instance", () -> attempt.machine().tree().disarm(flag.get()));
    }
  }

  private static void requireUnchanged(Attempt attempt, String copied)
      throws IOException, InterruptedException {
    String now =
        attempt.machine().tree().fingerprint(attempt.request().source(), attempt.operation());
    if (!now.equals(copied)) {
      throw new ConflictException(
          Problem.of(
                  ErrorCode.STORE_CHANGED,
                  "The store "
                      + PathBytes.printable(attempt.request().source().directory())
                      + " changed after it was copied: something was built, deleted or switched.",
                  "Stop what builds, fetches or switches there and call again.")
              .leaving(StateLeft.RESUMABLE)
              .mayGoAway());
    }
  }

  /** Beside the configuration's directory: {@code /etc} for {@code /etc/nixos}. */
  private static Optional<Path> armedFile(Attempt attempt) {
    return attempt
        .request()
        .configDirectory()
        .map(
            directory ->
                Objects.requireNonNull(
                        directory.toAbsolutePath().normalize().getParent(),
                        "a configuration is not in the root of a file system")
                    .resolve(ARMED_FILE));
  }
}
