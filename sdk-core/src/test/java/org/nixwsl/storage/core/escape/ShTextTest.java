package org.nixwsl.storage.core.escape;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.core.process.Command;

class ShTextTest {
  @Test
  void shReadsBackWhateverWasQuoted() {
    readsBack("sh");
  }

  @Test
  void bashReadsBackWhateverWasQuoted() {
    readsBack("bash");
  }

  @Test
  void refusesWhatNoArgumentCanHold() {
    for (String text : List.of("a\0b", "\uD800", "x\uDC00y")) {
      assertThatIllegalArgumentException().isThrownBy(() -> ShText.quoted(text));
    }
  }

  private static void readsBack(String shell) {
    Interpreters.needs(shell);
    List<String> texts = Interpreters.hostileTexts(2000);
    StringBuilder script = new StringBuilder();
    texts.forEach(
        text -> script.append("printf '%s\\0' ").append(ShText.quoted(text)).append('\n'));
    String printed =
        Interpreters.run(Command.of(shell, "-s").reading(Interpreters.utf8(script.toString())))
            .text();
    assertThat(printed).isEqualTo(String.join("\0", texts) + "\0");
  }
}
