package org.nixwsl.storage.core.nixconf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.Map;
import org.junit.jupiter.api.Test;

class TemplateTest {
  @Test
  void whatIsPutInIsNotSearchedForPlaces() {
    assertThat(new Template("@a@ @b@ @a@").fill(Map.of("a", "@b@", "b", "$1\\")))
        .isEqualTo("@b@ $1\\ @b@");
  }

  @Test
  void leavesOtherUsesOfTheSignAlone() {
    assertThat(new Template("\"$@\" ${a[@]} x@y").fill(Map.of())).isEqualTo("\"$@\" ${a[@]} x@y");
  }

  @Test
  void refusesAPlaceWithoutValueAndAValueWithoutPlace() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Template("@a@").fill(Map.of()))
        .withMessageContaining("@a@");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Template("").fill(Map.of("a", "x")))
        .withMessageContaining("[a]");
  }

  @Test
  void namesTheResourceThatIsMissing() {
    assertThatIllegalStateException()
        .isThrownBy(() -> Template.resource("absent.txt"))
        .withMessageContaining("absent.txt");
  }
}
