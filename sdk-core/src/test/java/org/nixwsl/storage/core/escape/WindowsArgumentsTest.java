package org.nixwsl.storage.core.escape;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class WindowsArgumentsTest {
  private static final String[] PARTS = {
    "\\", "\\\\", "\"", "\"\"", " ", "\t", "a", "ü", "'", "%X%", "^", "&", "|", "\n", "-", "/"
  };

  @Test
  void aProgramTakesApartWhatWasJoined() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int i = 0; i < 20_000; i++) {
      List<String> arguments = new ArrayList<>();
      for (int n = random.nextInt(5); n >= 0; n--) {
        StringBuilder argument = new StringBuilder();
        for (int k = random.nextInt(8); k > 0; k--) {
          argument.append(PARTS[random.nextInt(PARTS.length)]);
        }
        arguments.add(argument.toString());
      }
      assertThat(takenApart(WindowsArguments.joined(arguments)))
          .as("seed %d", seed)
          .isEqualTo(arguments);
    }
  }

  @Test
  void theExamplesOfTheWindowsDocumentationAreReadAsTheyAreThere() {
    assertThat(takenApart("\"a b c\" d e")).containsExactly("a b c", "d", "e");
    assertThat(takenApart("\"ab\\\"c\" \"\\\\\" d")).containsExactly("ab\"c", "\\", "d");
    assertThat(takenApart("a\\\\\\b d\"e f\"g h")).containsExactly("a\\\\\\b", "de fg", "h");
    assertThat(takenApart("a\\\\\\\"b c d")).containsExactly("a\\\"b", "c", "d");
    assertThat(takenApart("a\\\\\\\\\"b c\" d e")).containsExactly("a\\\\b c", "d", "e");
  }

  @Test
  void refusesWhatNoCommandLineCanHold() {
    for (String text : List.of("a\0b", "\uD800")) {
      assertThatIllegalArgumentException().isThrownBy(() -> WindowsArguments.joined(List.of(text)));
    }
  }

  /** The rules of the Microsoft C runtime for the arguments after the program. */
  private static List<String> takenApart(String line) {
    List<String> arguments = new ArrayList<>();
    int at = 0;
    while (true) {
      while (at < line.length() && " \t".indexOf(line.charAt(at)) >= 0) {
        at++;
      }
      if (at == line.length()) {
        return arguments;
      }
      StringBuilder argument = new StringBuilder();
      boolean quoted = false;
      while (at < line.length() && (quoted || " \t".indexOf(line.charAt(at)) < 0)) {
        int backslashes = 0;
        while (at < line.length() && line.charAt(at) == '\\') {
          backslashes++;
          at++;
        }
        if (at == line.length() || line.charAt(at) != '"') {
          argument.append("\\".repeat(backslashes));
          if (at < line.length() && (quoted || " \t".indexOf(line.charAt(at)) < 0)) {
            argument.append(line.charAt(at++));
          }
          continue;
        }
        argument.append("\\".repeat(backslashes / 2));
        if (backslashes % 2 == 1) {
          argument.append('"');
        } else if (quoted && at + 1 < line.length() && line.charAt(at + 1) == '"') {
          argument.append('"');
          at++;
        } else {
          quoted = !quoted;
        }
        at++;
      }
      arguments.add(argument.toString());
    }
  }
}
