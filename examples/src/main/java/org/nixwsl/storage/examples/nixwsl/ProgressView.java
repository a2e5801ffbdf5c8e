package org.nixwsl.storage.examples.nixwsl;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.Optional;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.migrate.Stage;

/**
 * Shows a bar for each stage of work that takes longer than two seconds. Events come one at a time,
 * so that nothing here is shared.
 */
final class ProgressView {
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  private Optional<Instant> began = Optional.empty();
  private Optional<ProgressBar> bar = Optional.empty();
  private Optional<Stage> shown = Optional.empty();

  private ProgressView() {}

  /** A view when there is a terminal to show it on, else options without listeners. */
  static RunOptions onTerminal() {
    if (!terminal()) {
      return RunOptions.ofDefaults();
    }
    ProgressView view = new ProgressView();
    return RunOptions.builder().on(StorageEvent.class, view::accept).build();
  }

  /** Whether standard error, where the bar goes, is a terminal. */
  @SuppressWarnings("SystemConsoleNull") // only asked where the system itself cannot be
  private static boolean terminal() {
    Path standardError = Path.of("/proc/self/fd/2");
    if (!Files.isSymbolicLink(standardError)) {
      return System.console() != null;
    }
    try {
      String device = Files.readSymbolicLink(standardError).toString();
      return device.startsWith("/dev/pts/") || device.startsWith("/dev/tty");
    } catch (IOException e) {
      // Not to be found out: no bar is the harmless choice.
      return false;
    }
  }

  private void accept(StorageEvent event) {
    if (event instanceof StorageEvent.Started started) {
      began = Optional.of(started.at());
    } else if (event instanceof StorageEvent.Progress progress) {
      show(progress);
    } else if (event instanceof StorageEvent.StageEnded
        || event instanceof StorageEvent.Failed
        || event instanceof StorageEvent.Cancelled) {
      bar.ifPresent(ProgressBar::close);
      bar = Optional.empty();
    }
  }

  private void show(StorageEvent.Progress progress) {
    boolean worthIt =
        began.map(b -> Duration.between(b, progress.at()).compareTo(PATIENCE) > 0).orElse(false);
    boolean bytes = progress.bytesTotal() > 0;
    long total = bytes ? progress.bytesTotal() : progress.itemsTotal();
    if (!worthIt || total == 0) {
      return;
    }
    if (bar.isEmpty() || !shown.equals(Optional.of(progress.stage()))) {
      bar.ifPresent(ProgressBar::close);
      ProgressBarBuilder builder =
          new ProgressBarBuilder()
              .setStyle(ProgressBarStyle.ASCII)
              .setTaskName(progress.stage().name().toLowerCase(Locale.ROOT))
              .setInitialMax(total)
              .setUpdateIntervalMillis(200);
      bar = Optional.of(bytes ? builder.setUnit(" MiB", 1 << 20).build() : builder.build());
      shown = Optional.of(progress.stage());
    }
    bar.ifPresent(b -> b.stepTo(bytes ? progress.bytesDone() : progress.itemsDone()));
  }
}
