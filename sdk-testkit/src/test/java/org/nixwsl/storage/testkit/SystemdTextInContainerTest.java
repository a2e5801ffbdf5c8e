package org.nixwsl.storage.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.core.escape.SystemdText;
import org.nixwsl.storage.testkit.container.NixContainer;
import org.testcontainers.containers.Container.ExecResult;
import org.testcontainers.images.builder.Transferable;

/** A real systemd reads a unit and hands on what the SDK quoted. */
class SystemdTextInContainerTest {
  private static final String[] PIECES = {
    "'",
    "\"",
    "\\",
    "$",
    "${A}",
    "$$",
    "%",
    "%n",
    "%%",
    "\\x41",
    ";",
    "#",
    " ",
    "\t",
    "\n",
    "@-!+:",
    "a",
    "xy",
    "é",
    "漢字",
    "\uD83D\uDE00",
    "\uFEFF",
    "=",
    "{}",
    "*",
    "~",
    "|",
    "&",
    "\\"
  };

  @Test
  void systemdHandsOnArgumentsAndVariables() throws IOException, InterruptedException {
    Optional<String> missing = NixContainer.whyUnavailable();
    assumeTrue(missing.isEmpty(), missing.orElse(""));
    long seed = Long.getLong("nixwsl.seed", System.nanoTime());
    System.out.println("systemdHandsOn: -Dnixwsl.seed=" + seed);
    Random random = new Random(seed);
    List<String> arguments = texts(random, "\u0001", "\r", "\u007f");
    List<String> values = texts(random);
    StringBuilder unit =
        new StringBuilder("[Service]\nType=oneshot\nStandardOutput=file:/tmp/read\n");
    for (int i = 0; i < values.size(); i++) {
      String name = "V" + (1000 + i);
      unit.append("Environment=").append(SystemdText.assignment(name, values.get(i))).append('\n');
    }
    unit.append("ExecStart=/usr/bin/printf ").append(SystemdText.argument("%s\\0"));
    arguments.forEach(a -> unit.append(' ').append(SystemdText.argument(a)));
    unit.append("\nExecStart=/bin/sh -c ")
        .append(SystemdText.argument("env -0 | grep -z ^V1 | sort -z"))
        .append('\n');
    try (NixContainer instance = new NixContainer()) {
      instance.start();
      instance.copyFileToContainer(
          Transferable.of(unit.toString().getBytes(StandardCharsets.UTF_8)),
          "/etc/systemd/system/quoted.service");
      ExecResult started =
          instance.execInContainer(
              "sh", "-c", "systemctl daemon-reload && systemctl start quoted.service");
      assertThat(started.getExitCode()).as(started.getStderr()).isZero();
      StringBuilder expected = new StringBuilder();
      arguments.forEach(a -> expected.append(a).append('\0'));
      for (int i = 0; i < values.size(); i++) {
        expected.append("V").append(1000 + i).append('=').append(values.get(i)).append('\0');
      }
      String read = instance.execInContainer("base64", "-w0", "/tmp/read").getStdout();
      assertThat(new String(Base64.getDecoder().decode(read), StandardCharsets.UTF_8))
          .isEqualTo(expected.toString());
    }
  }

  private static List<String> texts(Random random, String... more) {
    List<String> texts = new ArrayList<>(List.of("", ";", "plain", "-x", " ", "$", "%", "\\"));
    while (texts.size() < 400) {
      StringBuilder text = new StringBuilder();
      for (int n = random.nextInt(8) + 1; n > 0; n--) {
        int piece = random.nextInt(PIECES.length + more.length);
        text.append(piece < PIECES.length ? PIECES[piece] : more[piece - PIECES.length]);
      }
      texts.add(text.toString());
    }
    return texts;
  }
}
