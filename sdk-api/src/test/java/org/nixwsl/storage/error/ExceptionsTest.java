package org.nixwsl.storage.error;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.store.StoreFinding;
import org.nixwsl.storage.store.Verdict;

class ExceptionsTest {
  private static final Problem PROBLEM =
      Problem.of(ErrorCode.SOURCE_DAMAGED, "A path differs.", "Repair it.");

  @Test
  void theMessageHasEverythingThatAPersonNeeds() {
    EnvironmentException e = new EnvironmentException(PROBLEM.leaving(StateLeft.RESUMABLE));
    assertThat(e)
        .hasMessage(
            "A path differs. Repair it. What was done so far is kept; call again to go on."
                + " [SOURCE_DAMAGED]");
    assertThat(e.retryable()).isFalse();
    assertThat(e.stateLeft()).isEqualTo(StateLeft.RESUMABLE);
  }

  @Test
  void errorsKeepTheirPartsWhenTheyAreSentToAnotherProcess() throws Exception {
    StoreFinding finding = new StoreFinding("/nix/store/x", Verdict.MODIFIED, "differs");
    IntegrityException integrity = sent(new IntegrityException(PROBLEM, List.of(finding)));
    CommandException command = sent(new CommandException(PROBLEM, List.of("a", "b"), 3, "out"));

    assertThat(integrity.findings()).containsExactly(finding);
    assertThat(integrity.problem()).isEqualTo(PROBLEM);
    assertThat(command.command()).containsExactly("a", "b");
    assertThat(command.exitCode()).isEqualTo(3);
  }

  @SuppressWarnings({"unchecked", "BanSerializableRead"}) // what it reads is what it just wrote
  private static <T> T sent(T exception) throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(exception);
    }
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      return (T) in.readObject();
    }
  }
}
