package org.nixwsl.storage.core.migrate;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.migrate.Stage;

/** Collects the events of one operation and checks the promises of {@link StorageEvent}. */
final class EventGrammar implements Consumer<StorageEvent> {
  private final List<StorageEvent> events = new ArrayList<>();

  @Override
  public synchronized void accept(StorageEvent event) {
    events.add(event);
  }

  /** The stages that ended well, in order. */
  List<Stage> succeeded() {
    return events.stream()
        .filter(e -> e instanceof StorageEvent.StageEnded s && s.succeeded())
        .map(e -> ((StorageEvent.StageEnded) e).stage())
        .toList();
  }

  /** Fails if the order is not {@code Started Stage* (Completed | Failed | Cancelled)}. */
  void check(Class<? extends StorageEvent> last) {
    assertThat(events).hasSizeGreaterThanOrEqualTo(2);
    assertThat(events.get(0)).isInstanceOf(StorageEvent.Started.class);
    assertThat(events.get(events.size() - 1)).isInstanceOf(last);
    assertThat(events)
        .extracting(StorageEvent::operationId)
        .containsOnly(events.get(0).operationId());
    Set<Stage> seen = EnumSet.noneOf(Stage.class);
    List<Stage> open = new ArrayList<>();
    double fraction = 0;
    for (StorageEvent event : events.subList(1, events.size() - 1)) {
      if (event instanceof StorageEvent.StageStarted started) {
        assertThat(open).as("a stage inside a stage").isEmpty();
        assertThat(seen.add(started.stage())).as("each stage once").isTrue();
        open.add(started.stage());
      } else if (event instanceof StorageEvent.StageEnded ended) {
        assertThat(open).containsExactly(ended.stage());
        open.clear();
      } else {
        assertThat(open).as("inside a stage: " + event).isNotEmpty();
        assertThat(event)
            .isInstanceOfAny(
                StorageEvent.Progress.class, StorageEvent.Retried.class, StorageEvent.Found.class);
        if (event instanceof StorageEvent.Progress progress) {
          assertThat(open).containsExactly(progress.stage());
          assertThat(progress.fractionOfAll()).isBetween(fraction, 1.0);
          fraction = progress.fractionOfAll();
        }
      }
    }
    assertThat(open).as("stages that did not end").isEmpty();
  }
}
