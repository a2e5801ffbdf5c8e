package org.nixwsl.storage.core.escape;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.core.process.Command;

class SystemdTextTest {
  @Test
  void systemdMakesTheSameNameOfEachPathAndReadsItBack() {
    Interpreters.needs("systemd-escape");
    List<String> paths =
        new ArrayList<>(List.of("/", "/a", "/.a", "/a/.b", "/-", "/a-b/c", "/:_."));
    for (String text : Interpreters.hostileTexts(1000)) {
      String path = "/" + text.replace("/*", "/x*").replace("*/", "*/y");
      boolean usual =
          Arrays.stream(path.substring(1).split("/", -1))
              .noneMatch(part -> part.isEmpty() || part.equals(".") || part.equals(".."));
      if (usual) {
        paths.add(path);
      }
    }
    assertThat(paths).hasSizeGreaterThan(500);
    List<String> names = paths.stream().map(SystemdText::path).toList();
    assertThat(said("--path", paths)).isEqualTo(String.join(" ", names));
    // Unescaped names are not told apart where the paths hold blanks; one by one these are.
    for (int i = 0; i < 20; i++) {
      assertThat(said("-pu", names.subList(i, i + 1))).isEqualTo(paths.get(i));
    }
  }

  @Test
  void refusesWhatSystemdWouldChange() {
    for (String path : List.of("", "a", "/a/", "//a", "/a//b", "/.", "/a/..", "/../a", "/a\0")) {
      assertThatIllegalArgumentException().isThrownBy(() -> SystemdText.path(path));
    }
  }

  private static String said(String option, List<String> words) {
    List<String> argv = new ArrayList<>(List.of("systemd-escape", option, "--"));
    argv.addAll(words);
    String text = Interpreters.run(Command.of(argv).with("LC_ALL", "C.UTF-8")).text();
    return text.substring(0, text.length() - 1);
  }
}
