package org.nixwsl.storage.core.escape;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.core.process.Command;

/** What systemd reads back from unit files is tested in the container, where one runs. */
class SystemdTextTest {
  @Test
  void namesAreThoseOfSystemdEscape() {
    Interpreters.needs("systemd-escape");
    List<String> texts =
        Interpreters.hostileTexts(1000).stream().filter(t -> !t.isEmpty()).toList();
    List<String> argv = new ArrayList<>(List.of("systemd-escape", "--"));
    argv.addAll(texts);
    assertThat(Interpreters.run(Command.of(argv)).text().strip().split(" "))
        .containsExactlyElementsOf(texts.stream().map(SystemdText::unitName).toList());
  }

  @Test
  void pathsAreThoseOfSystemdEscape() {
    Interpreters.needs("systemd-escape");
    List<String> paths =
        Interpreters.hostileTexts(1000).stream()
            .map(t -> "/" + t.replace("b", "/./").replace("x", "//"))
            .collect(Collectors.toCollection(ArrayList::new));
    paths.addAll(List.of("/", "//", "/.", "/mnt/wsl/nixstorage", "/.hidden", "/a/.b/"));
    List<String> argv = new ArrayList<>(List.of("systemd-escape", "--path", "--"));
    argv.addAll(paths);
    assertThat(Interpreters.run(Command.of(argv)).text().strip().split(" "))
        .containsExactlyElementsOf(paths.stream().map(SystemdText::unitOfPath).toList());
  }

  @Test
  void refusesWhatSystemdCannotHold() {
    for (String text : List.of("a\0b", "\uD800", "\uFFFF", "\uFDD0")) {
      assertThatIllegalArgumentException().isThrownBy(() -> SystemdText.argument(text));
      assertThatIllegalArgumentException().isThrownBy(() -> SystemdText.assignment("A", text));
    }
    assertThatIllegalArgumentException().isThrownBy(() -> SystemdText.assignment("A", "\u0001"));
    assertThatIllegalArgumentException().isThrownBy(() -> SystemdText.assignment("A=B", ""));
    assertThatIllegalArgumentException().isThrownBy(() -> SystemdText.unitName(""));
    assertThatIllegalArgumentException().isThrownBy(() -> SystemdText.unitOfPath("/a/../b"));
    assertThatIllegalArgumentException().isThrownBy(() -> SystemdText.unitOfPath("a"));
  }
}
