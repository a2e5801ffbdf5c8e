package org.nixwsl.storage.core.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.error.EnvironmentException;

final class UndoStackTest {
  private final List<String> done = new ArrayList<>();
  private final UndoStack undo = new UndoStack(Ticker.system());

  @Test
  void takesBackTheLastActFirstAndOnlyOnce() {
    undo.push("one", op -> done.add("one"));
    undo.push("two", op -> done.add("two"));
    undo.close();
    undo.close();
    assertThat(done).containsExactly("two", "one");
    assertThat(undo.failed()).isFalse();
  }

  @Test
  void takesNothingBackThatIsKept() {
    undo.push("one", op -> done.add("one"));
    undo.keep();
    undo.close();
    assertThat(done).isEmpty();
  }

  @Test
  void goesOnAfterAFailureAndThrowsTheFirstWithTheOthers() {
    undo.push("one", op -> done.add("one"));
    undo.push(
        "two",
        op -> {
          throw new IOException("second");
        });
    undo.push(
        "three",
        op -> {
          throw new IOException("first");
        });
    assertThatThrownBy(undo::close)
        .isInstanceOf(EnvironmentException.class)
        .hasMessageContaining("first")
        .satisfies(e -> assertThat(e.getSuppressed()[0]).hasMessageContaining("second"));
    assertThat(done).containsExactly("one");
    assertThat(undo.failed()).isTrue();
  }

  @Test
  void isNotReachedByAnInterruptionAndKeepsIt() {
    undo.push(
        "one",
        op -> {
          op.checkCancelled();
          done.add("one");
        });
    Thread.currentThread().interrupt();
    undo.close();
    assertThat(Thread.interrupted()).isTrue();
    assertThat(done).containsExactly("one");
  }
}
