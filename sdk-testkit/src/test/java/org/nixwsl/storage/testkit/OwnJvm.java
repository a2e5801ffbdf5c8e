package org.nixwsl.storage.testkit;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Programs of the tests in a JVM of their own, which can be killed. */
public final class OwnJvm {
  private OwnJvm() {}

  /** The command that runs the main method of a class of the tests. */
  public static List<String> running(Class<?> program, String... arguments) {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                program.getName()));
    command.addAll(List.of(arguments));
    return command;
  }
}
