package org.nixwsl.storage.testkit.copy;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.store.NixStore;

/**
 * Copies a store in a process of its own and ends it without any cleaning up, as kill -9 does: when
 * a stage begins, or when the target's store directory has so many entries.
 */
final class KilledCopy {
  static final int KILLED = 137;

  /** In the place of a stage: the copy comes to its end, and its notes are printed. */
  static final String NEVER = "NEVER";

  private KilledCopy() {}

  /** Arguments: source, target, name of a stage or a number of entries. */
  public static void main(String[] args) {
    NixStore target = NixStore.ofNixDirectory(Path.of(args[1]));
    boolean atStage = Character.isLetter(args[2].charAt(0));
    if (!atStage) {
      Thread watcher = new Thread(() -> haltAt(target.storeDirectory(), Integer.parseInt(args[2])));
      watcher.setDaemon(true);
      watcher.start();
    }
    RunOptions options =
        RunOptions.builder()
            .on(
                StorageEvent.StageStarted.class,
                e -> {
                  if (e.stage().name().equals(args[2])) {
                    Runtime.getRuntime().halt(KILLED);
                  }
                })
            .build();
    CopyBench.copy(NixStore.ofNixDirectory(Path.of(args[0])), target, options)
        .notes()
        .forEach(System.out::println);
  }

  private static void haltAt(Path directory, int entries) {
    while (true) {
      int count = 0;
      try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
        for (Path entry : stream) {
          count += entry.getFileName() == null ? 0 : 1;
        }
      } catch (IOException notYet) {
        Thread.onSpinWait();
      }
      if (count >= entries) {
        Runtime.getRuntime().halt(KILLED);
      }
    }
  }
}
