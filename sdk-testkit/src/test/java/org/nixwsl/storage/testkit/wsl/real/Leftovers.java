package org.nixwsl.storage.testkit.wsl.real;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.testkit.OwnJvm;

/** What a machine may leave on this one. */
final class Leftovers {
  private Leftovers() {}

  /** Kills a process that has a machine, and wants nothing of the machine to be there soon. */
  static void expectNoneAfterKilling(String kind) throws Exception {
    ProcessRunner.Result killed =
        run(Command.of(OwnJvm.running(KilledMachine.class, kind)).within(Duration.ofMinutes(2)));
    assertThat(killed.exitCode()).as(killed.allText()).isEqualTo(KilledMachine.KILLED);
    String[] printed = killed.text().strip().split(" ", -1);
    assertThat(printed).as(killed.allText()).hasSize(2).endsWith("00");
    Path folder = Path.of(printed[0]);
    boolean cleaned =
        Operation.quiet(
            "test",
            operation ->
                operation.await(
                    "the guard",
                    Duration.ofMinutes(1),
                    () -> Files.notExists(folder) && processesOf(folder).isEmpty()));
    assertThat(cleaned).as("%s %s", folder, processesOf(folder)).isTrue();
    assertThat(loopsOf(folder)).isEmpty();
    assertThat(Files.readString(Path.of("/proc/self/mountinfo"))).doesNotContain(printed[0]);
    if (kind.equals(KilledMachine.CONTAINERS)) {
      assertThat(containersOf(folder)).isEmpty();
    }
  }

  /** The containers of a machine, one a line. */
  static String containersOf(Path folder) {
    return run(Command.of(
            "docker",
            "ps",
            "--all",
            "--format={{.Names}}",
            "--filter=label=org.nixwsl.machine=" + folder.resolve("machine/real")))
        .text();
  }

  static List<String> loopsOf(Path folder) throws IOException {
    return having("/sys/block", "loop*", "loop/backing_file", folder);
  }

  private static List<String> processesOf(Path folder) throws IOException {
    return having("/proc", "[0-9]*", "cmdline", folder);
  }

  /** The directories in which a file has the name of a folder in it. */
  private static List<String> having(String where, String glob, String file, Path folder)
      throws IOException {
    List<String> found = new ArrayList<>();
    try (DirectoryStream<Path> all = Files.newDirectoryStream(Path.of(where), glob)) {
      for (Path one : all) {
        String text;
        try {
          text = Files.readString(one.resolve(file));
        } catch (IOException gone) {
          continue;
        }
        if (text.contains(folder.toString())) {
          found.add(one + ": " + text.replace('\0', ' '));
        }
      }
    }
    return found;
  }

  private static ProcessRunner.Result run(Command command) {
    return Operation.quiet("test", operation -> new ProcessRunner().run(command, operation));
  }
}
