package org.nixwsl.storage.core.migrate;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.error.CommandException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.IntegrityException;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.store.StoreFinding;
import org.nixwsl.storage.store.Verdict;

final class FailuresTest {
  private static final Problem BETTER = Problem.of(ErrorCode.NO_SPACE, "Full.", "Make room.");

  @Test
  void anErrorThatIsExplainedKeepsWhatItsTypeHas() {
    Problem problem = Problem.of(ErrorCode.COMMAND_FAILED, "Failed.", "Look.");
    assertThat(
            Failures.saying(
                new CommandException(problem, List.of("mount", "x"), 32, "said"), BETTER))
        .isInstanceOfSatisfying(
            CommandException.class,
            e -> {
              assertThat(e.problem()).isEqualTo(BETTER);
              assertThat(e.command()).containsExactly("mount", "x");
              assertThat(e.exitCode()).isEqualTo(32);
              assertThat(e.output()).isEqualTo("said");
            });
    StoreFinding finding = new StoreFinding("/nix/store/x", Verdict.MODIFIED, "differs");
    assertThat(Failures.saying(new IntegrityException(problem, List.of(finding)), BETTER))
        .isInstanceOfSatisfying(
            IntegrityException.class, e -> assertThat(e.findings()).containsExactly(finding));
  }
}
