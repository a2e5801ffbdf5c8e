package org.nixwsl.storage.windows.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.core.escape.WindowsArguments;
import org.nixwsl.storage.core.escape.XmlText;
import org.w3c.dom.Document;

class TaskDefinitionTest {
  private static final String[] PARTS = {
    "<",
    ">",
    "&",
    "]]>",
    "<!--",
    "-->",
    "&amp;",
    "&#10;",
    "\"",
    "'",
    "\\",
    " ",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "a",
    "é",
    "漢字",
    "\uD83D\uDE00",
    "\u007f",
    "\uFEFF",
    "%",
    "</Command>"
  };

  @Test
  void aParserReadsBackWhateverWasWritten() throws IOException {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int i = 0; i < 2000; i++) {
      String user = "x" + text(random) + "x";
      List<String> command = List.of("C" + text(random) + "x", text(random), text(random));
      Document task = TaskDefinition.parse(TaskDefinition.atLogon(user, text(random), command));
      assertThat(content(task, "UserId")).as("seed %d", seed).isEqualTo(user);
      assertThat(content(task, "Command")).as("seed %d", seed).isEqualTo(command.get(0));
      assertThat(content(task, "Arguments"))
          .as("seed %d", seed)
          .isEqualTo(WindowsArguments.joined(command.subList(1, 3)));
      assertThat(TaskDefinition.runsAsUser(task)).isTrue();
      assertThat(task.getElementsByTagName("*").getLength()).isEqualTo(26);
    }
  }

  @Test
  void refusesWhatXmlCannotHold() {
    for (String text : List.of("a\0b", "\uD800", "\u0001", "\u001b[0m", "\uFFFE", "\uFFFF")) {
      assertThatIllegalArgumentException().isThrownBy(() -> XmlText.content(text));
    }
  }

  @Test
  void readsNothingThatADefinitionRefersTo() {
    String hostile = "<!DOCTYPE t [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><t>&x;</t>";
    assertThatThrownBy(() -> TaskDefinition.parse(hostile)).isInstanceOf(IOException.class);
  }

  private static String text(Random random) {
    StringBuilder text = new StringBuilder();
    for (int k = random.nextInt(8); k > 0; k--) {
      text.append(PARTS[random.nextInt(PARTS.length)]);
    }
    return text.toString();
  }

  private static String content(Document task, String element) {
    return task.getElementsByTagName(element).item(0).getTextContent();
  }
}
