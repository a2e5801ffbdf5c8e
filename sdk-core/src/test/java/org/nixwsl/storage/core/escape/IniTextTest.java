package org.nixwsl.storage.core.escape;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.core.wslconf.WslReader;

class IniTextTest {
  @Test
  void wslReadsBackWhateverWasWritten() {
    for (String text : Interpreters.hostileTexts(5000)) {
      if (text.chars().allMatch(c -> (c >= ' ' && c <= '~') || c == '\n' || c == '\t')) {
        String file = "[a]\nbefore = 1\nk = " + IniText.value(text) + "  # comment\nafter = 2\n";
        assertThat(WslReader.of(file).values())
            .as(file)
            .containsEntry("a.k", text)
            .containsEntry("a.after", "2")
            .hasSize(3);
      } else {
        assertThatIllegalArgumentException().isThrownBy(() -> IniText.value(text));
      }
    }
  }

  @Test
  void plainValuesStayReadable() {
    for (String text : List.of("-1", "4GB", "C=D; e", "a b")) {
      assertThat(IniText.value(text)).isEqualTo(text);
    }
  }
}
