package org.nixwsl.storage.testkit.copy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.nixwsl.storage.core.platform.StoreHost.CopySession;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;

/**
 * Copies a store into another one that stays, in this process or in one of its own that is ended at
 * some moment without any cleaning up, as kill -9 does.
 */
final class KilledMerge {
  /** When the process ends: after a step, or as soon as something in the target has changed. */
  enum Moment {
    /** All store paths are there. */
    PATHS,
    /** The database has just been replaced. */
    DATABASE,
    /** The first profile, or whatever is named in its place, has just been changed. */
    PROFILE,
    /** Database, profiles and roots are there. */
    STATE,
    /** All was proven. */
    PROOF,
    /** It comes to its end. */
    NEVER
  }

  private KilledMerge() {}

  /** Arguments: source, target, a profile or other name below the target, the moment. */
  public static void main(String[] args) {
    Path source = Path.of(args[0]);
    Path target = Path.of(args[1]);
    Moment moment = Moment.valueOf(args[3]);
    if (moment == Moment.DATABASE) {
      watch(NixStore.ofNixDirectory(target).database());
    } else if (moment == Moment.PROFILE) {
      watch(target.resolve(args[2]));
    }
    merge(NixStore.ofNixDirectory(source), NixStore.ofNixDirectory(target), moment);
  }

  /** Does it, up to a moment; ends this process there. */
  static CopyReport merge(NixStore source, NixStore target, Moment moment) {
    return Operation.quiet(
        "merge",
        operation -> {
          try (CopySession session =
              CopyBench.host().beginMerge(CopyRequest.of(source, target), operation)) {
            operation.runStage(
                Stage.COPY, progress -> after(session::copyPaths, progress, Moment.PATHS, moment));
            operation.runStage(
                Stage.STATE, progress -> after(session::copyState, progress, Moment.STATE, moment));
            operation.runStage(
                Stage.PROVE, progress -> after(session::prove, progress, Moment.PROOF, moment));
            session.finish();
            return session.report();
          }
        });
  }

  @FunctionalInterface
  private interface Step {
    void run(StageProgress progress) throws IOException, InterruptedException;
  }

  private static void after(Step step, StageProgress progress, Moment here, Moment wanted)
      throws IOException, InterruptedException {
    step.run(progress);
    if (here == wanted) {
      Runtime.getRuntime().halt(KilledCopy.KILLED);
    }
  }

  private static void watch(Path file) {
    Object before = inode(file);
    Thread watcher =
        new Thread(
            () -> {
              while (inode(file).equals(before)) {
                Thread.onSpinWait();
              }
              Runtime.getRuntime().halt(KilledCopy.KILLED);
            });
    watcher.setDaemon(true);
    watcher.start();
  }

  private static Object inode(Path file) {
    try {
      return Files.getAttribute(file, "unix:ino", LinkOption.NOFOLLOW_LINKS);
    } catch (NoSuchFileException between) {
      return -1L;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
