package org.nixwsl.storage.core.escape;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NixTextTest {
  @TempDir Path scratch;

  @Test
  void nixReadsBackWhateverWasQuoted() throws IOException {
    readsBack(NixText::quoted);
  }

  @Test
  void nixReadsBackWhateverWasWrittenAsAnIndentedString() throws IOException {
    readsBack(text -> NixText.indented(text, 0));
    readsBack(text -> NixText.indented(text, 4));
  }

  @Test
  void plainTextStaysReadable() {
    assertThat(NixText.quoted("nixos-main")).isEqualTo("\"nixos-main\"");
    assertThat(NixText.quoted("costs $5")).isEqualTo("\"costs $5\"");
    assertThat(NixText.indented("a\n\n  b ${c}\n", 4))
        .isEqualTo("''\n    a\n\n      b ''${c}\n  ''");
    assertThat(NixText.indented("  all indented", 4)).isEqualTo("''\n    ${\"\"}  all indented''");
  }

  @Test
  void refusesWhatNoNixStringCanHold() {
    for (String text : List.of("a\0b", "\uD800", "x\uDC00y")) {
      assertThatIllegalArgumentException().isThrownBy(() -> NixText.quoted(text));
      assertThatIllegalArgumentException().isThrownBy(() -> NixText.indented(text, 2));
    }
  }

  private void readsBack(UnaryOperator<String> literal) throws IOException {
    Interpreters.needs("nix-instantiate");
    List<String> texts = Interpreters.hostileTexts(2000);
    StringBuilder expression = new StringBuilder("[\n");
    texts.forEach(text -> expression.append("  ").append(literal.apply(text)).append('\n'));
    assertThat(new Interpreters(scratch).evaluate(expression + "]")).isEqualTo(texts);
  }
}
